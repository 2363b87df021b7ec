//! Who may send, what, and on whose behalf.

use std::cell::Cell;
use std::task::Poll;

use super::{Letter, Office, in_scope, poll};
use crate::common::{Log, in_order, settled};
use tenure::TrySendError;
use tenure::prelude::*;

#[test]
fn blocking_job_tells_and_asks() {
    struct Sum(u64);
    enum SumMsg {
        Add(u64),
        Get(ReplyTo<u64>),
    }
    impl Actor for Sum {
        type Msg = SumMsg;
        async fn handle(&mut self, msg: SumMsg, _: &mut Context<Self>) -> tenure::Result {
            match msg {
                SumMsg::Add(number) => self.0 += number,
                SumMsg::Get(reply) => reply.send(self.0),
            }
            Ok(())
        }
    }
    // Two jobs block a thread each, and a simulation has only one.
    in_order(async |_check| {
        let ended = tenure::scope(async |scope| {
            let spec = ChildSpec::new(Sum(0)).mailbox(Mailbox::bounded(1));
            let sum = scope.spawn(spec).unwrap();
            let jobs: Vec<_> = (0..2)
                .map(|_| {
                    let sum = sum.clone();
                    scope.blocking(move |_token| {
                        for number in 0..1_000 {
                            sum.blocking_tell(SumMsg::Add(number))?;
                        }
                        Ok::<_, tenure::Error>(sum.blocking_ask(SumMsg::Get)?)
                    })
                })
                .collect();
            let mut most = 0;
            for job in jobs {
                most = most.max(job.unwrap().await.unwrap());
            }
            assert_eq!(most, 2 * (999 * 1_000 / 2));

            sum.stop().await.unwrap();
            let late = sum.clone();
            let job = scope.blocking(move |_token| {
                let told = late.blocking_tell(SumMsg::Add(7));
                let asked = late.blocking_ask(SumMsg::Get);
                Ok::<_, tenure::Error>((told, asked))
            });
            let (told, asked) = job.unwrap().await.unwrap();
            assert!(matches!(told.unwrap_err().into_inner(), SumMsg::Add(7)));
            assert_eq!(asked, Err(AskError::Stopped));
            Ok(())
        });
        ended.await.unwrap();
    });
}

#[test]
fn message_needs_only_be_send() {
    struct Cells;
    enum CellMsg {
        Take(Cell<u32>),
        Swap(Cell<u32>, ReplyTo<Cell<u32>>),
    }
    impl Actor for Cells {
        type Msg = CellMsg;
        async fn handle(&mut self, msg: CellMsg, _: &mut Context<Self>) -> tenure::Result {
            match msg {
                CellMsg::Take(cell) => assert_eq!(cell.get(), 1),
                CellMsg::Swap(cell, reply) => {
                    tokio::task::yield_now().await;
                    reply.send(cell);
                }
            }
            Ok(())
        }
    }
    in_scope(async |scope, _check| {
        let cells = scope.spawn(Cells).unwrap();
        let telling = cells.clone();
        let task = scope.task(async move {
            telling.tell(CellMsg::Take(Cell::new(1))).await?;
            telling.try_tell(CellMsg::Take(Cell::new(1)))?;
            telling.reserve().await?.send(CellMsg::Take(Cell::new(1)))?;
            let swapped = telling
                .ask(|reply| CellMsg::Swap(Cell::new(5), reply))
                .await?;
            Ok::<_, tenure::Error>(swapped.get())
        });
        assert_eq!(task.unwrap().await.unwrap(), 5);
    });
}

/// Takes two kinds of messages, and gives each half of its clients a recipient for one of them.
struct Desk(Log);

enum DeskMsg {
    Note(String),
    Count(ReplyTo<usize>),
    #[allow(dead_code, reason = "it is never handled")]
    Poison(ActorRef<DeskMsg>, Option<ReplyTo<usize>>),
}

impl From<String> for DeskMsg {
    fn from(note: String) -> Self {
        Self::Note(note)
    }
}

impl From<ReplyTo<usize>> for DeskMsg {
    fn from(reply: ReplyTo<usize>) -> Self {
        Self::Count(reply)
    }
}

/// Its conversion into a message ends the actor that it is sent to.
struct Poison(ActorRef<DeskMsg>, Option<ReplyTo<usize>>);

impl From<Poison> for DeskMsg {
    fn from(Poison(desk, reply): Poison) -> Self {
        drop(desk.stop());
        Self::Poison(desk, reply)
    }
}

impl Actor for Desk {
    type Msg = DeskMsg;

    async fn handle(&mut self, msg: DeskMsg, _: &mut Context<Self>) -> tenure::Result {
        match msg {
            DeskMsg::Note(note) => self.0.push(note),
            DeskMsg::Count(reply) => reply.send(self.0.entries().len()),
            DeskMsg::Poison(..) => unreachable!("it came too late"),
        }
        Ok(())
    }
}

#[test]
fn recipient_sends_a_part_of_what_an_actor_takes() {
    in_scope(async |scope, check| {
        let log = Log::default();
        let office = Office::full(scope, check, 1).await;
        let desk = scope
            .spawn(ChildSpec::new(Desk(log.clone())).mailbox(Mailbox::bounded(1)))
            .unwrap();
        let notes: Recipient<String> = desk.recipient();
        let counts: Recipient<ReplyTo<usize>> = desk.recipient();
        assert_eq!(notes.id(), desk.id());

        notes.tell("one".into()).await.unwrap();
        assert_eq!(counts.ask(|reply| reply).await, Ok(1));
        notes.try_tell("two".into()).unwrap();
        let Err(TrySendError::Full(refused)) = notes.try_tell("three".into()) else {
            panic!("there was room");
        };
        assert_eq!(refused.into_inner(), "three");
        notes.tell("four".into()).await.unwrap();
        assert_eq!(counts.ask(|reply| reply).await, Ok(3));
        assert_eq!(log.entries(), ["one", "two", "four"]);

        // A recipient waits in the same line as all other senders.
        let letters: Recipient<Letter> = office.clerk.recipient();
        let mut first = Box::pin(letters.tell(office.letter(2)));
        let mut second = Box::pin(office.clerk.tell(office.letter(3)));
        assert!(poll(&mut first).is_pending());
        assert!(poll(&mut second).is_pending());
        office.handle(1).await;
        let barging = letters.try_tell(office.letter(900));
        assert!(matches!(barging, Err(TrySendError::Full(_))), "{barging:?}");
        drop(barging);
        // It is dropped with room that was granted to it.
        drop(first);
        assert!(matches!(poll(&mut second), Poll::Ready(Ok(()))));
        drop(second);
        drop(letters);
        office.assert_handled([0, 1, 3]).await;

        // An ask that is dropped before it is started is skipped.
        let mut asking = Box::pin(counts.ask(|reply| reply));
        assert!(poll(&mut asking).is_pending());
        drop(asking);
        settled().await;
        assert_eq!(desk.node().backlog(), 0);

        let poisons: Recipient<Poison> = desk.recipient();
        let asked: Result<usize, _> = poisons.ask(|reply| Poison(desk.clone(), Some(reply))).await;
        assert_eq!(asked, Err(AskError::Stopped), "it was never started");
        desk.stopped().await.unwrap();

        let Err(SendError::Stopped(refused)) = notes.tell("late".into()).await else {
            panic!("a stopped actor took a message");
        };
        assert_eq!(refused.into_inner(), "late");
        let refused = notes.try_tell("late".into());
        assert!(
            matches!(refused, Err(TrySendError::Stopped(_))),
            "{refused:?}"
        );
        assert_eq!(counts.ask(|reply| reply).await, Err(AskError::Stopped));
        let other = notes.clone();
        assert!(format!("{other:?}").starts_with("Recipient(\"/Desk-"));
    });
}

#[test]
fn recipient_says_whether_its_actor_has_stopped() {
    in_scope(async |scope, check| {
        let office = Office::new(scope, check, Mailbox::default());
        let letters: Recipient<Letter> = office.clerk.recipient();
        assert!(!letters.is_stopped());
        office.clerk.stop().await.unwrap();
        assert!(letters.is_stopped());
    });
}

#[test]
fn forwarded_ask_is_answered_by_the_last() {
    struct Relay(Option<ActorRef<ReplyTo<&'static str>>>);
    impl Actor for Relay {
        type Msg = ReplyTo<&'static str>;
        async fn handle(&mut self, reply: Self::Msg, _: &mut Context<Self>) -> tenure::Result {
            match &self.0 {
                Some(next) => next.forward(reply, |reply| reply).await?,
                None => reply.send("from the last"),
            }
            Ok(())
        }
    }
    in_scope(async |scope, _check| {
        let last = scope.spawn(Relay(None)).unwrap();
        let middle = ChildSpec::new(Relay(Some(last.clone()))).contain();
        let middle = scope.spawn(middle).unwrap();
        let first = scope.spawn(Relay(Some(middle))).unwrap();
        assert_eq!(first.ask(|reply| reply).await, Ok("from the last"));

        // A refused message comes back with its reply.
        last.stop().await.unwrap();
        // The failure of an actor that did not handle a message does not keep that message.
        let asked = first.ask(|reply| reply).await;
        assert_eq!(asked, Err(AskError::NoReply));
    });
}
