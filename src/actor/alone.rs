//! Runs an actor's code without its loop, for tests.

use std::panic::{Location, resume_unwind};
use std::pin::pin;
use std::sync::Arc;

use super::cell::{ActorCell, ActorType};
use super::{Actor, Context};
use crate::error::{Kind, StopReason};
use crate::mailbox::{DropReason, Queue};
use crate::tree::{
    AnyNode, Body, BodyEnd, Exit, Halt, Node, NodeSlot, Report, Settings, Shared, end_by_itself,
};

/// A node with a mailbox that nobody reads. `exit` is dropped last.
pub(crate) struct Alone<A: Actor> {
    pub(crate) ctx: Context<A>,
    exit: Exit,
}

impl<A: Actor> Alone<A> {
    pub(crate) fn new(shared: Shared, site: &'static Location<'static>) -> Self {
        let mailbox = shared.mailbox;
        let node = Node::new(
            NodeSlot::root(shared),
            Kind::Actor,
            site,
            Settings::default(),
        );
        let cell = Arc::new(ActorCell {
            queue: Queue::new(mailbox, node.is_noted()),
            node,
            kind: ActorType::of::<A>(),
        });
        cell.node.set_running();
        Self {
            exit: Exit::new(Arc::clone(&cell) as _),
            ctx: Context::new(cell),
        }
    }

    pub(crate) fn node(&self) -> &Arc<dyn AnyNode> {
        self.exit.any()
    }

    /// Runs code of the actor as its node, as a shell does. `None` if the node was killed meanwhile. A panic is
    /// resumed.
    pub(crate) async fn run<R>(
        &mut self,
        code: impl AsyncFnOnce(&mut Context<A>) -> R,
    ) -> Option<R> {
        let ended = {
            let body = pin!(Some(code(&mut self.ctx)));
            Body::new(&mut self.exit, body, Halt::Itself).await
        };
        let (result, reason) = match ended {
            BodyEnd::Value(value) => (Some(value), DropReason::NoReply),
            BodyEnd::Panicked(panic) => resume_unwind(panic),
            BodyEnd::Dropped => (None, DropReason::Killed),
        };
        self.ctx.end_code(reason);
        result
    }

    /// Stops and joins what the code has started. Returns how that ended.
    pub(crate) async fn end(self) -> StopReason {
        let Self { ctx, mut exit } = self;
        end_by_itself(exit.any());
        if exit.any().has_children() {
            exit.stop_children().await;
        }
        // This drops the sources and the messages in the mailbox as well.
        exit.as_current(|| drop(ctx));
        if exit.any().has_children() {
            exit.stop_last_children().await;
        }
        let reason = Report::default().finish(exit.any());
        exit.conclude(reason.clone());
        reason
    }
}
