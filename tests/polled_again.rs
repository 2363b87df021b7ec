//! A future of this crate that is polled again after it was ready panics, as that of an `async fn` does, and never
//! returns something else.

mod common;

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::{self, Waker};
use std::time::Duration;

use common::paused;
use tenure::StopError;
use tenure::prelude::*;

struct Echo;

enum EchoMsg {
    Note(#[expect(dead_code, reason = "a note is not answered")] u8),
    Reply(ReplyTo<u32>),
    /// Tries the futures that only a handler can make.
    Try(ReplyTo<()>),
    /// Stops, and tries the futures that are ready then.
    Stop(ReplyTo<()>),
}

impl From<u8> for EchoMsg {
    fn from(note: u8) -> Self {
        Self::Note(note)
    }
}

impl From<ReplyTo<u32>> for EchoMsg {
    fn from(reply: ReplyTo<u32>) -> Self {
        Self::Reply(reply)
    }
}

impl Actor for Echo {
    type Msg = EchoMsg;

    async fn handle(&mut self, msg: EchoMsg, ctx: &mut Context<Self>) -> tenure::Result {
        match msg {
            EchoMsg::Note(_) => {}
            EchoMsg::Reply(reply) => reply.send(7),
            EchoMsg::Try(reply) => {
                assert_panics_when_polled_again(ctx.until_caller_gone(async {})).await;
                let gone = reply.gone();
                reply.send(());
                assert_panics_when_polled_again(gone).await;
            }
            EchoMsg::Stop(reply) => {
                drop(ctx.me().stop());
                assert_panics_when_polled_again(ctx.cancelled()).await;
                reply.send(());
            }
        }
        Ok(())
    }
}

/// Awaits the future, and polls it once more.
async fn assert_panics_when_polled_again<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let output = future.as_mut().await;
    let mut cx = task::Context::from_waker(Waker::noop());
    let again = catch_unwind(AssertUnwindSafe(|| future.poll(&mut cx).is_ready()));
    let panic = again.expect_err("it can be polled again");
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    assert_eq!(text, Some("polled after it was ready"));
    output
}

fn with_an_actor(test: impl AsyncFn(&Scope, ActorRef<EchoMsg>) -> tenure::Result) {
    paused(async |_check| {
        tenure::scope(async |scope| {
            let echo = scope.spawn(Echo)?;
            test(&scope, echo).await
        })
        .await
        .unwrap();
    });
}

#[test]
fn sends_panic() {
    with_an_actor(async |_, echo| {
        assert_panics_when_polled_again(echo.tell(EchoMsg::Note(1))).await?;
        let permit = assert_panics_when_polled_again(echo.reserve()).await?;
        permit.send(EchoMsg::Note(2))?;
        let recipient = echo.recipient::<u8>();
        assert_panics_when_polled_again(recipient.tell(3)).await?;
        Ok(())
    });
}

#[test]
fn asks_panic() {
    with_an_actor(async |_, echo| {
        let asked = assert_panics_when_polled_again(echo.ask(EchoMsg::Reply)).await?;
        let recipient = echo.recipient::<ReplyTo<u32>>();
        let through_it = assert_panics_when_polled_again(recipient.ask(|reply| reply)).await?;
        assert_eq!((asked, through_it), (7, 7));
        Ok(())
    });
}

#[test]
fn starts_and_ends_panic() {
    with_an_actor(async |scope, _| {
        let started = assert_panics_when_polled_again(scope.start(Echo)).await?;
        let node = started.node();
        let in_time = node.stopped().timeout(Duration::from_millis(1));
        let late = assert_panics_when_polled_again(in_time).await;
        assert!(matches!(late, Err(StopError::TimedOut)), "{late:?}");
        assert_panics_when_polled_again(started.stop()).await?;
        assert_panics_when_polled_again(node.stopped()).await?;
        assert_panics_when_polled_again(scope.task(async {})?).await?;
        Ok(())
    });
}

#[test]
fn what_a_handler_waits_for_panics() {
    with_an_actor(async |_, echo| {
        echo.ask(EchoMsg::Try).await?;
        echo.ask(EchoMsg::Stop).await?;
        Ok(())
    });
}
