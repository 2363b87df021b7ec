//! Scopes that an actor opens in a handler or hook, or keeps in its state.

use std::time::Duration;

use crate::common::node::{Node, note};
use crate::common::{Check, Guard, Kept, Log, paused, settled};
use tenure::StopReason;
use tenure::prelude::*;
use tokio::time::Instant;

/// Keeps a scope in its state.
struct Keeper {
    check: Check,
    log: Log,
    scope: Option<Kept>,
    _guard: Guard,
}

enum KeeperMsg {
    /// Opens the scope and polls it once.
    Open,
    Note(&'static str),
}

impl Keeper {
    fn new(check: &Check, log: &Log) -> Self {
        Self {
            check: check.clone(),
            log: log.clone(),
            scope: None,
            _guard: check.guard(),
        }
    }

    fn make(&self, me: ActorRef<KeeperMsg>) -> Kept {
        let (check, log) = (self.check.clone(), self.log.clone());
        Box::pin(tenure::scope_send(move |scope| async move {
            let _body = check.guard();
            let entries = log.clone();
            let child = Node::new(&check, &log).on_stop(move |_| entries.push("child stops"));
            let child = scope.spawn(child)?;
            child.tell(note("accepted")).await?;
            let guard = check.guard();
            scope.task_with(move |token| async move {
                token.cancelled().await;
                drop(guard);
                // What a task beneath still tells the actor is handled.
                drop(me.tell(KeeperMsg::Note("from beneath")).await);
            })?;
            std::future::pending::<()>().await;
            Ok(())
        }))
    }
}

impl Actor for Keeper {
    type Msg = KeeperMsg;

    async fn handle(&mut self, msg: KeeperMsg, ctx: &mut Context<Self>) -> tenure::Result {
        match msg {
            KeeperMsg::Open => {
                let mut scope = self.make(ctx.me());
                std::future::poll_fn(|cx| {
                    assert!(scope.as_mut().poll(cx).is_pending());
                    std::task::Poll::Ready(())
                })
                .await;
                self.scope = Some(scope);
            }
            KeeperMsg::Note(text) => {
                self.log.push(text);
                if let Some(scope) = &mut self.scope {
                    std::future::poll_fn(|cx| {
                        drop(scope.as_mut().poll(cx));
                        std::task::Poll::Ready(())
                    })
                    .await;
                }
            }
        }
        Ok(())
    }

    async fn on_stop(&mut self, _: &mut Context<Self>) -> tenure::Result {
        self.log.push("keeper stops");
        Ok(())
    }
}

async fn with_keeper(check: &Check, log: &Log, end: impl AsyncFnOnce(ActorRef<KeeperMsg>)) {
    let begin = Instant::now();
    let ended = tenure::scope(async |scope| {
        let keeper = scope.spawn(Keeper::new(check, log))?;
        check.node(keeper.node());
        keeper.tell(KeeperMsg::Open).await?;
        while keeper.node().children().is_empty() || keeper.node().backlog() > 0 {
            tokio::task::yield_now().await;
        }
        end(keeper).await;
        Ok(())
    })
    .await;
    assert!(ended.is_ok(), "{ended:?}");
    assert_eq!(begin.elapsed(), Duration::ZERO);
}

/// The rule: what is beneath a scope in a state is told and joined in the order of the node's end. Only the body goes
/// with the state, which is neither a kill nor a cut.
#[test]
fn scope_in_a_state_ends_with_a_stop() {
    paused(async |check| {
        let log = Log::default();
        with_keeper(&check, &log, async |keeper| {
            let end = keeper.stop().await;
            assert!(matches!(end, Ok(StopReason::Stopped)), "{end:?}");
        })
        .await;
        let entries = log.entries();
        assert_eq!(
            entries[entries.len() - 2..],
            ["child stops", "keeper stops"]
        );
    });
}

#[test]
fn scope_in_a_state_loses_nothing_in_a_drain() {
    paused(async |check| {
        let log = Log::default();
        with_keeper(&check, &log, async |keeper| {
            let end = keeper.drain().await;
            assert!(matches!(end, Ok(StopReason::Drained)), "{end:?}");
        })
        .await;
        let entries = log.entries();
        assert!(entries.contains(&"accepted".into()), "{entries:?}");
        assert!(entries.contains(&"from beneath".into()), "{entries:?}");
        assert_eq!(
            entries[entries.len() - 2..],
            ["child stops", "keeper stops"]
        );
    });
}

#[test]
fn scope_in_a_state_ends_with_a_kill() {
    paused(async |check| {
        let log = Log::default();
        with_keeper(&check, &log, async |keeper| {
            let end = keeper.kill().await;
            assert!(matches!(end, Ok(StopReason::Killed)), "{end:?}");
        })
        .await;
        assert!(!log.entries().contains(&"keeper stops".into()));
    });
}

/// Opens a scope in its handler, and awaits it there.
struct InHandler(Check, Log);

impl Actor for InHandler {
    type Msg = ();

    async fn handle(&mut self, (): (), _: &mut Context<Self>) -> tenure::Result {
        let (check, log) = (self.0.clone(), self.1.clone());
        tenure::scope(async |scope| {
            let (guard, entries) = (check.guard(), log.clone());
            let told = scope.task_with(async move |token| {
                token.cancelled().await;
                entries.push("the token fires");
                drop(guard);
            })?;
            told.await?;
            log.push("the body ends");
            Ok(())
        })
        .await?;
        Ok(())
    }
}

/// The rule: a stop fires the tokens beneath open scopes at once, while the bodies of the scopes go on.
#[test]
fn stop_fires_the_tokens_beneath_a_scope_in_a_handler() {
    paused(async |check| {
        let (begin, log) = (Instant::now(), Log::default());
        tenure::scope(async |scope| {
            let actor = scope.spawn(InHandler(check.clone(), log.clone()))?;
            check.node(actor.node());
            actor.tell(()).await?;
            settled().await;
            let end = actor.stop().await;
            assert!(matches!(end, Ok(StopReason::Stopped)), "{end:?}");
            Ok(())
        })
        .await
        .unwrap();
        assert_eq!(log.entries(), ["the token fires", "the body ends"]);
        assert_eq!(begin.elapsed(), Duration::ZERO);
    });
}

/// The rule: a scope whose future is gone is joined before the state is dropped, also a scope of `on_stop`.
struct CleansUp(Log);

impl Actor for CleansUp {
    type Msg = ();

    async fn handle(&mut self, (): (), _: &mut Context<Self>) -> tenure::Result {
        Ok(())
    }

    async fn on_stop(&mut self, _: &mut Context<Self>) -> tenure::Result {
        struct Told(Log);
        impl Drop for Told {
            fn drop(&mut self) {
                self.0.push("task dropped");
            }
        }
        let log = self.0.clone();
        tenure::scope(async |scope| {
            let told = Told(log);
            scope.task(async move {
                let _told = told;
                std::future::pending::<()>().await;
            })?;
            std::future::pending::<()>().await;
            Ok(())
        })
        .await?;
        Ok(())
    }
}

impl Drop for CleansUp {
    fn drop(&mut self) {
        self.0.push("state dropped");
    }
}

#[test]
fn scope_of_on_stop_is_joined_before_the_state_goes() {
    paused(async |_| {
        let log = Log::default();
        tenure::scope(async |scope| {
            let actor = scope.spawn(CleansUp(log.clone()))?;
            let stop = actor.stop();
            settled().await;
            drop(actor.kill());
            drop(stop.await);
            Ok(())
        })
        .await
        .unwrap();
        assert_eq!(log.entries(), ["task dropped", "state dropped"]);
    });
}
