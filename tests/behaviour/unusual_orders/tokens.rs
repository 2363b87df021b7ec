//! Tokens that are made late, and wakers of tokens that panic.

use std::sync::Arc;

use super::{Doer, SECOND, in_scope, run};
use crate::common::{paused, settled};
use tenure::StopReason;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep, timeout};

/// Rule 4: a task with a token that is started beneath a draining actor after the token has fired is told as well.
#[test]
fn task_with_a_token_that_comes_late_into_a_drain_of_an_actor_is_told() {
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

/// Rule 6: a stop fires the token of a task that is in a scope within a plain task of an open scope.
#[test]
fn token_in_a_scope_of_a_plain_task_of_an_open_scope_fires_at_a_stop() {
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

/// Rule 8: if a waker panics that waits for a token, the order and the end go on as without it.
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
fn waker_of_a_token_that_panics_changes_nothing_about_a_kill() {
    end_with_a_panicking_waker_at_a_token(true, 1);
}

#[test]
fn waker_of_a_token_that_panics_changes_nothing_about_a_stop() {
    end_with_a_panicking_waker_at_a_token(false, 1);
}

/// Rule 4: a drain fires the token of a task that the body of a scope awaits.
#[test]
#[expect(clippy::disallowed_methods, reason = "one who is outside of the tree")]
fn drain_fires_the_token_of_a_task_that_the_body_of_a_scope_awaits() {
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

/// Rule 4: the same for a task that is started after the scope's token has fired.
#[test]
fn task_with_a_token_that_comes_late_into_a_drain_of_a_scope_is_told() {
    paused(async |_c| {
        let scope = tenure::scope(async |scope| {
            scope.node().request_drain();
            scope.token().cancelled().await;
            scope
                .task_with(|token| async move { token.cancelled().await })?
                .await?;
            Ok(())
        });
        let ended = timeout(SECOND, scope).await;
        assert!(matches!(ended, Ok(Ok(()))), "{ended:?}");
    });
}
