//! Scopes whose futures are kept unpolled.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::{Boxed, Doer, Msg, SECOND, in_scope, keep, run};
use crate::common::{Log, multi_thread, settled};
use tenure::prelude::*;
use tenure::{StopError, StopReason};
use tokio::sync::oneshot;
use tokio::time::sleep;

/// A child whose `on_stop` takes this long. Its grace allows that.
fn slow(log: &Log, time: Duration) -> ChildSpec<Doer> {
    let child = Doer::new(log).on_stop(move |_, _| {
        Box::pin(async move {
            sleep(time).await;
            Ok(())
        })
    });
    ChildSpec::new(child).grace(100 * SECOND)
}

/// Rule 7: a bound that is set while the owner ends a kept scope holds.
#[test]
fn bound_that_comes_while_an_owner_ends_its_kept_scope_holds() {
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

/// Rule 4: in a drain, a plain task in a kept scope may begin to await a sibling's end late. The sibling is told at
/// once.
#[test]
fn sibling_whose_end_a_task_in_a_kept_scope_awaits_late_is_told() {
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

/// Rule 16: an actor in a restart waits for what is beneath its kept scope, so an ask from there is refused.
#[test]
fn child_in_a_kept_scope_that_asks_the_restarting_owner_is_refused() {
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

/// Older siblings of a kept scope are told to stop, even if something beneath the scope does not yield.
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

/// Rules 5 and 7: a kept scope whose body has failed does not hold up the stop of others.
#[test]
fn kept_scope_that_waits_for_its_children_does_not_hold_up_the_stop_of_others() {
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

/// Rules 5 and 7: the grace of a kept scope does not count the steps of what is beneath it.
#[test]
fn grace_of_a_kept_scope_does_not_count_the_steps_of_its_children() {
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

/// Rule 7: a kept scope that has nothing beneath it is not cut, however long the other children of its owner take.
#[test]
fn idle_kept_scope_is_not_cut_while_its_owner_goes_on() {
    in_scope(async |scope, log, begin| {
        let owner = scope.spawn(Doer::new(log))?;
        owner
            .tell(run(|x, ctx| {
                Box::pin(async move {
                    // This child is older, so it stops after the scope.
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
