//! Panics in destructors fail their node, and leave a kill a kill.

use std::future::pending;
use std::panic::panic_any;
use std::sync::Arc;

use super::{ChildMsg, child, failure_of, leaves};
use crate::common::{Check, Guard, Log, paused};
use tenure::prelude::*;
use tenure::{Cause, StopReason};
use tokio::sync::Notify;

/// Panics when it is dropped, with a payload that also panics when it is dropped.
struct Bomb(#[allow(dead_code, reason = "counted")] Guard);

struct EvilPayload {
    rounds: u32,
    _guard: Option<Guard>,
}

impl Drop for EvilPayload {
    fn drop(&mut self) {
        if self.rounds > 0 {
            panic_any(Self {
                rounds: self.rounds - 1,
                _guard: None,
            });
        }
    }
}

impl Drop for Bomb {
    fn drop(&mut self) {
        panic_any(EvilPayload {
            rounds: 3,
            _guard: None,
        });
    }
}

struct Bomber {
    _bomb: Option<Bomb>,
    check: Check,
}

enum BomberMsg {
    Carry(#[allow(dead_code, reason = "only its drop matters")] Bomb),
    /// Holds a bomb while it waits for ever.
    HangWithBomb(ReplyTo<()>),
    Hang(ReplyTo<()>),
    PanicWithPayload,
    Ask(#[allow(dead_code, reason = "only its drop matters")] ReplyTo<()>),
}

impl Actor for Bomber {
    type Msg = BomberMsg;

    async fn handle(&mut self, msg: BomberMsg, ctx: &mut Context<Self>) -> tenure::Result {
        match msg {
            BomberMsg::Carry(_) => unreachable!("it is only ever queued"),
            BomberMsg::HangWithBomb(reply) => {
                let _bomb = Bomb(self.check.guard());
                reply.send(());
                pending::<()>().await;
            }
            BomberMsg::Hang(reply) => {
                reply.send(());
                ctx.cancelled().await;
            }
            BomberMsg::PanicWithPayload => panic_any(EvilPayload {
                rounds: 3,
                _guard: Some(self.check.guard()),
            }),
            BomberMsg::Ask(_) => {}
        }
        Ok(())
    }
}

#[test]
fn panic_in_drop() {
    paused(async |check| {
        let log = Log::default();
        tenure::scope(async |scope| {
            let sibling = scope.spawn(child("sibling", &log, &check))?;
            let bomber = |armed: bool| {
                let bomb = armed.then(|| Bomb(check.guard()));
                let bomber = Bomber {
                    _bomb: bomb,
                    check: check.clone(),
                };
                let spec = ChildSpec::new(bomber).name("bomber").contain();
                scope.spawn(spec).map_err(|_| "not spawned")
            };
            let not_text = ["/bomber panicked: (a payload that is not text)"];

            // A bomb in the state.
            let failure = failure_of(bomber(true)?.stop().await);
            assert_eq!(leaves(&failure), not_text);
            // A kill stays a kill: of an actor that runs, and of one that was never polled.
            let killed = bomber(true)?.kill().await;
            assert!(matches!(killed, Ok(StopReason::Killed)), "{killed:?}");
            let running = bomber(true)?;
            running.ask(BomberMsg::Hang).await?;
            let killed = running.kill().await;
            assert!(matches!(killed, Ok(StopReason::Killed)), "{killed:?}");
            let hanging = bomber(false)?;
            hanging.ask(BomberMsg::HangWithBomb).await?;
            let killed = hanging.kill().await;
            assert!(matches!(killed, Ok(StopReason::Killed)), "{killed:?}");

            // Bombs in queued messages. The ask between them is resolved.
            let queued = bomber(false)?;
            queued.ask(BomberMsg::Hang).await?;
            queued.try_tell(BomberMsg::Carry(Bomb(check.guard())))?;
            let asking = queued.ask(BomberMsg::Ask);
            let stopping = async {
                tokio::task::yield_now().await;
                queued.try_tell(BomberMsg::Carry(Bomb(check.guard())))?;
                Ok::<_, tenure::Error>(queued.stop().await)
            };
            let (asked, stopped) = tokio::join!(asking, stopping);
            assert_eq!(asked, Err(AskError::Stopped));
            assert_eq!(leaves(&failure_of(stopped?)), not_text);

            // A bomb as the payload of a panic.
            let panicking = bomber(false)?;
            panicking.tell(BomberMsg::PanicWithPayload).await?;
            assert_eq!(leaves(&failure_of(panicking.stopped().await)), not_text);

            // A bomb in a task's future, which is dropped at its end or by a kill.
            let bomb = Bomb(check.guard());
            let task = scope.task(async move {
                let _bomb = &bomb;
                pending::<()>().await;
            })?;
            tokio::task::yield_now().await;
            let killed = task.node().kill().await;
            assert!(matches!(killed, Ok(StopReason::Killed)), "{killed:?}");

            assert_eq!(sibling.ask(ChildMsg::Answer).await?, 42);
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn panic_in_the_drop_of_a_message_that_nobody_waits_for() {
    #[allow(dead_code, reason = "held, and dropped")]
    struct Fused(Bomb, ReplyTo<()>);
    struct Slow(Arc<Notify>);
    impl Actor for Slow {
        type Msg = Option<Fused>;
        async fn handle(&mut self, msg: Self::Msg, _: &mut Context<Self>) -> tenure::Result {
            assert!(msg.is_none(), "it was given up before it was started");
            self.0.notified().await;
            Ok(())
        }
    }
    paused(async |check| {
        tenure::scope(async |scope| {
            let go_on = Arc::new(Notify::new());
            let slow = ChildSpec::new(Slow(Arc::clone(&go_on))).contain();
            let slow = scope.spawn(slow)?;
            slow.tell(None).await?;
            let mut asking = Box::pin(slow.ask(|reply| Some(Fused(Bomb(check.guard()), reply))));
            tokio::select! {
                biased;
                replied = &mut asking => panic!("{replied:?}"),
                () = tokio::task::yield_now() => {}
            }
            drop(asking);
            go_on.notify_one();
            let failure = failure_of(slow.stopped().await);
            assert!(matches!(failure.cause(), Cause::Panic(_)));
            Ok(())
        })
        .await
        .unwrap();
    });
}

/// Its payload panics when it is dropped, with another payload of this kind, and so on without end.
struct Endless;

impl Drop for Endless {
    fn drop(&mut self) {
        panic_any(Self);
    }
}

#[test]
fn payload_that_panics_without_end_is_leaked_in_the_end() {
    paused(async |_| {
        tenure::scope(async |scope| {
            let task = scope.task(async {
                if true {
                    panic_any(Endless);
                }
            });
            let node = task?.node();
            let failure = failure_of(node.stopped().await);
            assert!(matches!(failure.cause(), Cause::Panic(_)));
            Ok(())
        })
        .await
        .unwrap_err();
    });
}
