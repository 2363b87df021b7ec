//! What an actor's shell and its sources do with a [`Context`]: take messages, wait, and end what a handler began.

use std::sync::Arc;
use std::task::{self, Poll};

use super::Context;
use crate::actor::Actor;
use crate::actor::cell::ActorCell;
use crate::mailbox::{Batch, DropReason, Leftover, Sent};
use crate::tree::signals::Signals;
use crate::tree::{Label, Node, end_if};

impl<A: Actor> Context<A> {
    /// A handler or hook has ended, and with it its deadline, its waits, and the wait of those whose
    /// replies it dropped.
    #[inline]
    pub(in crate::actor) fn end_code(&mut self, reason: DropReason) {
        self.batch.end(&self.cell.queue);
        self.cell.node.end_handler(reason);
    }

    /// The next message that the loop is to handle.
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

    /// Where the message that was taken last comes from, if that is noted.
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

    /// Comes to its end, if its mailbox is empty: one step with the closing of both, so that whatever is let in before
    /// is handled (rules 2 and 4). One that `has_drained` only if nobody is beneath it, and one that has not only if
    /// nobody has told it to drain.
    pub(in crate::actor) fn end_if_empty(&self, has_drained: bool) -> bool {
        let queue = &self.cell.queue;
        let mut close = |wakes: &mut _| queue.close_if_empty(wakes);
        end_if(self.spawner.owner(), has_drained, &mut close)
    }

    /// Whether there is a message to take, looked for without waiting.
    pub(in crate::actor) fn is_ready(&mut self) -> bool {
        self.batch.is_ready(&self.cell.queue)
    }

    /// Ready when there is a message to take, or control to look at.
    pub(in crate::actor) fn poll_ready(&mut self, cx: &mut task::Context<'_>) -> Poll<()> {
        if self.signals().load().wants_loop() || self.poll_message(cx).is_ready() {
            return Poll::Ready(());
        }
        // A sender may have held the waker until now, so that whoever set a signal found nothing to wake.
        if self.signals().load().wants_loop() {
            return Poll::Ready(());
        }
        match self.sources {
            Some(_) => self.poll_sources(cx),
            None => Poll::Pending,
        }
    }

    /// A handler that waited for the next message does so no more.
    pub(in crate::actor) fn end_wait(&self) {
        self.cell.queue.end_wait();
    }

    /// Ready when there is a message to take. If there is none, the loop can be woken from here on, so that whatever
    /// else it waits for is looked at after this.
    pub(in crate::actor) fn poll_message(&mut self, cx: &mut task::Context<'_>) -> Poll<()> {
        self.batch.poll_ready(&self.cell.queue, cx.waker())
    }

    /// The incarnation is over; the mailbox stays.
    pub(in crate::actor) fn end_incarnation(&mut self) {
        self.label = 0;
        self.cell.node.clear_label();
        // The next one has no sources yet, and would not look at this mark.
        self.signals().end_from_source();
        self.end_code(DropReason::NoReply);
    }

    /// Takes all messages that are left, and no more come.
    pub(in crate::actor) fn take_leftover(&mut self) -> Option<Leftover<A::Msg>> {
        self.cell.queue.discard(&mut self.batch)
    }

    /// Drops them; see [`ActorCell::drop_all`].
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

/// A mark with this bit flipped differs from that of the same label, so that the label is published for each message.
const EACH_TIME: u64 = 1 << 47;

/// Tells one text from another by its address and its length. It is one word, because every actor keeps one. A text of
/// more than 64 KiB might be taken for another.
#[inline]
fn mark_of(label: &'static str) -> u64 {
    label.as_ptr().addr() as u64 ^ ((label.len() as u64) << 48)
}
