//! An ask that is forwarded keeps its caller, its deadline, and the reason why there is no reply.
//! `actors/tests/actors/forwarding` checks the same for every actor that only forwards.

use std::time::Duration;

use crate::common::{Check, Count, paused};
use tenure::prelude::*;
use tokio::sync::oneshot;
use tokio::time::timeout;

const SECOND: Duration = Duration::from_secs(1);

enum Msg {
    /// The hop forwards the message without taking the reply out.
    Opaque(Work, ReplyTo<u32>),
    /// The hop takes the reply out and forwards it in a new message.
    Open(Work, ReplyTo<u32>),
    Tell,
}

#[derive(Clone, Copy)]
enum Work {
    Reply,
    Fail,
    /// Drops the reply, and then asks the caller.
    DropAndAskBack,
    UntilCallerGone,
}

/// Forwards everything to the next hop. The last one does the work.
struct Hop {
    next: Option<ActorRef<Msg>>,
    back: Option<ActorRef<AskerMsg>>,
    given_up: Count,
}

impl Actor for Hop {
    type Msg = Msg;

    async fn handle(&mut self, msg: Msg, ctx: &mut Context<Self>) -> tenure::Result {
        let Some(next) = &self.next else {
            return self.work(msg, ctx).await;
        };
        match msg {
            Msg::Open(work, reply) => next.forward(reply, |reply| Msg::Open(work, reply)).await?,
            opaque => match ctx.try_forward(next, opaque) {
                Ok(()) => {}
                Err(full) => ctx.forward(next, full.into_inner()).await?,
            },
        }
        Ok(())
    }
}

impl Hop {
    async fn work(&mut self, msg: Msg, ctx: &Context<Self>) -> tenure::Result {
        let (work, reply) = match msg {
            Msg::Opaque(work, reply) | Msg::Open(work, reply) => (work, reply),
            Msg::Tell => return Ok(()),
        };
        match work {
            Work::Reply => reply.send(7),
            Work::Fail => return Err("told to".into()),
            Work::DropAndAskBack => {
                drop(reply);
                if let Some(back) = &self.back {
                    back.ask(AskerMsg::Ping).await?;
                }
            }
            Work::UntilCallerGone => {
                let work = std::future::pending::<()>();
                if ctx.until_caller_gone(work).await.is_none() {
                    self.given_up.add();
                }
                drop(reply);
            }
        }
        Ok(())
    }
}

struct Chain {
    first: ActorRef<Msg>,
    last: ActorRef<Msg>,
    given_up: Count,
}

fn chain(scope: &Scope, hops: usize, check: &Check) -> tenure::Result<Chain> {
    let given_up = Count::default();
    let hop = |next| Hop {
        next,
        back: None,
        given_up: given_up.clone(),
    };
    let last = scope.spawn(ChildSpec::new(hop(None)).contain())?;
    check.node(last.node());
    let mut first = last.clone();
    for _ in 0..hops {
        first = scope.spawn(hop(Some(first)))?;
    }
    Ok(Chain {
        first,
        last,
        given_up,
    })
}

/// Runs the test with both ways of forwarding, over one hop and over three.
async fn each(
    check: &Check,
    test: impl AsyncFn(Chain, fn(Work, ReplyTo<u32>) -> Msg) -> tenure::Result,
) {
    let ways: [fn(Work, ReplyTo<u32>) -> Msg; 2] = [Msg::Opaque, Msg::Open];
    for (hops, way) in [(1, 0), (1, 1), (3, 0), (3, 1)] {
        tenure::scope(async |scope| test(chain(&scope, hops, check)?, ways[way]).await)
            .await
            .unwrap();
    }
}

#[test]
fn reply_comes_over_any_number_of_hops() {
    paused(async |check| {
        each(&check, async |chain, way| {
            assert_eq!(chain.first.ask(|reply| way(Work::Reply, reply)).await?, 7);
            Ok(())
        })
        .await;
    });
}

#[test]
fn failure_is_told_as_a_failure() {
    paused(async |check| {
        each(&check, async |chain, way| {
            let reply = chain.first.ask(|reply| way(Work::Fail, reply)).await;
            assert_eq!(reply, Err(AskError::Failed));
            Ok(())
        })
        .await;
    });
}

#[test]
fn asker_that_goes_ends_the_work_with_a_limit_and_without() {
    paused(async |check| {
        each(&check, async |chain, way| {
            let ask = || chain.first.ask(|reply| way(Work::UntilCallerGone, reply));
            assert!(timeout(SECOND, ask()).await.is_err());
            assert!(ask().timeout(SECOND).await.is_err());
            let answered = chain.last.ask(|reply| way(Work::Reply, reply)).await?;
            assert_eq!((answered, chain.given_up.get()), (7, 2));
            Ok(())
        })
        .await;
    });
}

/// The message waits in the last mailbox when its caller goes.
#[test]
fn message_whose_caller_has_gone_is_not_started_where_it_was_handed_on_to() {
    paused(async |check| {
        each(&check, async |chain, way| {
            for limit in [None, Some(SECOND)] {
                let before = chain.given_up.get();
                let busy = chain
                    .last
                    .ask(|reply| Msg::Opaque(Work::UntilCallerGone, reply));
                let queued = chain.first.ask(|reply| way(Work::UntilCallerGone, reply));
                let queued = async {
                    match limit {
                        Some(limit) => assert!(queued.timeout(limit).await.is_err()),
                        None => assert!(timeout(SECOND, queued).await.is_err()),
                    }
                };
                let (busy, ()) = tokio::join!(timeout(2 * SECOND, busy), queued);
                assert!(busy.is_err());
                let answered = chain.last.ask(|reply| way(Work::Reply, reply)).await?;
                assert_eq!((answered, chain.given_up.get() - before), (7, 1));
            }
            Ok(())
        })
        .await;
    });
}

/// The recipe of an actor that asks back an actor that it is given later.
struct Back(oneshot::Receiver<ActorRef<AskerMsg>>);

impl Start for Back {
    type Actor = Hop;

    async fn start(self, _: &mut Context<Hop>) -> tenure::Result<Hop> {
        let back = Some(self.0.await?);
        Ok(Hop {
            next: None,
            back,
            given_up: Count::default(),
        })
    }
}

/// Asks a hop in its handler.
struct Asker(ActorRef<Msg>);

enum AskerMsg {
    Ask(ReplyTo<Result<u32, AskError>>),
    Ping(ReplyTo<()>),
}

impl Actor for Asker {
    type Msg = AskerMsg;

    async fn handle(&mut self, msg: AskerMsg, _: &mut Context<Self>) -> tenure::Result {
        match msg {
            AskerMsg::Ask(reply) => {
                let asked = self.0.ask(|reply| Msg::Opaque(Work::DropAndAskBack, reply));
                reply.send(asked.await);
            }
            AskerMsg::Ping(reply) => reply.send(()),
        }
        Ok(())
    }
}

#[test]
fn reply_that_was_handed_on_and_dropped_is_settled_before_the_handler_waits() {
    paused(async |check| {
        tenure::scope(async |scope| {
            let (give, given) = oneshot::channel();
            let last = scope.spawn(Back(given))?;
            let relay = scope.spawn(Hop {
                next: Some(last),
                back: None,
                given_up: Count::default(),
            })?;
            let asker = scope.spawn(Asker(relay))?;
            check.node(asker.node());
            assert!(give.send(asker.clone()).is_ok());
            // If the handler kept the reply until its end, its own ask would wait for the caller, and the caller for
            // it.
            let asked = timeout(SECOND, asker.ask(AskerMsg::Ask)).await?;
            assert_eq!(asked?, Err(AskError::NoReply));
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn message_that_nobody_waits_for_is_handed_on_as_any_other() {
    paused(async |check| {
        tenure::scope(async |scope| {
            let chain = chain(&scope, 3, &check)?;
            for _ in 0..3_000 {
                chain.first.tell(Msg::Tell).await?;
            }
            chain
                .first
                .ask(|reply| Msg::Opaque(Work::Reply, reply))
                .await?;
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn message_comes_back_from_an_actor_that_takes_no_more() {
    paused(async |check| {
        tenure::scope(async |scope| {
            let chain = chain(&scope, 1, &check)?;
            chain.last.stop().await?;
            let reply = chain
                .first
                .ask(|reply| Msg::Opaque(Work::Reply, reply))
                .await;
            // The hop fails with the message that it could not forward, and so does the ask.
            assert_eq!(reply, Err(AskError::Failed));
            Ok(())
        })
        .await
        .unwrap_err();
    });
}
