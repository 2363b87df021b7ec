//! What is noted for each message in a system that has asked for timings or spans: where it comes from, and when it was
//! sent and begun.

use tokio::time::Instant;
use tracing::Span;

use super::cell::ActorCell;
use super::{Actor, Context};
use crate::mailbox::{CallerTracking, Gated, Refusal, Sender, Sent};
use crate::tree::{AnyNode, Node, is_beneath};

impl<M: Send + 'static> ActorCell<M> {
    /// Pushes the message in `message` if there is room now. Returns its number.
    #[cfg_attr(not(debug_assertions), inline(always))]
    pub(super) fn try_push<'a>(
        &self,
        message: &mut Option<M>,
        tracking: impl Fn() -> CallerTracking<'a>,
    ) -> Result<u64, Refusal> {
        match self.queue.try_push(message, tracking()) {
            Ok(pushed) => pushed,
            Err(Gated) => self.try_push_gated(message, tracking()),
        }
    }

    #[cold]
    fn try_push_gated(
        &self,
        message: &mut Option<M>,
        tracking: CallerTracking<'_>,
    ) -> Result<u64, Refusal> {
        let sender = self.sender(tracking);
        let from_beneath = || is_beneath(&self.node);
        self.queue.try_push_gated(message, sender, from_beneath)
    }

    /// The sender of a message that the code here sends, with this caller.
    pub(super) fn sender<'a>(&self, tracking: CallerTracking<'a>) -> Sender<'a> {
        let sent = match self.node.is_noted() {
            true => Some(sent_here(&self.node, &tracking)),
            false => None,
        };
        Sender { tracking, sent }
    }
}

#[cold]
fn sent_here(target: &Node, tracking: &CallerTracking<'_>) -> Sent {
    let shared = &target.shared;
    let now = shared.times.is_some().then(Instant::now);
    let span = shared.spans.then(Span::current);
    Sent::new(now, span.filter(|span| !span.is_none()), tracking)
}

impl<A: Actor> Context<A> {
    /// Notes that the message that was taken last is about to be handled. A message that a running handler takes
    /// belongs to that handler's span.
    pub(super) fn begin_noted(&mut self, label: &'static str) {
        let (cell, batch) = self.cell_and_batch();
        let is_first = batch.begin_noted();
        if let Some(times) = &cell.node.shared.times {
            let now = Instant::now();
            cell.queue.note_begin(now);
            batch.begin_timed(now, || times.of_type(cell.type_name()));
        }
        if is_first && self.my_node().is_traced() {
            let span = self.message_span(label);
            self.my_node().change_message_span(Some(span));
        }
    }

    /// Called before code of the actor that handles no message.
    #[inline]
    pub(super) fn end_message_span(&self) {
        if self.my_node().is_traced() {
            self.my_node().change_message_span(None);
        }
    }

    /// The span of an ask is a child of its caller's span. The span of any other message only follows from its sender's,
    /// which does not wait.
    fn message_span(&self, label: &'static str) -> Span {
        let sent = self.sent();
        let is_ask = sent.is_some_and(Sent::is_ask);
        let sender = sent.and_then(Sent::span);
        let node = self.owner();
        let span = tracing::info_span!(
            target: "tenure",
            parent: sender.filter(|_| is_ask).and_then(Span::id),
            "message",
            path = %node.path(node.type_name()),
            label,
            otel.name = label,
            otel.kind = if is_ask { "server" } else { "consumer" },
        );
        if let Some(sender) = sender.filter(|_| !is_ask) {
            span.follows_from(sender);
        }
        if let Some(life) = node.life_span() {
            span.follows_from(&*life);
        }
        span
    }
}
