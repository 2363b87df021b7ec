//! The deadline and the waits of a hook end with the hook.
use crate::common;

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;

use common::{Log, paused};
use tenure::StopError;
use tenure::prelude::*;
use tokio::time::{Duration, Instant, sleep};

const SECOND: Duration = Duration::from_secs(1);

/// The deadline of an ask that `on_start` has taken does not apply to the message of a timer.
#[test]
fn deadline_of_a_message_that_a_start_took() {
    enum M {
        Later(ReplyTo<u32>),
        Tick,
    }
    #[derive(Default)]
    struct A {
        later: Option<ReplyTo<u32>>,
        seen: Option<Option<Instant>>,
    }
    impl Actor for A {
        type Msg = M;
        async fn on_start(&mut self, ctx: &mut Context<Self>) -> tenure::Result {
            sleep(SECOND).await;
            if let Some(M::Later(reply)) = ctx.try_next() {
                self.later = Some(reply);
            }
            ctx.send_after(SECOND, M::Tick);
            Ok(())
        }
        async fn handle(&mut self, m: M, ctx: &mut Context<Self>) -> tenure::Result {
            if matches!(m, M::Tick) {
                self.seen = Some(ctx.deadline());
                let late = self.later.take().ok_or("it took none")?;
                late.send(u32::from(ctx.deadline().is_some()));
            }
            Ok(())
        }
    }
    paused(async |_| {
        let system = System::start().unwrap();
        let a = system.spawn(A::default()).unwrap();
        let stuck = a.ask(M::Later).timeout(60 * SECOND).await;
        drop(system.stop().await);
        assert_eq!(stuck, Ok(0), "the tick has a deadline");
    });
}

type Kept = Pin<Box<dyn Future<Output = Result<u32, AskError>> + Send>>;

/// An ask that `on_start` has sent and keeps in the state is not a wait once the hook has ended.
#[test]
fn ask_kept_by_a_start_is_no_wait() {
    enum AMsg {
        Plain(ReplyTo<u32>),
        Take(ReplyTo<u32>),
    }
    struct A {
        b: ActorRef<BMsg>,
        kept: Option<Kept>,
    }
    struct BMsg(ReplyTo<u32>);
    struct B(std::sync::Arc<std::sync::OnceLock<ActorRef<AMsg>>>);
    impl Actor for A {
        type Msg = AMsg;
        async fn on_start(&mut self, _: &mut Context<Self>) -> tenure::Result {
            let mut ask: Kept = Box::pin(self.b.ask(BMsg).owned());
            poll_fn(|cx| {
                assert!(ask.as_mut().poll(cx).is_pending());
                Poll::Ready(())
            })
            .await;
            self.kept = Some(ask);
            Ok(())
        }
        async fn handle(&mut self, msg: AMsg, _: &mut Context<Self>) -> tenure::Result {
            match msg {
                AMsg::Plain(reply) => reply.send(7),
                AMsg::Take(reply) => {
                    if let Some(kept) = self.kept.take() {
                        reply.send(kept.await?);
                    }
                }
            }
            Ok(())
        }
    }
    impl Actor for B {
        type Msg = BMsg;
        async fn handle(&mut self, BMsg(reply): BMsg, _: &mut Context<Self>) -> tenure::Result {
            sleep(Duration::from_secs(1)).await; // A's start is over by now
            let a = self.0.get().unwrap();
            match a.ask(AMsg::Plain).await {
                Ok(n) => reply.send(n),
                Err(error) => {
                    eprintln!("{error}");
                    reply.send(0)
                }
            }
            Ok(())
        }
    }
    paused(async |_| {
        let system = System::start().unwrap();
        let a_cell = std::sync::Arc::default();
        let b = system.spawn(B(std::sync::Arc::clone(&a_cell))).unwrap();
        let a = system.start(A { b, kept: None }).await.unwrap();
        a_cell.set(a.clone()).ok().unwrap();
        sleep(Duration::from_secs(2)).await;
        let got = a.ask(AMsg::Take).await;
        drop(system.stop().await);
        assert_eq!(got, Ok(7));
    });
}

/// How `on_start` ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Start {
    Fails,
    FailsAsItIsKilled,
    Panics,
}

/// An error of `on_start` is like that of any other hook: the state is there, and `on_stop` may clean up.
#[test]
fn on_stop_follows_an_on_start_that_fails_unless_a_kill_comes_first() {
    struct A(Start, Log);
    impl Actor for A {
        type Msg = ();
        async fn on_start(&mut self, ctx: &mut Context<Self>) -> tenure::Result {
            match self.0 {
                Start::Fails => {}
                Start::FailsAsItIsKilled => ctx.node().request_kill(),
                Start::Panics => panic!("no luck"),
            }
            Err("no luck".into())
        }
        async fn handle(&mut self, (): (), _: &mut Context<Self>) -> tenure::Result {
            unreachable!("it has not started")
        }
        async fn on_stop(&mut self, _: &mut Context<Self>) -> tenure::Result {
            self.1.push("on_stop");
            Ok(())
        }
    }
    impl Drop for A {
        fn drop(&mut self) {
            self.1.push("dropped");
        }
    }
    paused(async |check| {
        let system = System::start().unwrap();
        for (start, expected) in [
            (Start::Fails, &["on_stop", "dropped"][..]),
            (Start::FailsAsItIsKilled, &["dropped"]),
            (Start::Panics, &["dropped"]),
        ] {
            let log = Log::default();
            let spec = ChildSpec::new(A(start, log.clone())).contain();
            let a = system.spawn(spec).unwrap();
            check.node(a.node());
            let ended = a.stopped().await;
            let Err(StopError::Failed(failure)) = ended else {
                panic!("{start:?}: {ended:?}");
            };
            assert!(failure.to_string().contains("no luck"), "{failure}");
            assert_eq!(log.entries(), expected, "{start:?}");
        }
        system.stop().await.unwrap();
    });
}
