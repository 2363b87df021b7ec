//! The chat of `09-chat`, over streams that hold few bytes, so that a slow reader is slow at once.

#[path = "../../tests/common/mod.rs"]
mod common;
#[path = "../09-chat/room.rs"]
mod room;
#[path = "../09-chat/session.rs"]
mod session;

use common::paused;
use room::{Room, RoomMsg};
use session::{WRITE_LIMIT, session};
use tenure::prelude::*;
use tokio::io::{
    AsyncBufReadExt, AsyncWriteExt, BufReader, DuplexStream, Lines, ReadHalf, WriteHalf, duplex,
    split,
};
use tokio::time::Instant;

/// Owns the sessions, as the server of the example does.
struct Sessions {
    room: ActorRef<RoomMsg>,
}

impl Actor for Sessions {
    type Msg = DuplexStream;

    async fn handle(&mut self, stream: DuplexStream, ctx: &mut Context<Self>) -> tenure::Result {
        ctx.spawn(session(stream, self.room.clone()))?;
        Ok(())
    }
}

struct Chat {
    system: System,
    sessions: ActorRef<DuplexStream>,
}

impl Chat {
    fn open() -> Self {
        let system = System::start().unwrap();
        let room = system.spawn(Room::default()).unwrap();
        let spec = ChildSpec::new(Sessions { room }).stop_order(StopOrder::Concurrent);
        let sessions = system.spawn(spec).unwrap();
        Self { system, sessions }
    }

    /// A client that was let in under this name.
    async fn enter(&self, name: &str) -> Client {
        let mut client = self.connect().await;
        assert_eq!(client.hear().await, "* who are you?");
        client.say(name).await;
        assert_eq!(client.hear().await, format!("* welcome, {name}"));
        client
    }

    async fn connect(&self) -> Client {
        let (ours, theirs) = duplex(16);
        self.sessions.tell(theirs).await.unwrap();
        let (reader, writer) = split(ours);
        let lines = BufReader::with_capacity(1, reader).lines();
        Client { lines, writer }
    }
}

struct Client {
    lines: Lines<BufReader<ReadHalf<DuplexStream>>>,
    writer: WriteHalf<DuplexStream>,
}

impl Client {
    async fn say(&mut self, line: &str) {
        self.writer
            .write_all(format!("{line}\n").as_bytes())
            .await
            .unwrap();
    }

    async fn hear(&mut self) -> String {
        self.lines.next_line().await.unwrap().unwrap()
    }

    /// All lines until the end of the stream.
    async fn hear_the_rest(mut self) -> Vec<String> {
        let mut heard = Vec::new();
        while let Some(line) = self.lines.next_line().await.unwrap() {
            heard.push(line);
        }
        heard
    }
}

#[test]
fn a_line_reaches_all_but_the_one_who_said_it() {
    paused(async |_check| {
        let chat = Chat::open();
        let mut ann = chat.enter("ann").await;
        let mut bob = chat.enter("bob").await;
        assert_eq!(ann.hear().await, "* bob is here");
        ann.say("good morning").await;
        assert_eq!(bob.hear().await, "ann: good morning");
        bob.say("is it?").await;
        assert_eq!(ann.hear().await, "bob: is it?");
        drop((ann, bob));
        chat.system.drain().await.unwrap();
    });
}

#[test]
fn a_name_is_taken_until_its_session_is_gone() {
    paused(async |_check| {
        let chat = Chat::open();
        let ann = chat.enter("ann").await;
        let mut bob = chat.enter("bob").await;
        let mut other = chat.connect().await;
        assert_eq!(other.hear().await, "* who are you?");
        other.say("ann").await;
        assert_eq!(other.hear().await, "* that name is taken");
        other.say("").await;
        assert_eq!(other.hear().await, "* that is no name");
        drop(ann);
        assert!(bob.hear().await.starts_with("* ann has left"));
        other.say("ann").await;
        assert_eq!(other.hear().await, "* welcome, ann");
        drop((bob, other));
        chat.system.drain().await.unwrap();
    });
}

#[test]
fn whoever_falls_too_far_behind_is_dropped_and_holds_up_nobody() {
    paused(async |_check| {
        let chat = Chat::open();
        let mut ann = chat.enter("ann").await;
        let _reads_nothing = chat.enter("bob").await;
        let mut cat = chat.enter("cat").await;
        assert_eq!(ann.hear().await, "* bob is here");
        assert_eq!(ann.hear().await, "* cat is here");
        let began = Instant::now();
        let mut said = 0;
        let heard = loop {
            ann.say("and another thing").await;
            said += 1;
            let heard = cat.hear().await;
            if heard != "ann: and another thing" {
                break heard;
            }
            assert!(said < 100, "nobody was dropped");
        };
        assert_eq!(heard, "* bob has left: reads too slowly");
        assert_eq!(ann.hear().await, heard);
        assert_eq!(began.elapsed(), std::time::Duration::ZERO);
        drop((ann, cat));
        chat.system.drain().await.unwrap();
    });
}

#[test]
fn whoever_takes_nothing_for_a_while_is_dropped() {
    paused(async |_check| {
        let chat = Chat::open();
        let mut ann = chat.enter("ann").await;
        let _reads_nothing = chat.enter("bob").await;
        assert_eq!(ann.hear().await, "* bob is here");
        let began = Instant::now();
        ann.say("a line of more than 16 bytes").await;
        assert_eq!(ann.hear().await, "* bob has left: takes no lines any more");
        assert!(began.elapsed() >= WRITE_LIMIT);
        assert!(began.elapsed() < 2 * WRITE_LIMIT);
        drop(ann);
        chat.system.drain().await.unwrap();
    });
}

#[test]
fn a_line_without_an_end_ends_its_session_and_no_other() {
    paused(async |_check| {
        let chat = Chat::open();
        let mut ann = chat.enter("ann").await;
        let mut bob = chat.enter("bob").await;
        assert_eq!(ann.hear().await, "* bob is here");
        bob.writer.write_all(&[b'x'; 1_024]).await.unwrap();
        assert_eq!(
            ann.hear().await,
            "* bob has left: sends lines without an end"
        );
        drop((ann, bob));
        chat.system.drain().await.unwrap();
    });
}

#[test]
fn a_drain_says_goodbye_to_everybody_who_reads_and_waits_for_nobody_who_does_not() {
    paused(async |_check| {
        let chat = Chat::open();
        let mut clients = Vec::new();
        for name in ["ann", "bob", "cat"] {
            clients.push(chat.enter(name).await);
        }
        let stuck = chat.enter("dan").await;
        clients[0].say("one last thing").await;
        assert_eq!(clients[2].hear().await, "* dan is here");
        assert_eq!(clients[2].hear().await, "ann: one last thing");
        let began = Instant::now();
        let drained = chat.system.drain();
        for client in clients {
            let heard = client.hear_the_rest().await;
            assert_eq!(heard.last().unwrap(), "* goodbye", "{heard:?}");
        }
        assert!(began.elapsed() < WRITE_LIMIT);
        drained.await.unwrap();
        drop(stuck);
    });
}
