//! Ends that somebody begins to await late: after the end has begun, or after the waiter is waited for.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use super::{Doer, Msg, SECOND, in_scope, run};
use crate::common::{Log, multi_thread, paused, settled};
use tenure::StopError;
use tenure::prelude::*;
use tokio::sync::oneshot;
use tokio::time::sleep;

/// A child in its backoff that is drained ends at once, even if its owner has been told to stop and is busy.
#[test]
fn drain_of_a_child_in_its_backoff_ends_at_once_beneath_a_busy_owner_that_stops() {
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

/// Rule 4: a child that a contained sibling spawns into a concurrent drain is drained as well.
#[test]
fn child_that_comes_into_a_concurrent_drain_is_drained() {
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

/// Rule 4: in a drain, a sibling whose end a plain task awaits is told at once, also if a task in a scope of that task
/// awaits it.
#[test]
fn sibling_whose_end_a_scope_of_a_plain_task_awaits_is_told_in_a_drain() {
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

/// Rule 4: in a drain, a sibling whose end a blocking job awaits is told at once.
#[test]
fn sibling_whose_end_a_blocking_job_awaits_is_told_in_a_drain() {
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

/// Rule 16: an owner in a restart waits for its child, so an ask of the child's `on_stop` is refused, even if the child
/// was told to stop before.
#[test]
fn child_that_was_told_before_its_owner_restarts_is_refused_when_it_asks_that() {
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

/// Rule 4: a task of a scope may begin to await a sibling's end after the scope's body has ended.
#[test]
fn sibling_whose_end_a_task_awaits_late_is_told() {
    in_scope(async |s, log, _| {
        let sibling = s.spawn(Doer::new(log))?;
        s.task(async move {
            sleep(SECOND).await;
            let _ended = sibling.stopped().await;
        })?;
        Ok(())
    });
}

/// Rule 4: at the end of a scope, the child of a sibling whose end a plain task awaits is told at once.
#[test]
fn child_of_a_sibling_whose_end_a_task_awaits_is_told() {
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

/// Rule 4: the same if a task in a scope of that task awaits the sibling.
#[test]
fn sibling_whose_end_a_scope_of_a_task_awaits_is_told() {
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

/// Rule 4: a sibling is told at once if a plain task asks an actor that awaits the sibling's end, whichever of the two
/// waits begins first.
#[test]
fn sibling_for_which_an_actor_that_a_task_asks_waits_is_told() {
    for (task_waits, actor_waits) in [(0, 1), (1, 0), (1, 1), (2, 1)] {
        in_scope(async |s, log, _| {
            let sibling = s.spawn(Doer::new(log))?;
            let asked = s.spawn(Doer::new(log))?;
            asked
                .tell(run(move |_, _| {
                    Box::pin(async move {
                        sleep(actor_waits * SECOND).await;
                        let _ended = sibling.stopped().await;
                        Ok(())
                    })
                }))
                .await?;
            s.task(async move {
                sleep(task_waits * SECOND).await;
                asked.ask(Msg::Ping).await
            })?;
            Ok(())
        });
    }
}

/// Rule 4: the same if it is a task in a scope of that actor that awaits the end.
#[test]
fn sibling_for_which_a_task_of_an_actor_that_a_task_asks_waits_is_told() {
    for (task_waits, beneath_waits) in [(0, 1), (1, 0), (1, 1), (2, 1)] {
        in_scope(async |s, log, _| {
            let sibling = s.spawn(Doer::new(log))?;
            let asked = s.spawn(Doer::new(log))?;
            asked
                .tell(run(move |_, _| {
                    Box::pin(async move {
                        let ended = tenure::scope_send(move |s| async move {
                            s.task(async move {
                                sleep(beneath_waits * SECOND).await;
                                let _ended = sibling.stopped().await;
                            })?;
                            Ok(())
                        });
                        Ok(ended.await?)
                    })
                }))
                .await?;
            s.task(async move {
                sleep(task_waits * SECOND).await;
                asked.ask(Msg::Ping).await
            })?;
            Ok(())
        });
    }
}

/// A scope that is not polled keeps no list of the waits that begin and end beneath it meanwhile, and sees the one that
/// is left.
#[test]
fn waits_that_come_and_go_while_nobody_polls_the_scope_leave_only_the_last() {
    paused(async |_check| {
        let log = Log::default();
        let (sender, receiver) = oneshot::channel();
        let mut scope = pin!(tenure::scope(async |s| {
            let sibling = s.spawn(Doer::new(&log))?;
            let waits = async move {
                for _ in 0..1_000 {
                    let ended = sibling.stopped().timeout(SECOND).await;
                    assert!(matches!(ended, Err(StopError::TimedOut)), "{ended:?}");
                }
                let _here = sender.send(());
                let ended = sibling.stopped().await;
                assert!(ended.is_ok(), "{ended:?}");
            };
            s.task(waits)?;
            Ok(())
        }));
        // The body of the scope has ended, and the scope waits for the task, which has not been polled.
        let polled = poll_fn(|cx| Poll::Ready(scope.as_mut().poll(cx).is_pending()));
        assert!(polled.await);
        receiver.await.unwrap();
        let ended = scope.await;
        assert!(ended.is_ok(), "{ended:?}");
    });
}

/// Rule 16: tasks of a scope that ask the actor whose handler waits for the scope are all refused, even if they asked
/// before it waited.
#[test]
fn all_tasks_of_a_scope_that_ask_the_node_that_waits_for_them_are_refused() {
    const TASKS: usize = 40;
    in_scope(async |scope, log, begin| {
        let owner = scope.spawn(ChildSpec::new(Doer::new(log)).grace(1_000 * SECOND))?;
        let (me, refused) = (owner.clone(), log.clone());
        owner
            .tell(run(move |_, _| {
                Box::pin(async move {
                    let ended = tenure::scope_send(move |s| async move {
                        for _ in 0..TASKS {
                            let (me, refused) = (me.clone(), refused.clone());
                            s.task(async move {
                                let asked = me.ask(Msg::Ping).await;
                                assert!(matches!(asked, Err(AskError::Deadlock(_))));
                                refused.push("refused");
                            })?;
                        }
                        settled().await;
                        Ok(())
                    });
                    Ok(ended.await?)
                })
            }))
            .await?;
        owner.ask(Msg::Ping).await?;
        assert_eq!(log.entries(), ["refused"; TASKS]);
        assert_eq!(begin.elapsed(), Duration::ZERO);
        Ok(())
    });
}
