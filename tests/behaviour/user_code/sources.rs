//! Timers, streams and watches.

use std::pin::Pin;
use std::task::{self, Poll};

use super::{Bomb, MS, Msg, Then, assert_ends};
use crate::common::paused;

/// A stream whose poll or drop panics.
struct Items(Option<Bomb>);

impl futures_core::Stream for Items {
    type Item = ();

    fn poll_next(self: Pin<&mut Self>, _: &mut task::Context<'_>) -> Poll<Option<()>> {
        match self.0 {
            Some(_) => Poll::Pending,
            None => panic!("polled"),
        }
    }
}

#[test]
fn panics_in_timers() {
    paused(async |_| {
        assert_ends(vec![
            (
                "send_every",
                Box::new(|ctx| Ok(drop(ctx.send_every(MS, || panic!("called"))))),
                Then::Nothing,
                "failed",
            ),
            (
                "receive_timeout",
                Box::new(|ctx| Ok(drop(ctx.receive_timeout(MS, || panic!("called"))))),
                Then::Nothing,
                "failed",
            ),
            (
                "the drop of a timer's message at a stop",
                Box::new(|ctx| Ok(drop(ctx.send_after(60_000 * MS, Msg::Keep(Bomb))))),
                Then::Stop,
                "failed",
            ),
            (
                "the drop of a timer's message at a drain",
                Box::new(|ctx| Ok(drop(ctx.send_after(60_000 * MS, Msg::Keep(Bomb))))),
                Then::Drain,
                "failed",
            ),
            (
                "the drop of a timer's message at a kill",
                Box::new(|ctx| Ok(drop(ctx.send_after(60_000 * MS, Msg::Keep(Bomb))))),
                Then::Kill,
                "killed",
            ),
            (
                "the drop of a cancelled timer's message",
                Box::new(|ctx| {
                    ctx.send_after(60_000 * MS, Msg::Keep(Bomb)).cancel();
                    Ok(drop(ctx.send_after(MS, Msg::Sleep)))
                }),
                Then::Nothing,
                "failed",
            ),
        ])
        .await;
    });
}

#[test]
fn panics_in_streams_and_watches() {
    paused(async |_| {
        assert_ends(vec![
            (
                "a stream",
                Box::new(|ctx| Ok(drop(ctx.attach(Items(None), |()| Msg::Sleep)))),
                Then::Nothing,
                "failed",
            ),
            (
                "a stream's drop at a stop",
                Box::new(|ctx| Ok(drop(ctx.attach(Items(Some(Bomb)), |()| Msg::Sleep)))),
                Then::Stop,
                "failed",
            ),
            (
                "a watch",
                Box::new(|ctx| {
                    let node = ctx.task(async {})?.node();
                    Ok(drop(ctx.watch(node, |_| panic!("called"))?))
                }),
                Then::Nothing,
                "failed",
            ),
        ])
        .await;
    });
}
