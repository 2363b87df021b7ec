//! Actors, and the lifecycle that all nodes share.
//!
//! # The lifecycle
//!
//! TODO
mod actor_ref;
mod ask;
mod block;
mod cell;
mod context;
mod permit;
mod recipient;
mod shell;
mod spawner;
mod task;
mod tell;

pub use actor_ref::ActorRef;
pub use ask::Ask;
pub use context::Context;
pub use permit::{Permit, Reserve};
pub use recipient::Recipient;
pub use spawner::Spawner;
pub use task::{BlockingHandle, Handle, TaskHandle, TaskOutput};
pub use tell::Tell;

pub(crate) use cell::ActorCell;
pub(crate) use shell::{Seed, shell};

use std::future::Future;

use crate::error::Result;
use crate::tree::ChildExit;

/// A state that handles messages, one at a time.
pub trait Actor: Send + Sized + 'static {
    /// What it takes: an enum, matched exhaustively in [`handle`](Actor::handle).
    type Msg: Send + 'static;

    /// Handles one message. An error fails the actor (rule 9); an error that is expected is part
    /// of a reply.
    ///
    /// # Errors
    ///
    /// Whatever the actor cannot go on with.
    fn handle(
        &mut self,
        msg: Self::Msg,
        ctx: &mut Context<Self>,
    ) -> impl Future<Output = Result> + Send;

    /// Runs before the first message. Messages that come meanwhile wait in the mailbox.
    ///
    /// # Errors
    ///
    /// Fails the start, and with it the actor.
    fn on_start(&mut self, ctx: &mut Context<Self>) -> impl Future<Output = Result> + Send {
        let _ = ctx;
        async { Ok(()) }
    }

    /// Sees the end of each child, between two messages.
    ///
    /// # Errors
    ///
    /// Fails this actor too; by default if the child failed ([`ChildExit::into_result`]).
    fn on_child_exit(
        &mut self,
        exit: ChildExit,
        ctx: &mut Context<Self>,
    ) -> impl Future<Output = Result> + Send {
        let _ = ctx;
        async { exit.into_result() }
    }

    /// Runs last, when the children are gone and before the state is dropped. It does not run
    /// after a panic or a kill; what must happen even then belongs in `Drop`.
    ///
    /// # Errors
    ///
    /// Are reported with the actor's end.
    fn on_stop(&mut self, ctx: &mut Context<Self>) -> impl Future<Output = Result> + Send {
        let _ = ctx;
        async { Ok(()) }
    }

    /// A message's name in warnings, snapshots and errors. The default is the type's; the
    /// variant's serves better at 3 a.m.
    #[must_use]
    fn label(msg: &Self::Msg) -> &'static str {
        let _ = msg;
        std::any::type_name::<Self::Msg>()
    }
}

/// The recipe of an actor: its arguments, and how it comes to be of them, asynchronously and
/// perhaps not at all. Every actor is its own recipe.
pub trait Start: Send + Sized + 'static {
    /// What it makes.
    type Actor: Actor;

    /// Makes the actor. What it spawns through `ctx` is the actor's, and is undone if this fails.
    ///
    /// # Errors
    ///
    /// Whatever keeps the actor from coming to be.
    fn start(
        self,
        ctx: &mut Context<Self::Actor>,
    ) -> impl Future<Output = Result<Self::Actor>> + Send;
}

impl<A: Actor> Start for A {
    type Actor = A;

    async fn start(self, _ctx: &mut Context<A>) -> Result<A> {
        Ok(self)
    }
}
