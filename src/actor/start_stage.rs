//! The first stage of an incarnation: from the recipe to the actor.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context as TaskContext, Poll};

use super::Start;
use super::incarnation::{Incarnation, MessageLoop};
use crate::error::Result;

/// Where the future of a start is kept while it runs.
pub(crate) trait StartStage<S: Start> {
    /// What the future returns.
    type Started;

    /// Begins the start. The recipe is there.
    fn begin(
        message_loop: &mut MessageLoop<S>,
    ) -> impl Future<Output = Result<Self::Started>> + Send;

    /// Puts the result into the place of the actor.
    fn finish(started: Self::Started, incarnation: &mut Incarnation<S>);
}

/// The future is a part of the actor's task.
pub(crate) struct StartInline;

/// The future is boxed, for a large actor, so that the task need not have room for it. Each step is a function of its
/// own, so that a debug build has few copies of the actor on the stack at once.
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
