//! The future of a scope is a value: its owner may keep it for a later handler, or give it away.

mod given;
mod kept;

use crate::common;

use std::future::{Future, poll_fn};
use std::task::Poll;
use std::time::Duration;

use common::worker::{Do, Worker};
use common::{Check, Guard, Kept, Log, paused, poll_unwoken};
use tenure::prelude::*;
use tenure::{Kind, StopError, StopReason, System, scope_send};
use tokio::join;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep, timeout};

const SECOND: Duration = Duration::from_secs(1);

/// Opens a scope, and keeps the future or gives it away.
struct Holder {
    kept: Option<Kept>,
    _guard: Guard,
}

enum Msg {
    /// Polls this future once, and keeps it.
    Keep(Kept),
    /// Polls the kept future once, with a waker that wakes nobody.
    Peek,
    /// Awaits the kept future after so long.
    Await(Duration),
    Give(oneshot::Sender<Kept>),
    /// Awaits the kept future. An error of it is not a failure.
    TryAwait,
    Ping(ReplyTo<()>),
    Sleep(Duration),
    /// Asks that one, and then replies.
    Ask(ActorRef<Msg>, ReplyTo<()>),
    /// Gives away the reply.
    Lend(oneshot::Sender<ReplyTo<()>>, ReplyTo<()>),
    /// Lends what it spawns with.
    Spawner(ReplyTo<Spawner>),
}

impl Actor for Holder {
    type Msg = Msg;

    async fn handle(&mut self, msg: Msg, ctx: &mut Context<Self>) -> tenure::Result {
        match msg {
            Msg::Keep(scope) => {
                let scope = self.kept.insert(scope);
                poll_once(scope).await;
            }
            Msg::Peek => {
                let scope = self.kept.as_mut().unwrap();
                assert!(poll_unwoken(scope).is_pending());
            }
            Msg::Await(time) => {
                sleep(time).await;
                self.kept.take().unwrap().await?;
            }
            Msg::TryAwait => drop(self.kept.take().unwrap().await),
            Msg::Give(to) => drop(to.send(self.kept.take().unwrap())),
            Msg::Ping(reply) => reply.send(()),
            Msg::Sleep(time) => sleep(time).await,
            Msg::Ask(other, reply) => {
                other.ask(Msg::Ping).await?;
                reply.send(());
            }
            Msg::Lend(to, reply) => drop(to.send(reply)),
            Msg::Spawner(reply) => reply.send(ctx.spawner()),
        }
        Ok(())
    }
}

async fn poll_once(scope: &mut Kept) {
    poll_fn(|cx| {
        assert!(scope.as_mut().poll(cx).is_pending());
        Poll::Ready(())
    })
    .await;
}

fn holder(system: &System, check: &Check) -> ActorRef<Msg> {
    let holder = Holder {
        kept: None,
        _guard: check.guard(),
    };
    system.spawn(holder).unwrap()
}

/// Has the actor open a scope with this body, and keep its future.
async fn keep<F, Fut>(holder: &ActorRef<Msg>, body: F)
where
    F: FnOnce(Scope) -> Fut + Send + 'static,
    Fut: Future<Output = tenure::Result> + Send + 'static,
{
    let kept = Msg::Keep(Box::pin(scope_send(body)));
    holder.tell(kept).await.unwrap();
    holder.ask(Msg::Ping).await.unwrap();
}

async fn give(holder: &ActorRef<Msg>) -> Kept {
    let (to, given) = oneshot::channel();
    holder.tell(Msg::Give(to)).await.unwrap();
    given.await.unwrap()
}

/// A task asks the owner of its scope while nobody waits for the scope. The handler that later awaits the scope
/// completes the cycle, and the ask is refused. With `between`, the task is beneath another task.
#[test]
fn scope_in_its_join_that_a_later_handler_awaits_completes_a_cycle() {
    for between in [false, true] {
        paused(async |check| {
            let system = System::start().unwrap();
            let holder = holder(&system, &check);
            let (me, (to, asked)) = (holder.clone(), oneshot::channel());
            let ask = async move {
                sleep(2 * SECOND).await;
                let asked = me.ask(Msg::Ping).await;
                to.send(matches!(asked, Err(AskError::Deadlock(_))))
                    .unwrap();
            };
            keep(&holder, move |scope| async move {
                match between {
                    true => drop(scope.task(async move {
                        scope_send(move |scope| async move {
                            drop(scope.task(ask)?);
                            Ok(())
                        })
                        .await
                    })?),
                    false => drop(scope.task(ask)?),
                }
                Ok(())
            })
            .await;
            let begin = Instant::now();
            holder.tell(Msg::Await(3 * SECOND)).await.unwrap();
            holder.ask(Msg::Ping).await.unwrap();
            assert_eq!(begin.elapsed(), 3 * SECOND);
            assert_eq!(asked.await, Ok(true), "between: {between}");
            system.stop().await.unwrap();
        });
    }
}

/// A reply that is dropped by a scope which was given away is resolved at once, because the code of the scope's owner
/// does not run it.
#[test]
fn reply_that_is_dropped_by_a_scope_that_was_given_away_is_resolved() {
    paused(async |check| {
        let system = System::start().unwrap();
        let holder = holder(&system, &check);
        let (go, goes) = oneshot::channel::<ReplyTo<()>>();
        keep(&holder, move |_| async move {
            drop(goes.await?);
            Ok(())
        })
        .await;
        let mut given = give(&holder).await;
        let (lend, lent) = oneshot::channel();
        let mut asked = std::pin::pin!(holder.ask(|reply| Msg::Lend(lend, reply)).into_future());
        let reply = tokio::select! {
            asked = &mut asked => panic!("{asked:?}"),
            reply = lent => reply.unwrap(),
        };
        poll_once(&mut given).await;
        holder.ask(Msg::Ping).await.unwrap();
        go.send(reply).unwrap();
        given.await.unwrap();
        assert!(matches!(asked.await, Err(AskError::NoReply)));
        system.stop().await.unwrap();
    });
}

/// A scope that was given away is not waited for by its owner, so it may ask the owner.
#[test]
fn ask_of_a_scope_that_was_given_away_is_no_wait_of_its_owner() {
    paused(async |check| {
        let system = System::start().unwrap();
        let (holder, other) = (holder(&system, &check), holder(&system, &check));
        let (me, (to, asked)) = (holder.clone(), oneshot::channel());
        keep(&holder, move |_| async move {
            tokio::task::yield_now().await;
            drop(to.send(other.ask(|reply| Msg::Ask(me, reply)).await));
            Ok(())
        })
        .await;
        let given = give(&holder).await;
        given.await.unwrap();
        let asked = asked.await.unwrap();
        assert!(asked.is_ok(), "{asked:?}");
        system.stop().await.unwrap();
    });
}

/// Has the actor open a scope whose body takes this long, and give it away.
async fn give_waiting(holder: &ActorRef<Msg>, time: Duration) -> Kept {
    keep(holder, move |_| async move {
        sleep(time).await;
        Ok(())
    })
    .await;
    give(holder).await
}

/// The rule: the owner waits for a scope that was given away. A drain lets its body end within the scope's grace.
#[test]
fn drain_waits_for_the_body_of_a_scope_that_was_given_away() {
    paused(async |check| {
        let system = System::start().unwrap();
        let holder = holder(&system, &check);
        let given = give_waiting(&holder, 2 * SECOND).await;
        let begin = Instant::now();
        let (drained, ended) = join!(holder.drain(), given);
        assert!(matches!(drained, Ok(StopReason::Drained)), "{drained:?}");
        assert!(ended.is_ok(), "{ended:?}");
        assert_eq!(begin.elapsed(), 2 * SECOND);
        system.stop().await.unwrap();
    });
}

/// The rule: a cut beneath a node is a part of the node's end.
#[test]
fn drain_cuts_the_body_of_a_scope_that_was_given_away_and_is_not_ok() {
    paused(async |check| {
        let system = System::start().unwrap();
        let holder = holder(&system, &check);
        let given = give_waiting(&holder, 100 * SECOND).await;
        let begin = Instant::now();
        let (drained, ended) = join!(holder.drain(), given);
        assert!(
            matches!(drained, Err(StopError::CutShort(_))),
            "{drained:?}"
        );
        assert!(matches!(ended, Err(RunError::CutShort(_))), "{ended:?}");
        assert_eq!(begin.elapsed(), 5 * SECOND);
        system.stop().await.unwrap();
    });
}

/// The rule: a stop drops the body of a scope that was given away at its next await.
#[test]
fn stop_ends_the_body_of_a_scope_that_was_given_away() {
    paused(async |check| {
        let system = System::start().unwrap();
        let holder = holder(&system, &check);
        let given = give_waiting(&holder, 100 * SECOND).await;
        let begin = Instant::now();
        let (stopped, ended) = join!(holder.stop(), given);
        assert!(matches!(stopped, Ok(StopReason::Stopped)), "{stopped:?}");
        assert!(matches!(ended, Err(RunError::Stopped)), "{ended:?}");
        assert_eq!(begin.elapsed(), Duration::ZERO);
        system.stop().await.unwrap();
    });
}

/// A scope whose future somebody holds and does not poll is killed in the end, and named.
#[test]
fn scope_that_was_given_to_somebody_who_does_not_poll_it_is_named() {
    paused(async |check| {
        let system = System::start().unwrap();
        let holder = holder(&system, &check);
        let given = give_waiting(&holder, SECOND).await;
        let begin = Instant::now();
        let stopped = holder.stop().await;
        let Err(StopError::Unjoined(unjoined)) = stopped else {
            panic!("{stopped:?}");
        };
        assert_eq!(unjoined.nodes()[0].kind, Kind::Scope);
        assert_eq!(begin.elapsed(), 7 * SECOND);
        drop(given);
        let stopped = holder.stopped().await;
        assert!(
            matches!(stopped, Err(StopError::CutShort(_))),
            "{stopped:?}"
        );
        system.stop().await.unwrap();
    });
}

/// A kill ends the grace of the scope at once, and the patience begins with it.
#[test]
fn kill_by_somebody_else_shortens_the_wait_for_what_does_not_yield() {
    paused(async |check| {
        let system = System::start().unwrap();
        let holder = holder(&system, &check);
        let given = give_waiting(&holder, SECOND).await;
        let begin = Instant::now();
        let stopping = holder.stop();
        let kill = async {
            sleep(SECOND).await;
            drop(holder.kill());
        };
        let (stopped, ()) = join!(stopping, kill);
        assert!(
            matches!(stopped, Err(StopError::Unjoined(_))),
            "{stopped:?}"
        );
        assert_eq!(begin.elapsed(), 3 * SECOND);
        drop(given);
        drop(system.stop().await);
    });
}

/// Opens a scope beneath the current node. Its body takes this long.
async fn open(time: Duration) -> Kept {
    let mut inner: Kept = Box::pin(scope_send(move |_| async move {
        sleep(time).await;
        Ok(())
    }));
    poll_once(&mut inner).await;
    inner
}

#[test]
fn scope_waits_for_a_scope_that_its_body_gave_away() {
    for (takes, lasts) in [(2, 2), (100, 5)] {
        paused(async |_check| {
            let begin = Instant::now();
            let (to, given) = oneshot::channel();
            let outer = tenure::scope(async |_| {
                drop(to.send(open(takes * SECOND).await));
                Ok(())
            });
            let (outer, inner) = join!(outer, async { given.await.unwrap().await });
            assert_eq!(begin.elapsed(), lasts * SECOND);
            assert_eq!(outer.is_ok(), takes == lasts, "{outer:?}");
            assert_eq!(inner.is_ok(), takes == lasts, "{inner:?}");
        });
    }
}

#[test]
fn task_waits_for_a_scope_that_it_gave_away() {
    for (takes, lasts) in [(2, 0), (100, 0)] {
        paused(async |_check| {
            let system = System::start().unwrap();
            let (to, given) = oneshot::channel();
            let task = system
                .task(async move { drop(to.send(open(takes * SECOND).await)) })
                .unwrap();
            let begin = Instant::now();
            let inner = async { given.await.unwrap().await };
            let (ended, inner) = join!(task.node().stopped(), inner);
            assert!(ended.is_ok(), "{ended:?}");
            assert!(matches!(inner, Err(RunError::Stopped)), "{inner:?}");
            assert_eq!(begin.elapsed(), lasts * SECOND);
            system.stop().await.unwrap();
        });
    }
}

#[test]
fn job_ends_with_a_scope_that_it_gave_away() {
    paused(async |_check| {
        let system = System::start().unwrap();
        let (to, given) = oneshot::channel();
        let runtime = tokio::runtime::Handle::current();
        let job = system
            .blocking(move |_| {
                let mut inner = std::pin::pin!(open(100 * SECOND));
                let _runtime = runtime.enter();
                let Poll::Ready(inner) = poll_unwoken(inner.as_mut()) else {
                    panic!("it waits for nothing");
                };
                drop(to.send(inner));
            })
            .unwrap();
        let inner = given.await.unwrap();
        let begin = Instant::now();
        let stopped = job.node().stop().await;
        let Err(StopError::Unjoined(unjoined)) = stopped else {
            panic!("{stopped:?}");
        };
        assert_eq!(unjoined.nodes()[0].kind, Kind::Scope);
        assert_eq!(begin.elapsed(), 7 * SECOND);
        drop(inner);
        let stopped = job.node().stopped().await;
        assert!(
            matches!(stopped, Err(StopError::CutShort(_))),
            "{stopped:?}"
        );
        system.stop().await.unwrap();
    });
}

/// Whoever polls it last is woken, and not who polled it first.
#[test]
fn scope_that_goes_on_elsewhere_hears_of_a_failure() {
    paused(async |check| {
        let (to, opened) = oneshot::channel();
        let child = Worker::new("child", &Log::default(), &check).named();
        let mut scope: Kept = Box::pin(scope_send(move |scope| async move {
            drop(to.send(scope.spawn(child)?));
            std::future::pending().await
        }));
        assert!(poll_unwoken(&mut scope).is_pending());
        let child = opened.await.unwrap();
        let begin = Instant::now();
        let fails = async { child.tell(Do::Fail).await.unwrap() };
        let (ended, ()) = join!(timeout(SECOND, scope), fails);
        assert!(matches!(ended, Ok(Err(RunError::Failed(_)))), "{ended:?}");
        assert_eq!(begin.elapsed(), Duration::ZERO);
    });
}
