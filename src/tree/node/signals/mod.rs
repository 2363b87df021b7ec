//! What a node has been told and what it is doing about it, in one word. Its shell looks at it before each message and
//! at each wake (rules 5 and 6).
//!
//! Only this folder knows the [bits]; the upper bits are the node's [`Marks`]. All others ask a [`Snapshot`].

mod bits;
mod marks;
mod snapshot;

use bits::{
    ADOPTED, ATTENDED, CHILD_EXITS, CUT, DROP_CODE, FROM_SOURCE, FUTURE_OUTLIVES_OWNER,
    HAD_CHILDREN, IF_EMPTY, JOINING, KILL, OUTCOME_AWAITED, RESTART, SCOPE_TOLD, TOKEN_FIRED,
};

pub(crate) use marks::Marks;
pub(crate) use snapshot::Snapshot;

use crate::error::Kind;
use crate::sync::explored::{AtomicU32, Ordering};

/// The control flags of a node: orders, which anyone may set, and what the node itself is doing.
#[derive(Debug)]
pub(crate) struct Signals(AtomicU32);

impl Signals {
    pub(super) fn new(kind: Kind, marks: Marks) -> Self {
        Self(AtomicU32::new(marks.with_kind(kind)))
    }

    #[inline]
    pub(crate) fn load(&self) -> Snapshot {
        Snapshot(self.0.load(Ordering::Acquire))
    }

    pub(super) fn kind(&self) -> Kind {
        Marks::kind(self.0.load(Ordering::Relaxed))
    }

    #[inline]
    pub(crate) fn marks(&self) -> Marks {
        Marks::of(self.0.load(Ordering::Relaxed))
    }

    /// Sets all bits of `after`.
    pub(super) fn add(&self, after: Snapshot) {
        self.set(after.0);
    }

    /// Kills it; with `cut`, because its time was up.
    pub(super) fn kill(&self, cut: bool) {
        self.set(KILL | TOKEN_FIRED | if cut { CUT } else { 0 });
    }

    /// Has the incarnation end.
    pub(crate) fn request_restart(&self) {
        self.set(RESTART);
    }

    /// Ends the incarnation, so that another can follow. Returns the signals that forbid restarts beneath it meanwhile.
    pub(in crate::tree) fn begin_restart(&self) -> Snapshot {
        self.set(RESTART | TOKEN_FIRED);
        Snapshot(TOKEN_FIRED)
    }

    /// Has the incarnation end with those of its siblings. If it is starting, its code is dropped.
    pub(in crate::tree) fn restart_with_group(&self, is_starting: bool) {
        self.set(RESTART | if is_starting { DROP_CODE } else { 0 });
    }

    /// Has its code dropped. Says whether that is new.
    pub(in crate::tree) fn drop_code(&self) -> bool {
        self.set(DROP_CODE) & DROP_CODE == 0
    }

    /// Begins the next incarnation, which knows nothing of the last one.
    pub(in crate::tree) fn begin_incarnation(&self) {
        self.clear(RESTART | DROP_CODE | JOINING | IF_EMPTY | CHILD_EXITS | TOKEN_FIRED);
    }

    /// Notes that a child has ended. `true` if the owner had looked at all earlier ends.
    pub(in crate::tree) fn add_child_exit(&self) -> bool {
        self.set(CHILD_EXITS) & CHILD_EXITS == 0
    }

    /// Called when the owner looks at the ended children.
    pub(crate) fn clear_child_exits(&self) {
        self.clear(CHILD_EXITS);
    }

    /// Has it stop once its mailbox is empty.
    pub(crate) fn stop_if_empty(&self) {
        self.set(IF_EMPTY);
    }

    /// Called when it begins to wait for its children or its next incarnation.
    pub(crate) fn begin_joining(&self) {
        self.set(JOINING);
    }

    pub(crate) fn end_joining(&self) {
        self.clear(JOINING);
    }

    /// The owner of this scope goes through what is beneath it from now on.
    pub(in crate::tree) fn adopt(&self) {
        self.set(ADOPTED | JOINING);
        self.clear(ATTENDED);
    }

    /// The owner of this scope attends to it, while the owner's code does something else.
    pub(in crate::tree) fn attend(&self) {
        self.set(ATTENDED);
    }

    /// The scope's own shell is polled again. Says whether its owner has attended to it since the last poll.
    #[inline]
    pub(crate) fn end_attending(&self) -> bool {
        let was_attended = self.load().has(ATTENDED);
        if was_attended {
            self.clear(ATTENDED | JOINING);
        }
        was_attended
    }

    /// Notes that a scope beneath the node's code has been told something.
    pub(super) fn tell_of_scope(&self) {
        self.set(SCOPE_TOLD);
    }

    /// Sets whether there are scopes beneath to be looked at.
    pub(in crate::tree) fn look_at_scopes(&self, is_any: bool) {
        if is_any {
            self.set(SCOPE_TOLD);
        } else {
            self.clear(SCOPE_TOLD);
        }
    }

    /// Notes that the future of this scope has outlived the owner's code and state.
    pub(in crate::tree) fn outlive_owner(&self) {
        self.set(FUTURE_OUTLIVES_OWNER);
        self.clear(ADOPTED);
    }

    pub(crate) fn await_outcome(&self) {
        self.set(OUTCOME_AWAITED);
    }

    /// Called when its outcome is known, or nobody awaits it any more.
    pub(in crate::tree) fn end_awaiting_outcome(&self) {
        self.clear(OUTCOME_AWAITED);
    }

    pub(in crate::tree) fn note_children(&self) {
        self.set(HAD_CHILDREN);
    }

    /// Called when a message from a source begins.
    pub(crate) fn begin_from_source(&self) {
        self.set(FROM_SOURCE);
    }

    pub(crate) fn end_from_source(&self) {
        self.clear(FROM_SOURCE);
    }

    /// Sets the bits, and returns what was set before.
    fn set(&self, bits: u32) -> u32 {
        self.0.fetch_or(bits, Ordering::AcqRel)
    }

    fn clear(&self, bits: u32) {
        self.0.fetch_and(!bits, Ordering::AcqRel);
    }
}
