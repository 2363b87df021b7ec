use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::Waker;

use super::Actor;
use crate::mailbox::{
    AskPosition, Batch, CallerTracking, DropReason, Gate, Leftover, MailboxLook, Numbered, Queue,
    Refusal, Reserved,
};
use crate::sync::{Foreign, WakerKey};
use crate::tree::{AnyNode, DeadLetter, Node, Request, is_beneath, panic_message};

/// What all actors of one type share.
pub(crate) struct ActorType<M: 'static> {
    name: fn() -> &'static str,
    label: fn(&M) -> &'static str,
}

impl<M: 'static> ActorType<M> {
    pub(crate) fn of<A: Actor<Msg = M>>() -> &'static Self {
        const {
            &Self {
                name: std::any::type_name::<A>,
                label: A::label,
            }
        }
    }
}

/// The part of an actor that its references share, in one allocation.
///
/// The order of the fields keeps three things on different cache lines: what the loop writes for each message, what the
/// senders write, and what the loop reads for each message.
#[repr(C)]
pub(crate) struct ActorCell<M: 'static> {
    /// References know the type of the messages, but not that of the actor.
    pub(crate) kind: &'static ActorType<M>,
    pub(crate) queue: Queue<M>,
    pub(crate) node: Node,
}

impl<M: Send + 'static> ActorCell<M> {
    /// Drops the queued messages, as the node's own code. Each ask among them resolves at once. Panics of destructors
    /// are caught; the message of the last one is returned.
    pub(super) fn drop_all(&self, left: Leftover<M>) -> Option<String> {
        let Leftover {
            messages,
            first,
            gone,
        } = left;
        if messages.is_empty() {
            return None;
        }
        let letters = &self.node.shared.letters;
        letters.count(messages.len() - gone.len());
        let path = letters.are_seen().then(|| self.node.path(self.type_name()));
        let mut gone = gone.into_iter().peekable();
        let mut panic = None;
        for (place, message) in (0..).zip(messages.into_iter().map(Foreign::into_inner)) {
            let skipped = gone.next_if_eq(&place).is_some();
            let end = || {
                if let Some(path) = path.as_ref().filter(|_| !skipped) {
                    self.show_letter(path, &message);
                }
                drop(message);
            };
            let numbers = first..u64::MAX;
            let dropped = self.node.drop_unhandled(numbers, DropReason::Stopped, || {
                catch_unwind(AssertUnwindSafe(end))
            });
            self.node.settle_quietly();
            panic = dropped.err().map(panic_message).or(panic);
        }
        panic
    }

    /// Pushes the message in `message` into a mailbox that drops messages. Returns its number, unless it was dropped
    /// itself.
    #[cold]
    pub(super) fn push_over(
        &self,
        message: &mut Option<M>,
        tracking: CallerTracking<'_>,
    ) -> Result<Option<u64>, Refusal> {
        let from_beneath = || is_beneath(&self.node);
        let taken = self
            .queue
            .push_over(message, self.sender(tracking), from_beneath)?;
        if let Some(dropped) = taken.dropped {
            self.discard_one(dropped, taken.is_no_loss);
        }
        Ok(taken.number)
    }

    /// Pushes into a reserved slot. Returns the message's number, unless it was dropped.
    pub(super) fn push_reserved(
        &self,
        message: M,
        reserved: Reserved,
        tracking: CallerTracking<'_>,
    ) -> Result<Option<u64>, M> {
        if reserved.holds_room() {
            let from_beneath = || is_beneath(&self.node);
            let pushed =
                self.queue
                    .push_reserved(message, reserved, self.sender(tracking), from_beneath);
            return pushed.map(Some);
        }
        let mut message = Some(message);
        let pushed = self.push_over(&mut message, tracking);
        match message {
            // It is refused only if the mailbox is closed.
            Some(message) => Err(message),
            None => Ok(pushed.ok().flatten()),
        }
    }

    /// Drops an accepted message that the actor can no longer take. It is a dead letter (rule 11), unless it
    /// `is_no_loss`. A panic of its destructor is traced and fails nobody.
    pub(super) fn discard_one(&self, message: M, is_no_loss: bool) {
        let letters = &self.node.shared.letters;
        if !is_no_loss {
            letters.count(1);
        }
        let end = || {
            if !is_no_loss && letters.are_seen() {
                self.show_letter(&self.node.path(self.type_name()), &message);
            }
            drop(message);
        };
        if let Err(panic) = catch_unwind(AssertUnwindSafe(end)) {
            let path = self.node.path(self.type_name());
            let panic = panic_message(panic);
            tracing::warn!(
                name: "tenure.panic",
                %path,
                panic,
                "a message panicked when it was dropped unhandled"
            );
        }
    }

    fn show_letter(&self, path: &str, message: &M) {
        let label = (self.kind.label)(message);
        let letter = DeadLetter::new(path, self.node.id(), label, message);
        self.node.shared.letters.show(&letter);
    }
}

impl<M: Send + 'static> Numbered for ActorCell<M> {
    fn watch_caller(&self, number: u64) {
        self.queue.watch_caller(number);
    }

    fn poll_caller_gone(&self, number: u64, key: &mut WakerKey, waker: &Waker) -> bool {
        self.queue.poll_caller_gone(number, key, waker)
    }

    fn has_caller_gone(&self, number: u64) -> bool {
        self.queue.has_caller_gone(number)
    }

    fn leave_caller(&self, number: u64, key: &mut WakerKey) {
        self.queue.leave_caller(number, key);
    }

    fn unwatch_caller(&self, number: u64, key: &mut WakerKey) {
        self.queue.unwatch_caller(number, key);
    }
}

impl<M: Send + 'static> AnyNode for ActorCell<M> {
    fn node(&self) -> &Node {
        &self.node
    }

    fn node_mut(&mut self) -> &mut Node {
        &mut self.node
    }

    fn type_name(&self) -> &'static str {
        (self.kind.name)()
    }

    fn set_waker(&self, waker: &Waker) {
        self.queue.set_waker(waker);
    }

    fn clear_waker(&self) {
        self.queue.clear_waker();
    }

    fn wake(&self) {
        self.queue.wake();
    }

    fn close(&self, gate: Gate) {
        self.queue.close(gate);
    }

    fn discard(&self) {
        if let Some(left) = self.queue.discard(&mut Batch::new()) {
            drop(self.drop_all(left));
        }
    }

    fn backlog(&self) -> u64 {
        self.queue.len()
    }

    fn in_hand(&self) -> u64 {
        self.queue.in_hand()
    }

    fn holds_up(&self, request: &Request, from_beneath: &dyn Fn() -> bool) -> bool {
        match request {
            Request::Reply(caller) => {
                caller.is_waiting()
                    && match caller.position() {
                        AskPosition::Unsent => self.queue.accepts(from_beneath),
                        AskPosition::Sent(number) => self.queue.is_in_hand(number),
                        AskPosition::Elsewhere => caller.held().is_some_and(|(node, number)| {
                            node == self.node.id().get() && self.queue.is_in_hand(number)
                        }),
                    }
            }
            Request::Room(ticket) => self.queue.waits_for_loop(*ticket, from_beneath),
            _ => self.node.holds_up(request),
        }
    }

    fn look_at_mail(&self) -> Option<MailboxLook> {
        Some(self.queue.look())
    }

    /// One in its owner's table and three in its shell: in the exit, in the context, and in the context's spawner.
    fn own_references(&self) -> Option<usize> {
        Some(4)
    }

    fn suspend(&self, waker: &Waker) -> (&Node, bool) {
        (&self.node, self.queue.suspend(waker))
    }

    fn progress(&self) -> (u64, bool) {
        let busy = !self.queue.is_asleep() || self.node.signals.load().is_from_source();
        (self.queue.started(), busy)
    }
}
