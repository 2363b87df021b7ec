//! Asks that have a limit of their own beside an inherited one, and messages whose deadline is only known later.

use std::time::Duration;

use super::LIMIT;
use crate::common::node::{self, Node, hold, note};
use crate::common::{Log, paused};
use tenure::Stashed;
use tenure::prelude::*;
use tokio::time::{Instant, sleep, timeout};

/// The limit that an ask in a handler sets for itself.
#[derive(Debug, Clone, Copy)]
enum Own {
    Earlier,
    Later,
    /// The one that it would inherit anyway.
    Same,
    /// It asks for no deadline at all.
    No,
}

/// Never replies.
struct Silent;

impl Actor for Silent {
    type Msg = ReplyTo<()>;

    async fn handle(&mut self, reply: ReplyTo<()>, _: &mut Context<Self>) -> tenure::Result {
        reply.gone().await;
        Ok(())
    }
}

/// Asks the silent actor. Logs what came of that, and after how long.
struct Asker {
    silent: ActorRef<ReplyTo<()>>,
    log: Log,
}

impl Actor for Asker {
    type Msg = (Own, ReplyTo<()>);

    async fn handle(
        &mut self,
        (own, _reply): Self::Msg,
        ctx: &mut Context<Self>,
    ) -> tenure::Result {
        let begin = Instant::now();
        let inherited = ctx.deadline().unwrap();
        let ask = self.silent.ask(|reply| reply);
        let ask = match own {
            Own::Earlier => ask.timeout(LIMIT / 3),
            Own::Later => ask.deadline(inherited + LIMIT),
            Own::Same => ask.deadline(inherited),
            Own::No => ask.no_deadline(),
        };
        self.log.push(match timeout(LIMIT * 10, ask).await {
            Ok(Err(AskError::TimedOut { inherited, .. })) => {
                format!("{:?}, inherited: {inherited}", begin.elapsed())
            }
            other => format!("{:?}: {other:?}", begin.elapsed()),
        });
        Ok(())
    }
}

#[test]
fn earlier_of_two_deadlines_holds() {
    for (own, expected) in [
        (Own::Earlier, "1s, inherited: false"),
        (Own::Later, "3s, inherited: true"),
        (Own::Same, "3s, inherited: false"),
        (Own::No, "30s: Err(Elapsed(()))"),
    ] {
        paused(async |_| {
            let (system, log) = (System::start().unwrap(), Log::default());
            let silent = system.spawn(Silent).unwrap();
            let asker = Asker {
                silent,
                log: log.clone(),
            };
            let asker = system
                .spawn(ChildSpec::new(asker).grace(LIMIT * 20))
                .unwrap();
            let asked = asker.ask(|reply| (own, reply)).timeout(LIMIT).await;
            assert!(asked.is_err());
            asker.drain().await.unwrap();
            assert_eq!(log.entries(), [expected], "{own:?}");
            system.stop().await.unwrap();
        });
    }
}

#[test]
fn deadline_of_an_ask_that_has_waited_for_room_is_known() {
    paused(async |check| {
        let system = System::start().unwrap();
        let spec = ChildSpec::new(Node::new(&check, &Log::default())).mailbox(Mailbox::bounded(1));
        let actor = system.spawn(spec).unwrap();
        let gate = hold(&actor).await;
        actor.try_tell(note("full")).unwrap();
        let asking = actor.ask(|reply: ReplyTo<Option<Duration>>| {
            node::run(move |ctx| {
                reply.send(ctx.deadline().map(|at| at - Instant::now()));
            })
        });
        let go_on = async {
            sleep(LIMIT / 3).await;
            gate.open();
        };
        let (left, ()) = tokio::join!(asking.timeout(LIMIT), go_on);
        assert_eq!(left, Ok(Some(LIMIT - LIMIT / 3)));
        system.stop().await.unwrap();
    });
}

/// Puts aside what it is asked, and says until when it has to be answered.
#[derive(Default)]
struct Shelf(Option<Stashed<Kept>>);

enum Kept {
    Ask(ReplyTo<()>),
    Left(ReplyTo<Option<Duration>>),
    Answer,
}

impl Actor for Shelf {
    type Msg = Kept;

    async fn handle(&mut self, msg: Kept, ctx: &mut Context<Self>) -> tenure::Result {
        match msg {
            Kept::Ask(_) => self.0 = Some(ctx.stash(msg)),
            Kept::Left(reply) => {
                let limit = self.0.as_ref().and_then(Stashed::deadline);
                reply.send(limit.map(|limit| limit - Instant::now()));
            }
            Kept::Answer => {
                if let Some(Kept::Ask(reply)) = self.0.take().map(Stashed::into_inner) {
                    reply.send(());
                }
            }
        }
        Ok(())
    }
}

#[test]
fn deadline_of_what_is_put_aside_is_known() {
    paused(async |_| {
        let system = System::start().unwrap();
        let shelf = system.spawn(Shelf::default()).unwrap();
        for limit in [Some(LIMIT), None] {
            let ask = shelf.ask(Kept::Ask);
            let ask = match limit {
                Some(limit) => ask.timeout(limit),
                None => ask,
            };
            let later = async {
                sleep(LIMIT / 3).await;
                let left = shelf.ask(Kept::Left).await;
                shelf.tell(Kept::Answer).await.unwrap();
                left
            };
            let (asked, left) = tokio::join!(ask, later);
            assert_eq!(asked, Ok(()));
            assert_eq!(left, Ok(limit.map(|limit| limit - LIMIT / 3)));
        }
        system.stop().await.unwrap();
    });
}
