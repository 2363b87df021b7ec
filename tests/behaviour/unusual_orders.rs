//! The rules in orders of events that are unusual: scopes whose futures somebody keeps, limits, tokens and awaited
//! ends that come late.

use crate::common;

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, Ordering},
};
use std::task::Poll;
use std::time::Duration;

use common::{Log, multi_thread, paused, settled};
use tenure::prelude::*;
use tenure::{StopError, StopReason};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep, timeout};

const SECOND: Duration = Duration::from_secs(1);

type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;
type Kept = Boxed<'static, Result<(), RunError>>;
type Run = Box<
    dyn for<'a> FnOnce(&'a mut Doer, &'a mut Context<Doer>) -> Boxed<'a, tenure::Result> + Send,
>;
type Hook = Arc<
    dyn for<'a> Fn(&'a mut Doer, &'a mut Context<Doer>) -> Boxed<'a, tenure::Result> + Send + Sync,
>;

/// Does what it is told, asynchronously, and may keep a scope's future in its state.
#[derive(Default)]
struct Doer {
    log: Log,
    kept: Option<Kept>,
    on_stop: Option<Hook>,
    on_drain: Option<Hook>,
}

impl Clone for Doer {
    fn clone(&self) -> Self {
        Self {
            log: self.log.clone(),
            kept: None,
            on_stop: self.on_stop.clone(),
            on_drain: self.on_drain.clone(),
        }
    }
}

enum Msg {
    Do(Run),
    Ping(ReplyTo<()>),
    Fail,
}

fn run(
    f: impl for<'a> FnOnce(&'a mut Doer, &'a mut Context<Doer>) -> Boxed<'a, tenure::Result>
    + Send
    + 'static,
) -> Msg {
    Msg::Do(Box::new(f))
}

impl Doer {
    fn new(log: &Log) -> Self {
        Self {
            log: log.clone(),
            ..Self::default()
        }
    }
    fn on_stop(
        mut self,
        f: impl for<'a> Fn(&'a mut Doer, &'a mut Context<Doer>) -> Boxed<'a, tenure::Result>
        + Send
        + Sync
        + 'static,
    ) -> Self {
        self.on_stop = Some(Arc::new(f));
        self
    }
    fn says(self, what: &'static str) -> Self {
        self.on_stop(move |x, _| {
            Box::pin(async move {
                x.log.push(what);
                Ok(())
            })
        })
    }
    /// Polls what it keeps once.
    async fn poll_kept(&mut self) {
        poll_fn(|cx| {
            if let Some(kept) = &mut self.kept {
                let _ended = kept.as_mut().poll(cx);
            }
            Poll::Ready(())
        })
        .await;
    }
}

impl Actor for Doer {
    type Msg = Msg;
    async fn handle(&mut self, msg: Msg, ctx: &mut Context<Self>) -> tenure::Result {
        match msg {
            Msg::Do(f) => f(self, ctx).await,
            Msg::Ping(reply) => {
                reply.send(());
                Ok(())
            }
            Msg::Fail => Err("fails".into()),
        }
    }
    async fn on_stop(&mut self, ctx: &mut Context<Self>) -> tenure::Result {
        if let Some(hook) = self.on_stop.clone() {
            hook(self, ctx).await?;
        }
        Ok(())
    }
    async fn on_drain(&mut self, ctx: &mut Context<Self>) -> tenure::Result {
        if let Some(hook) = self.on_drain.clone() {
            hook(self, ctx).await?;
        }
        Ok(())
    }
}

async fn keep<F, Fut>(actor: &ActorRef<Msg>, body: F)
where
    F: FnOnce(Scope) -> Fut + Send + 'static,
    Fut: Future<Output = tenure::Result> + Send + 'static,
{
    actor
        .tell(run(move |x, _| {
            Box::pin(async move {
                x.kept = Some(Box::pin(tenure::scope_send(body)));
                x.poll_kept().await;
                Ok(())
            })
        }))
        .await
        .unwrap();
    actor.ask(Msg::Ping).await.unwrap();
}

/// Runs a case in a scope on a paused clock, with a log and the time at which it begins. The scope ends well, and the
/// case does not hang.
fn in_scope(case: impl AsyncFn(&Scope, &Log, Instant) -> tenure::Result) {
    paused(async |_check| {
        let (log, begin) = (Log::default(), Instant::now());
        let scope = tenure::scope(async |scope| case(&scope, &log, begin).await);
        let ended = timeout(1_000 * SECOND, scope).await;
        assert!(matches!(ended, Ok(Ok(()))), "{ended:?}");
    });
}

/// A child whose `on_stop` takes this long, which its grace allows.
fn slow(log: &Log, time: Duration) -> ChildSpec<Doer> {
    let child = Doer::new(log).on_stop(move |_, _| {
        Box::pin(async move {
            sleep(time).await;
            Ok(())
        })
    });
    ChildSpec::new(child).grace(100 * SECOND)
}

/// Told to drain in its backoff, beneath a node that has been told to stop and is busy.
#[test]
fn drain_of_a_child_in_backoff_awaited_by_its_stopping_owner() {
    in_scope(async |scope, log, begin| {
        let owner = scope.spawn(ChildSpec::new(Doer::new(log)).grace(100 * SECOND))?;
        owner
            .tell(run(move |x, ctx| {
                Box::pin(async move {
                    let child = ctx.spawn(
                        ChildSpec::new(Doer::new(&x.log))
                            .restart(Restart::OnFailure)
                            .backoff(Backoff::fixed(1000 * SECOND)),
                    )?;
                    child.tell(Msg::Fail).await?;
                    settled().await;
                    ctx.cancelled().await;
                    let drained = child.drain().within(SECOND).await;
                    assert!(drained.is_ok(), "{drained:?}");
                    Ok(())
                })
            }))
            .await?;
        settled().await;
        let r = owner.stop().await;
        assert!(begin.elapsed() <= 2 * SECOND, "{:?} {r:?}", begin.elapsed());
        Ok(())
    });
}

/// Rule 7: a bound set while a kept scope is gone through.
#[test]
fn bound_that_comes_while_a_kept_scope_is_gone_through() {
    in_scope(async |scope, log, begin| {
        let owner = scope.spawn(Doer::new(log))?;
        let l = log.clone();
        keep(&owner, move |s| async move {
            s.spawn(slow(&l, 50 * SECOND))?;
            std::future::pending::<()>().await;
            Ok(())
        })
        .await;
        drop(owner.stop());
        sleep(SECOND).await;
        drop(owner.stop().within(SECOND));
        let ended = owner.stopped().await;
        assert!(matches!(ended, Err(StopError::CutShort(_))), "{ended:?}");
        assert_eq!(begin.elapsed(), 2 * SECOND);
        Ok(())
    });
}

/// Rule 4: a plain task in a kept scope begins later to await a sibling's end, in a drain.
#[test]
fn task_in_a_kept_scope_awaits_a_siblings_end_later() {
    in_scope(async |scope, log, begin| {
        let owner = scope.spawn(Doer::new(log))?;
        let l = log.clone();
        keep(&owner, move |s| async move {
            let sibling = s.spawn(Doer::new(&l))?;
            s.task(async move {
                sleep(SECOND).await;
                let _ended = sibling.stopped().await;
            })?;
            std::future::pending::<()>().await;
            Ok(())
        })
        .await;
        let r = owner.drain().await;
        assert!(r.is_ok(), "{r:?}");
        assert_eq!(begin.elapsed(), SECOND);
        Ok(())
    });
}

/// Rule 16: an actor in a restart waits for a child of a kept scope, whose `on_stop` asks it.
#[test]
fn restart_waits_for_a_child_of_a_kept_scope_that_asks_it() {
    in_scope(async |scope, log, begin| {
        let owner = scope.spawn(ChildSpec::new(Doer::new(log)).restart(Restart::OnFailure))?;
        let (l, me) = (log.clone(), owner.clone());
        keep(&owner, move |s| async move {
            s.spawn(Doer::new(&l).on_stop(move |x, _| {
                let me = me.clone();
                Box::pin(async move {
                    let r = me.ask(Msg::Ping).await;
                    x.log.push(format!("{r:?}"));
                    Ok(())
                })
            }))?;
            std::future::pending::<()>().await;
            Ok(())
        })
        .await;
        owner.tell(Msg::Fail).await?;
        settled().await;
        owner.ask(Msg::Ping).await?;
        owner.stop().await?;
        assert_eq!(begin.elapsed(), Duration::ZERO);
        Ok(())
    });
}

/// What does not yield is beneath a kept scope: older siblings still get their stop.
#[test]
fn older_siblings_of_a_kept_scope_that_does_not_yield_are_told() {
    multi_thread(async |_c| {
        let log = Log::default();
        let system = System::builder()
            .child_grace(Duration::from_millis(50))
            .patience(Duration::from_millis(50))
            .grace(5 * SECOND)
            .start()
            .unwrap();
        let release = Arc::new(AtomicBool::new(false));
        let owner = system.spawn(Doer::new(&log)).unwrap();
        owner
            .tell(run(|x, ctx| {
                Box::pin(async move {
                    ctx.spawn(Doer::new(&x.log).says("older stops"))?;
                    Ok(())
                })
            }))
            .await
            .unwrap();
        let r = Arc::clone(&release);
        let (tx, rx) = oneshot::channel();
        keep(&owner, move |s| async move {
            s.blocking(move |_| {
                let _ended = tx.send(());
                while !r.load(Ordering::SeqCst) {
                    std::thread::sleep(Duration::from_millis(5));
                }
            })?;
            std::future::pending::<()>().await;
            Ok(())
        })
        .await;
        rx.await.unwrap();
        drop(owner.stop());
        sleep(2 * SECOND).await;
        let entries = log.entries();
        release.store(true, Ordering::SeqCst);
        drop(owner.stopped().await);
        drop(system.stop().await);
        assert_eq!(entries, ["older stops"]);
    });
}

/// Rule 4: a contained child of a concurrent, draining owner spawns a sibling and fails.
#[test]
fn sibling_spawned_late_by_a_contained_child_of_a_concurrent_drain() {
    in_scope(async |scope, log, _| {
        let owner =
            scope.spawn(ChildSpec::new(Doer::new(log)).stop_order(StopOrder::Concurrent))?;
        owner
            .tell(run(|x, ctx| {
                Box::pin(async move {
                    let spawner = ctx.spawner();
                    let sibling = ctx.spawn(ChildSpec::new(Doer::new(&x.log)).contain())?;
                    sibling
                        .tell(run(move |x, _| {
                            Box::pin(async move {
                                sleep(SECOND).await;
                                spawner.spawn(Doer::new(&x.log).says("late stops"))?;
                                Err("fails".into())
                            })
                        }))
                        .await?;
                    Ok(())
                })
            }))
            .await?;
        let drained = owner.drain().await;
        assert!(drained.is_ok(), "{drained:?}");
        Ok(())
    });
}

/// Rule 4: a task with a token that comes late beneath a draining actor, awaited by a child.
#[test]
fn late_task_with_token_of_a_draining_actor() {
    in_scope(async |scope, log, _| {
        let owner = scope.spawn(Doer::new(log))?;
        owner
            .tell(run(|x, ctx| {
                Box::pin(async move {
                    let (spawner, token) = (ctx.spawner(), ctx.token());
                    let sibling = ctx.spawn(Doer::new(&x.log))?;
                    sibling
                        .tell(run(move |_, _| {
                            Box::pin(async move {
                                token.cancelled().await;
                                sleep(SECOND).await;
                                spawner
                                    .task_with(|token| async move { token.cancelled().await })?
                                    .await?;
                                Ok(())
                            })
                        }))
                        .await?;
                    Ok(())
                })
            }))
            .await?;
        let r = owner.drain().await;
        assert!(r.is_ok(), "{r:?}");
        Ok(())
    });
}

/// Rule 6: the token of a task in a scope within a plain task of an open scope.
#[test]
fn token_in_a_scope_of_a_plain_task_of_an_open_scope() {
    in_scope(async |scope, log, _| {
        let owner = scope.spawn(Doer::new(log))?;
        owner
            .tell(run(|_, _| {
                Box::pin(async move {
                    tenure::scope_send(|s| async move {
                        s.task(async {
                            let _ended = tenure::scope_send(|s2| async move {
                                s2.task_with(|token| async move { token.cancelled().await })?
                                    .await?;
                                Ok(())
                            })
                            .await;
                        })?
                        .await?;
                        Ok(())
                    })
                    .await?;
                    Ok(())
                })
            }))
            .await?;
        settled().await;
        let r = owner.stop().await;
        assert!(r.is_ok(), "{r:?}");
        Ok(())
    });
}

struct Panics;
impl std::task::Wake for Panics {
    fn wake(self: Arc<Self>) {
        panic!("a waker panics");
    }
}

/// Rule 8: a waker that panics waits for a token, and the tree is killed or stopped.
fn end_with_a_panicking_waker_at_a_token(kill: bool, which: usize) {
    in_scope(async |scope, log, _| {
        let owner = scope.spawn(Doer::new(log))?;
        let (tx, rx) = oneshot::channel();
        owner
            .tell(run(move |x, ctx| {
                Box::pin(async move {
                    let c = [
                        ctx.spawn(Doer::new(&x.log))?,
                        ctx.spawn(Doer::new(&x.log))?,
                        ctx.spawn(Doer::new(&x.log))?,
                    ];
                    let _ended = tx.send(c);
                    Ok(())
                })
            }))
            .await?;
        let children = rx.await?;
        let (tx, rx) = oneshot::channel();
        children[which]
            .tell(run(move |_, ctx| {
                Box::pin(async move {
                    let _ended = tx.send(ctx.token());
                    Ok(())
                })
            }))
            .await?;
        let token = rx.await?;
        let mut wait = Box::pin(token.cancelled_owned());
        let waker = std::task::Waker::from(Arc::new(Panics));
        let _ended = wait
            .as_mut()
            .poll(&mut std::task::Context::from_waker(&waker));
        let told = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            if kill { owner.kill() } else { owner.stop() }
        }));
        let end = owner.stopped().await;
        assert!(told.is_ok(), "the order panicked");
        match end {
            Ok(StopReason::Killed) => assert!(kill),
            Ok(StopReason::Stopped) => assert!(!kill),
            other => panic!("{other:?}"),
        }
        for child in &children {
            assert!(child.is_stopped(), "{child:?} lives on");
        }
        Ok(())
    });
}

#[test]
fn panicking_waker_of_a_token_in_a_kill() {
    end_with_a_panicking_waker_at_a_token(true, 1);
}
#[test]
fn panicking_waker_of_a_token_in_a_stop() {
    end_with_a_panicking_waker_at_a_token(false, 1);
}

/// A drain of a scope whose body awaits a task with a token.
#[test]
#[expect(clippy::disallowed_methods, reason = "one who is outside of the tree")]
fn drain_of_a_scope_whose_body_awaits_a_task_with_a_token() {
    paused(async |_c| {
        let begin = Instant::now();
        let ended = tenure::scope(async |scope| {
            let n = scope.node();
            tokio::spawn(async move {
                drop(n.drain());
            });
            scope
                .task_with(|token| async move { token.cancelled().await })?
                .await?;
            Ok(())
        })
        .await;
        assert!(ended.is_ok(), "{ended:?}");
        assert!(begin.elapsed() < SECOND);
    });
}

/// A plain task that awaits a sibling's end from a task of a scope of its own, in a drain.
#[test]
fn sibling_awaited_from_a_scope_of_a_plain_task() {
    in_scope(async |scope, log, _| {
        let owner = scope.spawn(Doer::new(log))?;
        owner
            .tell(run(|x, ctx| {
                Box::pin(async move {
                    let sibling = ctx.spawn(Doer::new(&x.log))?;
                    ctx.task(async move {
                        let _ended = tenure::scope_send(|s| async move {
                            s.task(async move {
                                let _ended = sibling.stopped().await;
                            })?;
                            Ok(())
                        })
                        .await;
                    })?;
                    Ok(())
                })
            }))
            .await?;
        let r = owner.drain().await;
        assert!(r.is_ok());
        Ok(())
    });
}

/// A blocking job that awaits a sibling's end, in a drain.
#[test]
fn sibling_awaited_by_a_blocking_job() {
    multi_thread(async |_c| {
        let log = Log::default();
        let ended = tenure::scope(async |scope| {
            let owner = scope.spawn(Doer::new(&log))?;
            let (tx, rx) = oneshot::channel();
            owner
                .tell(run(|x, ctx| {
                    Box::pin(async move {
                        let sibling = ctx.spawn(Doer::new(&x.log))?;
                        ctx.blocking(move |_| {
                            let _ended = tx.send(());
                            let _ended =
                                tokio::runtime::Handle::current().block_on(sibling.stopped());
                        })?;
                        Ok(())
                    })
                }))
                .await?;
            rx.await?;
            sleep(Duration::from_millis(50)).await;
            let r = owner.drain().await;
            assert!(r.is_ok());
            Ok(())
        })
        .await;
        assert!(ended.is_ok(), "{ended:?}");
    });
}

/// Rules 5, 7: a kept scope whose body has failed, and that nobody polls, is no blocker of the stop of others.
#[test]
fn kept_scope_in_its_join_beneath_an_owner_that_is_not_told_yet() {
    in_scope(async |scope, log, begin| {
        let owner = scope.spawn(Doer::new(log))?;
        let (tx, rx) = oneshot::channel();
        owner
            .tell(run(|x, ctx| {
                Box::pin(async move {
                    let sibling = ctx.spawn(Doer::new(&x.log))?;
                    ctx.spawn(slow(&x.log, 20 * SECOND))?;
                    let _ended = tx.send(sibling);
                    Ok(())
                })
            }))
            .await?;
        let sibling = rx.await?;
        let l = log.clone();
        keep(&sibling, move |s| async move {
            s.spawn(Doer::new(&l).on_stop(|_, _| {
                Box::pin(async {
                    sleep(SECOND).await;
                    Ok(())
                })
            }))?;
            Err("the body fails".into())
        })
        .await;
        let r = owner.stop().await;
        assert!(!matches!(r, Err(StopError::Unjoined(_))), "{r:?}");
        assert_eq!(begin.elapsed(), 20 * SECOND);
        Ok(())
    });
}

/// Rules 5, 7: the grace of a scope that is gone through does not count the steps of what is beneath it.
#[test]
fn kept_scope_that_is_gone_through_has_the_time_of_its_children() {
    in_scope(async |scope, log, begin| {
        let owner = scope.spawn(Doer::new(log))?;
        let l = log.clone();
        keep(&owner, move |s| async move {
            s.spawn(slow(&l, 20 * SECOND))?;
            std::future::pending::<()>().await;
            Ok(())
        })
        .await;
        let r = owner.stop().await;
        assert!(matches!(r, Ok(StopReason::Stopped)), "{r:?}");
        assert_eq!(begin.elapsed(), 20 * SECOND);
        Ok(())
    });
}

/// Rule 7: a kept scope with nothing in it is no blocker, however long its owner's other children take.
#[test]
fn idle_kept_scope_is_not_cut_while_its_owner_goes_on() {
    in_scope(async |scope, log, begin| {
        let owner = scope.spawn(Doer::new(log))?;
        owner
            .tell(run(|x, ctx| {
                Box::pin(async move {
                    // Older: stops after the scope has been gone through.
                    ctx.spawn(slow(&x.log, 20 * SECOND))?;
                    Ok(())
                })
            }))
            .await?;
        keep(&owner, move |_| async move {
            std::future::pending::<()>().await;
            Ok(())
        })
        .await;
        let r = owner.stop().await;
        assert!(matches!(r, Ok(StopReason::Stopped)), "{r:?}");
        assert_eq!(begin.elapsed(), 20 * SECOND);
        Ok(())
    });
}

/// Rule 16: an owner in a restart waits for a child that had been told to stop before, and whose `on_stop` asks it.
#[test]
fn restart_waits_for_a_child_that_was_told_before_and_asks_it() {
    in_scope(async |scope, log, begin| {
        let owner = scope.spawn(ChildSpec::new(Doer::new(log)).restart(Restart::OnFailure))?;
        let me = owner.clone();
        let (tx, rx) = oneshot::channel();
        owner
            .tell(run(move |x, ctx| {
                Box::pin(async move {
                    let child = ctx.spawn(Doer::new(&x.log).on_stop(move |x, _| {
                        let me = me.clone();
                        Box::pin(async move {
                            let r = me.ask(Msg::Ping).await;
                            x.log.push(format!("{r:?}"));
                            Ok(())
                        })
                    }))?;
                    let _ended = tx.send(child);
                    sleep(SECOND).await;
                    Err("fails".into())
                })
            }))
            .await?;
        let child = rx.await?;
        drop(child.stop());
        owner.ask(Msg::Ping).await?;
        assert_eq!(begin.elapsed(), SECOND);
        Ok(())
    });
}

fn end_with_a_kept_child(
    hook: impl for<'a> Fn(&'a mut Doer, &'a mut Context<Doer>) -> Boxed<'a, tenure::Result>
    + Send
    + Sync
    + Clone
    + 'static,
    drain: bool,
) -> Result<StopReason, StopError> {
    let out = Arc::new(Mutex::new(None));
    let o = out.clone();
    in_scope(async |scope, log, _| {
        let owner = scope.spawn(Doer::new(log))?;
        let l = log.clone();
        let hook = hook.clone();
        keep(&owner, move |s| async move {
            s.spawn(Doer::new(&l).on_stop(hook))?;
            std::future::pending::<()>().await;
            Ok(())
        })
        .await;
        *o.lock().unwrap() = Some(if drain {
            owner.drain().await
        } else {
            owner.stop().await
        });
        Ok(())
    });
    let r = out.lock().unwrap().take();
    r.unwrap()
}

#[test]
fn cut_beneath_a_kept_scope_is_reported() {
    for drain in [false, true] {
        let r = end_with_a_kept_child(
            |_, _| {
                Box::pin(async {
                    std::future::pending::<()>().await;
                    Ok(())
                })
            },
            drain,
        );
        assert!(matches!(r, Err(StopError::CutShort(_))), "{r:?}");
    }
}
/// Late await of a sibling's end in a scope that is polled.
#[test]
fn late_await_of_a_siblings_end_in_a_scope() {
    in_scope(async |s, log, _| {
        let sibling = s.spawn(Doer::new(log))?;
        s.task(async move {
            sleep(SECOND).await;
            let _ended = sibling.stopped().await;
        })?;
        Ok(())
    });
}
/// A plain task of a scope that awaits the end of a sibling's child.
#[test]
fn task_of_a_scope_awaits_the_end_of_a_siblings_child() {
    in_scope(async |s, log, _| {
        let sibling = s.spawn(Doer::new(log))?;
        let (tx, rx) = oneshot::channel();
        sibling
            .tell(run(|x, ctx| {
                Box::pin(async move {
                    let _ended = tx.send(ctx.spawn(Doer::new(&x.log))?);
                    Ok(())
                })
            }))
            .await?;
        let grandchild = rx.await?;
        s.task(async move {
            let _ended = grandchild.stopped().await;
        })?;
        Ok(())
    });
}
/// A plain task of a scope that awaits a sibling's end in a task of its own scope.
#[test]
fn task_of_a_scope_awaits_a_siblings_end_from_its_own_scope() {
    in_scope(async |s, log, _| {
        let sibling = s.spawn(Doer::new(log))?;
        s.task(async move {
            let _ended = tenure::scope_send(|s| async move {
                s.task(async move {
                    let _ended = sibling.stopped().await;
                })?;
                Ok(())
            })
            .await;
        })?;
        Ok(())
    });
}
