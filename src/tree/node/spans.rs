//! The spans of a node, in a system that has asked for them: one for its life, and one for the message that it handles.
//!
//! The code that polls the node's body [enters](Node::enter_span) one of the two before the poll and leaves it
//! afterwards. A message that begins in the middle of a poll replaces the entered span. So the loop of an actor, its
//! tasks and its handlers need not know about spans.

use std::sync::Arc;

use tracing::{Dispatch, Id, Span};

use super::any_node::AnyNode;
use super::node::Node;
use crate::error::{Kind, StopReason};
use crate::sync::lock;

/// The spans that the node's code runs in. They are cloned and dropped without a lock, since that calls the subscriber.
#[derive(Default)]
pub(in crate::tree) struct NodeSpans {
    /// The life of an actor or system; for a task, the span in which it was started.
    life: Option<Arc<Span>>,
    message: Option<Arc<Span>>,
}

impl NodeSpans {
    fn current(&self) -> Option<Arc<Span>> {
        self.message.as_ref().or(self.life.as_ref()).cloned()
    }
}

/// Makes the spans of a node whose shell is about to begin.
pub(in crate::tree) fn begin(node: &Arc<dyn AnyNode>) {
    let starter = Span::current();
    let life = match node.kind() {
        Kind::Actor | Kind::System => life(node, &starter),
        // A task's work is a part of its starter's work.
        Kind::Task | Kind::Blocking => starter,
        // Its code runs in the span of its caller.
        Kind::Scope => return,
    };
    let spans = NodeSpans {
        life: Some(Arc::new(life)),
        message: None,
    };
    let mut state = lock(&node.state);
    state.extras.get_or_insert_default().around().spans = spans;
}

fn life(node: &Arc<dyn AnyNode>, starter: &Span) -> Span {
    let span = tracing::info_span!(
        target: "tenure",
        parent: owners_span(node),
        "actor",
        path = %node.path(node.type_name()),
        id = %node.id(),
        r#type = node.type_name(),
        otel.name = node.type_name(),
    );
    span.follows_from(starter);
    span
}

/// The span of the nearest actor above, or of the system. It is open, as an owner ends after what it owns.
fn owners_span(node: &Arc<dyn AnyNode>) -> Option<Id> {
    let mut next = node.owner();
    while let Some(above) = next {
        if matches!(above.kind(), Kind::Actor | Kind::System) {
            return above.life_span()?.id();
        }
        next = above.owner();
    }
    None
}

impl Node {
    /// Whether it has spans.
    #[inline]
    pub(crate) fn is_traced(&self) -> bool {
        self.is_noted() && self.shared.spans
    }

    /// Called before its code is run.
    #[cold]
    pub(in crate::tree) fn enter_span(&self) {
        self.with_current_span(|id, subscriber| subscriber.enter(id));
    }

    /// Called after its code has returned.
    #[cold]
    pub(in crate::tree) fn leave_span(&self) {
        self.with_current_span(|id, subscriber| subscriber.exit(id));
    }

    /// Ends the span of the message, because no message is being handled.
    #[cold]
    pub(in crate::tree) fn end_message_span(&self) {
        drop(self.set_message_span(None));
    }

    /// Called by its code on this thread when it begins a message or is done with it.
    #[cold]
    pub(crate) fn change_message_span(&self, span: Option<Span>) {
        self.with_current_span(|id, subscriber| subscriber.exit(id));
        let ended = self.set_message_span(span);
        self.with_current_span(|id, subscriber| subscriber.enter(id));
        drop(ended);
    }

    fn set_message_span(&self, span: Option<Span>) -> Option<Arc<Span>> {
        let mut state = lock(&self.state);
        state.spans()?.life.as_ref()?;
        let spans = &mut state.extras.as_mut()?.around().spans;
        std::mem::replace(&mut spans.message, span.map(Arc::new))
    }

    fn with_current_span(&self, tell: impl FnOnce(&Id, &Dispatch)) {
        let span = lock(&self.state).spans().and_then(NodeSpans::current);
        if let Some(span) = span {
            span.with_subscriber(|(id, subscriber)| tell(id, subscriber));
        }
    }

    /// The span of its life, if it has one.
    pub(crate) fn life_span(&self) -> Option<Arc<Span>> {
        lock(&self.state).spans()?.life.clone()
    }

    /// Ends the spans, before anybody is told of the node's end.
    #[cold]
    pub(in crate::tree) fn end_spans(&self, reason: &StopReason) {
        let spans = {
            let mut state = lock(&self.state);
            let extras = state.extras.as_mut();
            extras.map(|extras| std::mem::take(&mut extras.around().spans))
        };
        if let Some(life) = spans.and_then(|spans| spans.life)
            && matches!(self.kind(), Kind::Actor | Kind::System)
        {
            life.in_scope(|| {
                tracing::debug!(name: "tenure.ended", target: "tenure", ?reason, "ended");
            });
        }
    }
}
