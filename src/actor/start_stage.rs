//! The first stage of an incarnation: from what it is started from to the actor.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context as TaskContext, Poll};

use super::Start;
use super::incarnation::{Incarnation, MessageLoop};
use crate::error::Result;

/// Where the future of a start is while it runs.
pub(crate) trait StartStage<S: Start> {
    /// What the future gives.
    type Started;

    /// Begins the start. There is something to start from.
    fn begin(
        message_loop: &mut MessageLoop<S>,
    ) -> impl Future<Output = Result<Self::Started>> + Send;

    /// Puts what the future has given where the actor is to be.
    fn finish(started: Self::Started, incarnation: &mut Incarnation<S>);
}

/// In the actor's task.
pub(crate) struct StartInline;

/// In a box of its own, for a large actor: its task need not have room for the future. Each step is a function of its
/// own, so that a build that is not optimised has few copies of the actor on the stack at once.
pub(crate) struct StartBoxed;

impl<S: Start> StartStage<S> for StartInline {
    type Started = S::Actor;

    #[inline]
    fn begin(message_loop: &mut MessageLoop<S>) -> impl Future<Output = Result<S::Actor>> + Send {
        message_loop
            .incarnation
            .take_recipe()
            .start(&mut message_loop.ctx)
    }

    #[inline]
    fn finish(actor: S::Actor, incarnation: &mut Incarnation<S>) {
        *incarnation = Incarnation::Actor(actor);
    }
}

impl<S: Start> StartStage<S> for StartBoxed {
    type Started = ();

    fn begin(message_loop: &mut MessageLoop<S>) -> impl Future<Output = Result> + Send {
        let MessageLoop { incarnation, ctx } = message_loop;
        let mut start = boxed_start(incarnation, ctx);
        poll_fn(move |cx| poll_start(start.as_mut(), incarnation, cx))
    }

    fn finish((): (), _: &mut Incarnation<S>) {}
}

fn boxed_start<'a, S: Start>(
    incarnation: &mut Incarnation<S>,
    ctx: &'a mut super::Context<S::Actor>,
) -> Pin<Box<impl Future<Output = Result<S::Actor>> + Send + use<'a, S>>> {
    Box::pin(incarnation.take_recipe().start(ctx))
}

fn poll_start<S: Start>(
    start: Pin<&mut impl Future<Output = Result<S::Actor>>>,
    incarnation: &mut Incarnation<S>,
    cx: &mut TaskContext<'_>,
) -> Poll<Result> {
    start
        .poll(cx)
        .map_ok(|actor| *incarnation = Incarnation::Actor(actor))
}
