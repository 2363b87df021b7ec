//! The part of a [`Context`] that the actor's shell and sources use: to take messages, to wait, and to end what a
//! handler began.

use std::sync::Arc;
use std::task::{self, Poll};

use super::Context;
use crate::actor::Actor;
use crate::actor::cell::ActorCell;
use crate::mailbox::{Batch, DropReason, Leftover, Sent};
use crate::tree::signals::Signals;
use crate::tree::{Label, Node, end_if};

impl<A: Actor> Context<A> {
    /// Ends a handler or hook, and with it its deadline and its waits. The replies that it dropped are settled.
    #[inline]
    pub(in crate::actor) fn end_code(&mut self, reason: DropReason) {
        self.batch.end(&self.cell.queue);
        self.cell.node.end_handler(reason);
    }

    /// The next message for the loop.
    #[inline]
    pub(in crate::actor) fn next_for_loop(&mut self) -> Option<A::Msg> {
        if self.sources.is_some() {
            return self.next_in_turn();
        }
        self.next_queued()
    }

    /// The next message of the batch.
    #[inline]
    pub(in crate::actor) fn next_queued(&mut self) -> Option<A::Msg> {
        let message = self.batch.next(&self.cell.queue);
        if let Some(message) = &message {
            self.cell.node.set_caller(self.batch.caller());
            self.show_label(message);
        }
        message
    }

    #[inline]
    pub(in crate::actor) fn show_label(&mut self, message: &A::Msg) {
        let label = A::label(message);
        if mark_of(label) != self.label {
            self.publish(label);
        }
    }

    pub(in crate::actor) fn note_sourced(&self) {
        self.cell.queue.note_sourced();
    }

    /// The origin of the message that was taken last, if that is noted.
    pub(in crate::actor) fn sent(&self) -> Option<&Sent> {
        self.batch.sent()
    }

    pub(in crate::actor) fn cell_and_batch(&mut self) -> (&ActorCell<A::Msg>, &mut Batch<A::Msg>) {
        (&self.cell, &mut self.batch)
    }

    #[inline]
    pub(in crate::actor) fn cell(&self) -> &Arc<ActorCell<A::Msg>> {
        &self.cell
    }

    #[inline]
    pub(in crate::actor) fn my_node(&self) -> &Node {
        &self.cell.node
    }

    #[inline]
    pub(in crate::actor) fn signals(&self) -> &Signals {
        &self.cell.node.signals
    }

    /// Ends the actor if its mailbox is empty. The mailbox and the node close in the same step, so that whatever was
    /// accepted before is handled (rules 2 and 4). With `has_drained`, it ends only if it is quiet; otherwise only if
    /// nobody has told it to drain.
    pub(in crate::actor) fn end_if_empty(&self, has_drained: bool) -> bool {
        let queue = &self.cell.queue;
        let mut close = |wakes: &mut _| queue.close_if_empty(wakes);
        end_if(self.spawner.owner(), has_drained, &mut close)
    }

    /// Whether there is a message to take now.
    pub(in crate::actor) fn is_ready(&mut self) -> bool {
        self.batch.is_ready(&self.cell.queue)
    }

    /// Ready when there is a message to take or a signal to look at.
    pub(in crate::actor) fn poll_ready(&mut self, cx: &mut task::Context<'_>) -> Poll<()> {
        if self.signals().load().wants_loop() || self.poll_message(cx).is_ready() {
            return Poll::Ready(());
        }
        // A sender may have had the waker until now, so that a signal set meanwhile could not wake the loop.
        if self.signals().load().wants_loop() {
            return Poll::Ready(());
        }
        match self.sources {
            Some(_) => self.poll_sources(cx),
            None => Poll::Pending,
        }
    }

    /// Called when a handler no longer waits for the next message.
    pub(in crate::actor) fn end_wait(&self) {
        self.cell.queue.end_wait();
    }

    /// Ready when there is a message to take. If pending, the loop can be woken from here on, so everything else has to
    /// be looked at after this.
    pub(in crate::actor) fn poll_message(&mut self, cx: &mut task::Context<'_>) -> Poll<()> {
        self.batch.poll_ready(&self.cell.queue, cx.waker())
    }

    /// Ends the incarnation. The mailbox stays.
    pub(in crate::actor) fn end_incarnation(&mut self) {
        self.label = 0;
        self.cell.node.clear_label();
        // The next incarnation has no sources yet and would not clear this signal.
        self.signals().end_from_source();
        self.end_code(DropReason::NoReply);
    }

    /// Closes the mailbox and takes all messages that are left.
    pub(in crate::actor) fn take_leftover(&mut self) -> Option<Leftover<A::Msg>> {
        self.cell.queue.discard(&mut self.batch)
    }

    /// Drops these messages; see [`ActorCell::drop_all`].
    pub(in crate::actor) fn drop_leftover(&self, left: Leftover<A::Msg>) -> Option<String> {
        self.cell.drop_all(left)
    }

    #[cold]
    fn publish(&mut self, label: &'static str) {
        let mut mark = mark_of(label);
        if self.cell.node.is_noted() {
            mark ^= EACH_TIME;
            self.begin_noted(label);
        }
        if self.label != mark {
            self.label = mark;
            self.cell.node.set_label(Label::of(label));
        }
    }
}

/// Flipped in a mark, so that it differs from the next mark of the same label, and each message is noted.
const EACH_TIME: u64 = 1 << 47;

/// Identifies a text by address and length, in one word, because every actor has one. Texts of more than 64 KiB might
/// be confused.
#[inline]
fn mark_of(label: &'static str) -> u64 {
    label.as_ptr().addr() as u64 ^ ((label.len() as u64) << 48)
}
