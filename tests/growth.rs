//! Memory follows what is alive: whatever is done again and again in one actor, handler or system leaves
//! nothing behind.
//!
//! Counted of the thread that runs all: the most that is allocated at a time, from before the first round on.

mod common;

use std::error::Error as StdError;
use std::fmt;
use std::future::{Future, pending};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{self, Poll, Wake, Waker};
use std::time::Duration;

use allocation_counter::measure;
use common::paused_runtime;
use tenure::Strategy;
use tenure::prelude::*;
use tenure::testing::LeakCheck;
use tokio::runtime::Runtime;
use tokio::task::yield_now;

/// What is cheap is done so often.
const ROUNDS: usize = 50_000;
/// What takes a spawn and a stop each time, in a debug build.
const FEWER: usize = 10_000;
/// What makes a tree each time.
const FEW: usize = 2_000;

/// Of all that a test has: less than two bytes a round, of [`ROUNDS`].
const BAR: u64 = 96 * 1_024;

/// Runs a test, which must not have taken more than this at any time.
fn within(bytes: u64, runtime: &Runtime, test: impl Future<Output = ()>) {
    // What a thread makes once.
    runtime.block_on(async {
        let system = System::start().unwrap();
        system.spawn(Does).unwrap().stop().await.unwrap();
        system.stop().await.unwrap();
    });
    let taken = measure(|| runtime.block_on(test));
    assert!(
        taken.bytes_max <= bytes,
        "{} bytes at a time, and at most {bytes} are meant to be",
        taken.bytes_max
    );
}

fn flat(test: impl Future<Output = ()>) {
    within(BAR, &paused_runtime(), test);
}

/// Does what it is told.
struct Does;

// A handler may hold its context across an await if its messages are `Sync`.
type Work = Box<dyn for<'a> FnOnce(&'a mut Context<Does>) -> Done<'a> + Send + Sync>;
type Done<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

enum Msg {
    Do(Work),
    Ask(ReplyTo<()>),
    /// Waits until the reply to it is not awaited any more.
    Hold(ReplyTo<()>),
    Nothing,
}

impl From<ReplyTo<()>> for Msg {
    fn from(reply: ReplyTo<()>) -> Self {
        Self::Ask(reply)
    }
}

impl From<()> for Msg {
    fn from((): ()) -> Self {
        Self::Nothing
    }
}

impl Actor for Does {
    type Msg = Msg;

    async fn handle(&mut self, msg: Msg, ctx: &mut Context<Self>) -> tenure::Result {
        match msg {
            Msg::Do(work) => work(ctx).await,
            Msg::Ask(reply) => reply.send(()),
            Msg::Hold(reply) => reply.gone().await,
            Msg::Nothing => {}
        }
        Ok(())
    }

    async fn on_child_exit(&mut self, _: ChildExit, _: &mut Context<Self>) -> tenure::Result {
        Ok(())
    }
}

/// Does it in one handler.
async fn in_one_handler(
    work: impl for<'a> FnOnce(&'a mut Context<Does>) -> Done<'a> + Send + Sync + 'static,
) {
    let system = System::start().unwrap();
    let actor = system.spawn(Does).unwrap();
    actor.tell(Msg::Do(Box::new(work))).await.unwrap();
    actor.ask(Msg::Ask).await.unwrap();
    system.stop().await.unwrap();
}

struct Woken;

impl Wake for Woken {
    fn wake(self: Arc<Self>) {}
}

/// Polls a future that is not ready, with a waker that nobody has seen yet, and drops it.
fn poll_and_drop<F: Future>(future: F) {
    let waker = Waker::from(Arc::new(Woken));
    let polled = pin!(future).poll(&mut task::Context::from_waker(&waker));
    assert!(polled.is_pending());
}

/// An actor in a handler that lasts until what is given with it is dropped, and has room for `room` messages.
async fn held(
    spawner: &Spawner,
    room: usize,
) -> (ActorRef<Msg>, Pin<Box<dyn Future<Output = ()> + Send>>) {
    let spec = ChildSpec::new(Does).mailbox(Mailbox::bounded(room));
    let actor = spawner.spawn(spec).unwrap();
    let asker = actor.clone();
    let mut ask: Pin<Box<dyn Future<Output = ()> + Send>> = Box::pin(async move {
        drop(asker.ask(Msg::Hold).await);
    });
    let waker = Waker::from(Arc::new(Woken));
    assert!(
        ask.as_mut()
            .poll(&mut task::Context::from_waker(&waker))
            .is_pending()
    );
    while actor.node().backlog() > 0 {
        yield_now().await;
    }
    yield_now().await;
    (actor, ask)
}

#[test]
fn tasks_that_a_handler_awaits() {
    flat(in_one_handler(|ctx| {
        Box::pin(async {
            for _ in 0..FEWER {
                ctx.task(async {}).unwrap().await.unwrap();
            }
        })
    }));
}

/// Those that wait to be shown are no more than about a thousand.
#[test]
fn ends_that_nobody_has_looked_at() {
    let most = 1_024 * 512 + BAR;
    within(
        most,
        &paused_runtime(),
        in_one_handler(|ctx| {
            Box::pin(async {
                for _ in 0..FEWER {
                    drop(ctx.task(async {}).unwrap());
                    yield_now().await;
                }
            })
        }),
    );
}

#[test]
fn scopes_in_a_handler() {
    flat(in_one_handler(|ctx| {
        Box::pin(async {
            for _ in 0..FEWER {
                tenure::scope(async |_| Ok(())).await.unwrap();
                // Its future is dropped while its body waits.
                poll_and_drop(tenure::scope(async |_| pending::<tenure::Result>().await));
                yield_now().await;
            }
            assert!(ctx.children().is_empty());
        })
    }));
}

#[test]
fn waits_for_an_end() {
    flat(async {
        let system = System::start().unwrap();
        let actor = system.spawn(Does).unwrap();
        for _ in 0..ROUNDS {
            poll_and_drop(actor.stopped());
            poll_and_drop(actor.stopped().timeout(Duration::from_secs(1)));
        }
        system.stop().await.unwrap();
    });
}

#[test]
fn waits_for_an_end_in_a_handler() {
    flat(in_one_handler(|ctx| {
        Box::pin(async {
            let child = ctx.spawn(Does).unwrap();
            let task = ctx.task(pending::<()>()).unwrap().node();
            for _ in 0..ROUNDS {
                poll_and_drop(child.stopped());
                poll_and_drop(task.stopped().even_if_cyclic());
            }
        })
    }));
}

#[test]
fn waits_for_a_caller_to_go() {
    flat(in_one_handler(|ctx| {
        Box::pin(async {
            let other = ctx.spawn(Does).unwrap();
            let (replies, taken) = std::sync::mpsc::channel();
            let mut ask = pin!(other.ask(|reply| {
                replies.send(reply).unwrap();
                Msg::Nothing
            }));
            let waker = Waker::noop();
            assert!(
                ask.as_mut()
                    .poll(&mut task::Context::from_waker(waker))
                    .is_pending()
            );
            let reply: ReplyTo<()> = taken.recv().unwrap();
            for _ in 0..ROUNDS {
                poll_and_drop(reply.gone());
            }
        })
    }));
}

#[test]
fn waits_for_the_caller_of_a_message_to_go() {
    for limited in [false, true] {
        flat(async move {
            let system = System::start().unwrap();
            let actor = system.spawn(Watches).unwrap();
            let ask = actor.ask(|reply| reply);
            let ask = if limited {
                ask.timeout(Duration::MAX)
            } else {
                ask
            };
            ask.await.unwrap();
            system.stop().await.unwrap();
        });
    }
}

/// Looks again and again whether its caller has gone.
struct Watches;

impl Actor for Watches {
    type Msg = ReplyTo<()>;

    async fn handle(&mut self, reply: ReplyTo<()>, ctx: &mut Context<Self>) -> tenure::Result {
        for _ in 0..ROUNDS {
            poll_and_drop(ctx.caller_gone());
            poll_and_drop(ctx.until_caller_gone(pending::<()>()));
        }
        reply.send(());
        Ok(())
    }
}

#[test]
fn asks_that_are_given_up() {
    flat(in_one_handler(|ctx| {
        Box::pin(async {
            let (busy, _hold) = held(ctx, 4).await;
            let idle = ctx.spawn(Does).unwrap();
            let recipient: Recipient<ReplyTo<()>> = idle.recipient();
            for _ in 0..ROUNDS {
                poll_and_drop(busy.ask(Msg::Ask));
                poll_and_drop(busy.ask(Msg::Ask).timeout(Duration::from_secs(1)));
                poll_and_drop(idle.ask(Msg::Ask));
                poll_and_drop(recipient.ask(|reply| reply));
                yield_now().await;
            }
        })
    }));
}

#[test]
fn waits_for_room() {
    flat(async {
        let system = System::start().unwrap();
        let (full, hold) = held(&system, 1).await;
        full.try_tell(Msg::Nothing).unwrap();
        let recipient: Recipient<()> = full.recipient();
        // Somebody waits all the time.
        let mut waits = Box::pin(full.tell(Msg::Nothing));
        let waker = Waker::from(Arc::new(Woken));
        assert!(
            waits
                .as_mut()
                .poll(&mut task::Context::from_waker(&waker))
                .is_pending()
        );
        for _ in 0..ROUNDS {
            assert!(full.try_tell(Msg::Nothing).is_err());
            assert!(recipient.try_tell(()).is_err());
            poll_and_drop(full.tell(Msg::Nothing));
            poll_and_drop(full.tell(Msg::Nothing).timeout(Duration::from_secs(1)));
            poll_and_drop(full.reserve());
            poll_and_drop(recipient.tell(()));
            // What has used up its budget is kept by tokio until this task yields.
            yield_now().await;
        }
        drop((waits, hold));
        system.stop().await.unwrap();
    });
}

/// While somebody has reserved the room, a wait that would be a cycle is looked at again later.
#[test]
fn waits_for_room_that_is_reserved() {
    flat(async {
        let system = System::start().unwrap();
        let spec = ChildSpec::new(Does).mailbox(Mailbox::bounded(1));
        let actor = system.spawn(spec).unwrap();
        let (go, gone) = tokio::sync::oneshot::channel::<()>();
        let work: Work = Box::new(|ctx| {
            Box::pin(async {
                gone.await.unwrap();
                let me = ctx.me();
                for _ in 0..ROUNDS {
                    poll_and_drop(me.tell(Msg::Nothing));
                    yield_now().await;
                }
            })
        });
        actor.tell(Msg::Do(work)).await.unwrap();
        let permit = actor.reserve().await.unwrap();
        go.send(()).unwrap();
        tokio::time::sleep(Duration::from_millis(1)).await;
        drop(permit);
        actor.ask(Msg::Ask).await.unwrap();
        system.stop().await.unwrap();
    });
}

#[test]
fn permits_that_are_not_used() {
    flat(async {
        let system = System::start().unwrap();
        let actor = system
            .spawn(ChildSpec::new(Does).mailbox(Mailbox::bounded(1)))
            .unwrap();
        for _ in 0..ROUNDS {
            drop(actor.reserve().await.unwrap());
        }
        system.stop().await.unwrap();
    });
}

#[test]
fn sources_that_are_cancelled() {
    flat(async {
        let system = System::start().unwrap();
        let actor = system.spawn(Does).unwrap();
        for _ in 0..FEWER {
            let work: Work = Box::new(|ctx| {
                ctx.send_after(Duration::MAX, Msg::Nothing).cancel();
                ctx.send_every(Duration::from_secs(1), || Msg::Nothing)
                    .cancel();
                drop(ctx.receive_timeout(Duration::from_secs(1), || Msg::Nothing));
                ctx.watch(&ctx.spawner().children()[0], |_| Msg::Nothing)
                    .unwrap()
                    .cancel();
                Box::pin(async {})
            });
            let first: Work = Box::new(|ctx| {
                if ctx.children().is_empty() {
                    ctx.spawn(Does).unwrap();
                }
                work(ctx)
            });
            actor.tell(Msg::Do(first)).await.unwrap();
            actor.ask(Msg::Ask).await.unwrap();
        }
        system.stop().await.unwrap();
    });
}

#[test]
fn sources_that_one_handler_cancels() {
    flat(in_one_handler(|ctx| {
        Box::pin(async {
            let child = ctx.spawn(Does).unwrap();
            // One stays, and stands before all others.
            drop(ctx.send_after(Duration::MAX, Msg::Nothing));
            for _ in 0..ROUNDS {
                ctx.send_after(Duration::MAX, Msg::Nothing).cancel();
                ctx.receive_timeout(Duration::MAX, || Msg::Nothing).cancel();
                ctx.watch(&child, |_| Msg::Nothing).unwrap().cancel();
                drop(ctx.receive_timeout(Duration::from_secs(1), || Msg::Nothing));
            }
        })
    }));
}

#[test]
fn replies_that_one_handler_drops() {
    flat(async {
        let system = System::start().unwrap();
        let actor = system.spawn(Drops).unwrap();
        actor.tell(None).await.unwrap();
        yield_now().await;
        for _ in 0..ROUNDS {
            let mut ask = pin!(actor.ask(Some));
            let waker = Waker::from(Arc::new(Woken));
            assert!(
                ask.as_mut()
                    .poll(&mut task::Context::from_waker(&waker))
                    .is_pending()
            );
            // It is taken now, and its caller goes.
            yield_now().await;
        }
        system.kill().await.unwrap();
    });
}

/// Takes all messages in one handler, and drops them.
struct Drops;

impl Actor for Drops {
    type Msg = Option<ReplyTo<()>>;

    async fn handle(&mut self, _: Self::Msg, ctx: &mut Context<Self>) -> tenure::Result {
        loop {
            drop(ctx.try_next());
            yield_now().await;
        }
    }
}

#[test]
fn tokens() {
    flat(in_one_handler(|ctx| {
        Box::pin(async {
            for _ in 0..ROUNDS {
                poll_and_drop(ctx.cancelled());
                poll_and_drop(ctx.token().cancelled());
                poll_and_drop(ctx.token().child_token().cancelled_owned());
            }
        })
    }));
}

#[test]
fn orders_for_one_node() {
    flat(async {
        let system = System::builder()
            .child_grace(Duration::MAX)
            .start()
            .unwrap();
        let (busy, hold) = held(&system, 1).await;
        for round in 0..ROUNDS {
            let limit = Duration::from_secs(1_000 + round as u64 % 7);
            poll_and_drop(busy.stop().within(limit));
            poll_and_drop(busy.drain());
        }
        drop(hold);
        system.stop().await.unwrap();
    });
}

/// On several threads those who wait for long are listed with their system.
#[test]
fn waits_that_last() {
    let runtime = common::workers(2);
    within(BAR, &runtime, async {
        let system = System::builder()
            .child_grace(Duration::MAX)
            .start()
            .unwrap();
        let task = system.task_with(|_| pending::<()>()).unwrap().node();
        for _ in 0..ROUNDS {
            poll_and_drop(task.stop());
        }
        system.kill().await.unwrap();
    });
}

#[test]
fn children_that_end() {
    flat(async {
        let system = System::start().unwrap();
        for round in 0..FEWER {
            let name = format!("child-{round}");
            let child = system.spawn(ChildSpec::new(Does).name(&name)).unwrap();
            assert!(system.spawn(ChildSpec::new(Does).name(name)).is_err());
            match round % 4 {
                0 => child.stop().await.map(drop).unwrap(),
                1 => child.drain().await.map(drop).unwrap(),
                2 => child.kill().await.map(drop).unwrap(),
                _ => drop(system.start(Does).await.unwrap().kill().await),
            }
            child.kill().await.unwrap();
        }
        assert!(system.children().is_empty());
        system.stop().await.unwrap();
    });
}

#[test]
fn ends_that_are_cut_short() {
    flat(async {
        let system = System::start().unwrap();
        let owner = system.spawn(Does).unwrap();
        for _ in 0..FEW {
            let beneath: Work = Box::new(|ctx| {
                let spec = ChildSpec::new(Does).grace(Duration::ZERO);
                let child = ctx.spawn(spec).unwrap();
                Box::pin(async move {
                    let busy: Work = Box::new(|_| Box::pin(pending()));
                    child.tell(Msg::Do(busy)).await.unwrap();
                    yield_now().await;
                    child.stop().await.unwrap_err();
                })
            });
            owner.tell(Msg::Do(beneath)).await.unwrap();
            owner.ask(Msg::Ask).await.unwrap();
        }
        system.stop().await.unwrap();
    });
}

/// Fails at each message.
#[derive(Clone)]
struct Fails;

impl Actor for Fails {
    type Msg = ();

    async fn handle(&mut self, (): (), _: &mut Context<Self>) -> tenure::Result {
        Err("it fails".into())
    }
}

#[test]
fn failures_that_are_contained() {
    flat(async {
        let system = System::start().unwrap();
        for _ in 0..FEW {
            let child = system.spawn(ChildSpec::new(Fails).contain()).unwrap();
            child.tell(()).await.unwrap();
            child.stopped().await.unwrap_err();
        }
        system.stop().await.unwrap();
    });
}

/// Fails at a message, with an error that holds the actor itself.
struct Clings;

struct Own(#[expect(dead_code, reason = "it is only held")] ActorRef<()>);

impl fmt::Debug for Own {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Own")
    }
}

impl fmt::Display for Own {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("it holds its own actor")
    }
}

impl StdError for Own {}

impl Actor for Clings {
    type Msg = ();

    async fn handle(&mut self, (): (), ctx: &mut Context<Self>) -> tenure::Result {
        Err(Own(ctx.me()).into())
    }
}

#[test]
fn failures_that_hold_their_own_actor() {
    flat(async {
        let system = System::start().unwrap();
        for _ in 0..FEW {
            let child = system.spawn(ChildSpec::new(Clings).contain()).unwrap();
            child.tell(()).await.unwrap();
            child.stopped().await.unwrap_err();
        }
        system.stop().await.unwrap();
    });
}

#[test]
fn restarts() {
    for strategy in [
        Strategy::OneForOne,
        Strategy::OneForAll,
        Strategy::RestForOne,
    ] {
        flat(async move {
            let system = System::start().unwrap();
            let owner = system
                .spawn(ChildSpec::new(Does).strategy(strategy))
                .unwrap();
            let (lend, lent) = tokio::sync::oneshot::channel();
            let start: Work = Box::new(|ctx| {
                let spec = || {
                    ChildSpec::new(Fails)
                        .restart(Restart::OnFailure)
                        .intensity(u32::MAX, Duration::MAX)
                };
                let children = [0; 3].map(|_| ctx.spawn(spec()).unwrap());
                drop(lend.send(children));
                Box::pin(async {})
            });
            owner.tell(Msg::Do(start)).await.unwrap();
            let children = lent.await.unwrap();
            for round in 0..FEW {
                children[round % 3].tell(()).await.unwrap();
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            system.kill().await.unwrap();
        });
    }
}

#[test]
fn dead_letters() {
    flat(async {
        let system = System::builder().on_dead_letter(|_| ()).start().unwrap();
        for _ in 0..FEW {
            let (busy, hold) = held(&system, 8).await;
            for _ in 0..4 {
                busy.try_tell(Msg::Nothing).unwrap();
                poll_and_drop(busy.ask(Msg::Ask));
            }
            let stopping = busy.stop();
            drop(hold);
            stopping.await.unwrap();
        }
        assert_eq!(system.dead_letters(), 4 * FEW as u64);
        system.stop().await.unwrap();
    });
}

#[test]
fn systems_and_scopes() {
    flat(async {
        for _ in 0..FEW {
            let system = System::builder().name("brief").start().unwrap();
            system.spawn(Does).unwrap();
            system.stop().await.unwrap();
            tenure::scope(async |scope| {
                scope.spawn(Does)?;
                Ok(())
            })
            .await
            .unwrap();
        }
    });
}

#[test]
fn roots_that_begin_during_a_leak_check() {
    flat(async {
        let check = LeakCheck::start();
        for _ in 0..FEW {
            System::start().unwrap().stop().await.unwrap();
            tenure::scope(async |_| Ok(())).await.unwrap();
        }
        check.finish().await.unwrap();
    });
}

#[test]
fn work_beside_the_mailbox() {
    flat(async {
        let system = System::start().unwrap();
        let actor = system.spawn(Does).unwrap();
        for _ in 0..FEWER {
            let work: Work = Box::new(|ctx| {
                ctx.pipe(async {}, |()| Msg::Nothing).unwrap();
                drop(ctx.task_with(|_| async {}).unwrap());
                drop(ctx.attach(Empty, |()| Msg::Nothing));
                Box::pin(async {})
            });
            actor.tell(Msg::Do(work)).await.unwrap();
            actor.ask(Msg::Ask).await.unwrap();
            actor.ask(Msg::Ask).await.unwrap();
        }
        system.stop().await.unwrap();
    });
}

/// A stream that has nothing.
struct Empty;

impl futures_core::Stream for Empty {
    type Item = ();

    fn poll_next(self: Pin<&mut Self>, _: &mut task::Context<'_>) -> Poll<Option<()>> {
        Poll::Ready(None)
    }
}
