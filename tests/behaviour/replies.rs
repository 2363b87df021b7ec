//! What an ask is told whose reply is dropped unsent, wherever that happens.

use crate::common;

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use common::node::Gate;
use common::{Check, Guard, multi_thread, paused, settled};
use tenure::prelude::*;
use tokio::task::yield_now;

const HOUR: Duration = Duration::from_secs(3_600);

/// Keeps replies in various places.
struct Keeper {
    kept: Vec<ReplyTo<u32>>,
    _guard: Guard,
}

enum Msg {
    /// Keeps the reply in a timer.
    InTimer(ReplyTo<u32>),
    /// Keeps the reply in the state.
    InState(ReplyTo<u32>),
    /// Keeps the reply in a message to itself.
    InMessage(ReplyTo<u32>),
    /// Drops the reply in a scope, which goes on until the gate is opened.
    InScope(ReplyTo<u32>, Arc<Gate>),
    Answer(ReplyTo<u32>),
    Hold(Arc<Gate>),
    /// Drops all that it keeps in the state, and fails once the gate is opened.
    Forget(Arc<Gate>),
    Panic,
}

impl Keeper {
    fn new(check: &Check) -> Self {
        Self {
            kept: Vec::new(),
            _guard: check.guard(),
        }
    }
}

impl Actor for Keeper {
    type Msg = Msg;

    async fn handle(&mut self, msg: Msg, ctx: &mut Context<Self>) -> tenure::Result {
        match msg {
            Msg::InTimer(reply) => drop(ctx.send_after(HOUR, Msg::Answer(reply))),
            Msg::InState(reply) => self.kept.push(reply),
            Msg::InMessage(reply) => ctx.me().try_tell(Msg::Answer(reply))?,
            Msg::InScope(reply, gate) => {
                tenure::scope(async |_| {
                    drop(reply);
                    hold(&gate).await;
                    Ok(())
                })
                .await?;
            }
            Msg::Answer(reply) => reply.send(1),
            Msg::Hold(gate) => hold(&gate).await,
            Msg::Forget(gate) => {
                self.kept.clear();
                hold(&gate).await;
                return Err("told to".into());
            }
            Msg::Panic => panic!("told to"),
        }
        Ok(())
    }
}

async fn hold(gate: &Gate) {
    gate.reach();
    gate.opened().await;
}

/// Sends an ask, and returns it once the actor has handled its message.
async fn ask(
    keeper: &ActorRef<Msg>,
    message: impl FnOnce(ReplyTo<u32>) -> Msg,
) -> tenure::Ask<'static, Msg, u32> {
    let mut ask = keeper.ask(message).owned();
    std::future::poll_fn(|cx| {
        assert!(pin!(&mut ask).poll(cx).is_pending());
        std::task::Poll::Ready(())
    })
    .await;
    ask
}

#[test]
fn reply_in_a_timer_or_the_state_resolves_however_the_actor_ends() {
    paused(async |check| {
        tenure::scope(async |scope| {
            for end in ["stop", "drain", "kill", "panic"] {
                let keeper = scope.spawn(ChildSpec::new(Keeper::new(&check)).contain())?;
                let in_timer = ask(&keeper, Msg::InTimer).await;
                let in_state = ask(&keeper, Msg::InState).await;
                settled().await;
                let expected = match end {
                    "stop" => {
                        drop(keeper.stop());
                        AskError::NoReply
                    }
                    "drain" => {
                        drop(keeper.drain());
                        AskError::NoReply
                    }
                    "kill" => {
                        drop(keeper.kill());
                        AskError::Killed
                    }
                    _ => {
                        keeper.tell(Msg::Panic).await?;
                        AskError::NoReply
                    }
                };
                assert_eq!(in_timer.await, Err(expected.clone()), "{end}");
                assert_eq!(in_state.await, Err(expected), "{end}");
            }
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn reply_in_a_timer_resolves_on_several_threads() {
    multi_thread(async |check| {
        tenure::scope(async |scope| {
            for _ in 0..200 {
                let keeper = scope.spawn(Keeper::new(&check))?;
                let asked = keeper.ask(Msg::InTimer).owned();
                let asked = scope.task(async move { Ok::<_, tenure::Error>(asked.await) })?;
                yield_now().await;
                drop(keeper.stop());
                assert!(asked.await?.is_err());
            }
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn discarded_message_that_holds_a_reply_was_started_if_the_asks_own_was() {
    paused(async |check| {
        tenure::scope(async |scope| {
            let gate = Arc::new(Gate::default());
            let keeper = scope.spawn(Keeper::new(&check))?;
            let started = ask(&keeper, Msg::InMessage).await;
            keeper.try_tell(Msg::Hold(Arc::clone(&gate)))?;
            gate.reached().await;
            // Two messages are queued behind the gate: the keeper's own, with the first reply in it, and this one.
            let queued = ask(&keeper, Msg::Answer).await;
            drop(keeper.stop());
            gate.open();
            let error = started.await.unwrap_err();
            assert_eq!(error, AskError::NoReply);
            assert!(!error.never_started());
            assert_eq!(queued.await, Err(AskError::Stopped));
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn kill_that_discards_a_message_with_a_reply_says_killed() {
    paused(async |check| {
        tenure::scope(async |scope| {
            let gate = Arc::new(Gate::default());
            let keeper = scope.spawn(Keeper::new(&check))?;
            let started = ask(&keeper, Msg::InMessage).await;
            keeper.try_tell(Msg::Hold(Arc::clone(&gate)))?;
            gate.reached().await;
            let queued = ask(&keeper, Msg::Answer).await;
            drop(keeper.kill());
            assert_eq!(started.await, Err(AskError::Killed));
            assert_eq!(queued.await, Err(AskError::Stopped));
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn reply_that_a_scope_in_a_handler_drops_resolves_when_the_handler_ends() {
    paused(async |check| {
        tenure::scope(async |scope| {
            for kill in [false, true] {
                let gate = Arc::new(Gate::default());
                let keeper = scope.spawn(Keeper::new(&check))?;
                let mut asked = {
                    let gate = Arc::clone(&gate);
                    ask(&keeper, |reply| Msg::InScope(reply, gate)).await
                };
                gate.reached().await;
                assert!(futures_ready(&mut asked).await.is_none());
                let expected = if kill {
                    drop(keeper.kill());
                    AskError::Killed
                } else {
                    gate.open();
                    AskError::NoReply
                };
                assert_eq!(asked.await, Err(expected));
            }
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn reply_that_is_dropped_elsewhere_resolves_at_once() {
    paused(async |check| {
        tenure::scope(async |scope| {
            let keeper = scope.spawn(Keeper::new(&check))?;
            let (give, take) = tokio::sync::oneshot::channel();
            let gate = Arc::new(Gate::default());
            let held = Arc::clone(&gate);
            let asked = ask(&keeper, |reply| {
                drop(give.send(reply));
                Msg::Hold(held)
            })
            .await;
            gate.reached().await;
            drop(take.await);
            // The actor's own code has not dropped the reply, so nothing has to wait for the end of the handler.
            assert_eq!(asked.await, Err(AskError::NoReply));
            gate.open();
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn replies_of_a_runtime_that_ends_resolve() {
    let check = Check::default();
    let runtime = common::current_thread();
    let asks = runtime.block_on(async {
        let system = System::builder().start().unwrap();
        let keeper = system.spawn(Keeper::new(&check)).unwrap();
        let in_timer = ask(&keeper, Msg::InTimer).await;
        yield_now().await;
        let queued = ask(&keeper, Msg::Answer).await;
        std::mem::forget(system);
        [in_timer, queued]
    });
    drop(runtime);
    let outcomes = asks.map(|ask| {
        let runtime = common::current_thread();
        runtime.block_on(ask)
    });
    assert_eq!(outcomes, [Err(AskError::NoReply), Err(AskError::Stopped)]);
    check.assert_clean();
}

async fn futures_ready<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
    std::future::poll_fn(|cx| {
        std::task::Poll::Ready(match pin!(&mut *future).poll(cx) {
            std::task::Poll::Ready(output) => Some(output),
            std::task::Poll::Pending => None,
        })
    })
    .await
}

#[test]
fn handler_that_drops_many_replies_resolves_each_when_it_ends() {
    paused(async |check| {
        tenure::scope(async |scope| {
            let keeper = scope.spawn(ChildSpec::new(Keeper::new(&check)).contain())?;
            let mut asks = Vec::new();
            for _ in 0..50 {
                asks.push(ask(&keeper, Msg::InState).await);
            }
            let gate = Arc::new(Gate::default());
            keeper.tell(Msg::Forget(Arc::clone(&gate))).await?;
            gate.reached().await;
            for ask in &mut asks {
                let is_pending = std::future::poll_fn(|cx| {
                    std::task::Poll::Ready(pin!(&mut *ask).poll(cx).is_pending())
                });
                assert!(is_pending.await);
            }
            gate.open();
            for ask in asks {
                assert_eq!(ask.await, Err(AskError::Failed));
            }
            Ok(())
        })
        .await
        .unwrap();
    });
}
