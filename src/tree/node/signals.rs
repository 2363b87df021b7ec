//! What a node has been told and what it is doing about it, in one word. Its shell looks at it before each message and
//! at each wake (rules 5 and 6).
//!
//! Only this file knows the bits; the upper bits are the node's [`Marks`]. All others ask a [`Snapshot`]. Where two of
//! its questions test the same bits, they mean different things.

pub(crate) use super::marks::Marks;
use super::order::Order;
use crate::error::Kind;
use crate::sync::explored::{AtomicU32, Ordering};

/// Somebody asked for a stop, or the node stops itself.
const STOP: u32 = 1;
/// Somebody asked for a drain, or the node drains itself.
const DRAIN: u32 = 1 << 1;
/// The node's code is to be dropped at its await point.
const KILL: u32 = 1 << 2;
/// The kill came from a stop or drain whose time was up.
const CUT: u32 = 1 << 3;
/// The first order came from the node itself.
const BY_SELF: u32 = 1 << 4;
/// Children have ended, and the owner has not looked yet.
const CHILD_EXITS: u32 = 1 << 5;
/// The node wants to stop once its mailbox is empty.
const IF_EMPTY: u32 = 1 << 6;
/// The node waits for its children or its next incarnation, which is not its own time (rule 7).
const JOINING: u32 = 1 << 7;
/// Somebody awaits its start or, for a scope, the scope itself. A failure goes to them and not to the owner.
const OUTCOME_AWAITED: u32 = 1 << 8;
/// The incarnation is to end, and its policy, or that of its group, decides whether another follows.
const RESTART: u32 = 1 << 9;
/// Its code is dropped at the next await, and the incarnation ends without hooks.
const DROP_CODE: u32 = 1 << 10;
/// It has a table of children, or has had one.
const HAD_CHILDREN: u32 = 1 << 11;
/// The message that is being handled came from a source, and not from the mailbox.
const FROM_SOURCE: u32 = 1 << 12;
/// Its token has fired: everything beneath is to end, and nothing there is restarted.
const TOKEN_FIRED: u32 = 1 << 13;
/// A scope whose owner goes through what is beneath it, and is woken at each end there.
const ADOPTED: u32 = 1 << 14;
/// A scope whose future has outlived the owner's code and state. The owner waits for it as for any other child.
const FUTURE_OUTLIVES_OWNER: u32 = 1 << 15;
/// A scope that was told to end and that nobody polls: its owner attends to it.
const ATTENDED: u32 = 1 << 16;
/// A scope beneath the node's code has been told to end, or was given a bound. Perhaps nobody polls it.
const SCOPE_TOLD: u32 = 1 << 17;

/// The control flags of a node: orders, which anyone may set, and what the node itself is doing.
#[derive(Debug)]
pub(crate) struct Signals(AtomicU32);

/// The signals at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Snapshot(u32);

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
        match is_any {
            true => self.tell_of_scope(),
            false => self.clear(SCOPE_TOLD),
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

impl Snapshot {
    #[inline]
    const fn has(self, bits: u32) -> bool {
        self.0 & bits != 0
    }

    #[inline]
    pub(crate) const fn is_killed(self) -> bool {
        self.has(KILL)
    }

    /// The kill came from a stop or drain whose time was up.
    pub(crate) const fn is_cut(self) -> bool {
        self.has(CUT)
    }

    /// It has been told to stop, whatever else it was told.
    pub(crate) const fn is_stopped(self) -> bool {
        self.has(STOP)
    }

    /// It has been told to drain, whatever else it was told.
    pub(crate) const fn is_drained(self) -> bool {
        self.has(DRAIN)
    }

    /// The first order came from the node itself.
    pub(crate) const fn is_by_self(self) -> bool {
        self.has(BY_SELF)
    }

    /// It has been told to end, by somebody or by itself.
    pub(crate) const fn is_told_to_end(self) -> bool {
        self.has(STOP | DRAIN | KILL)
    }

    /// It has been told to stop or drain. This may have become a kill.
    pub(in crate::tree) const fn is_told_gently(self) -> bool {
        self.has(STOP | DRAIN)
    }

    /// Its current step is the last one: it ends, for good or to be restarted.
    #[inline]
    pub(crate) const fn ends_incarnation(self) -> bool {
        self.has(STOP | DRAIN | KILL | RESTART)
    }

    /// It ends for good, which takes precedence over a restart. But a drain has accepted mail to handle, so if its code
    /// was dropped for its group, another incarnation follows.
    pub(in crate::tree) const fn ends_for_good(self) -> bool {
        self.has(STOP | KILL) || self.has(DRAIN) && !self.has(DROP_CODE)
    }

    /// Its accepted mail is not handled any more.
    #[inline]
    pub(crate) const fn discards_mail(self) -> bool {
        self.has(STOP | KILL)
    }

    /// A message loop is to end now. A draining loop handles all its mail before a restart.
    #[inline]
    pub(crate) const fn ends_loop(self) -> bool {
        self.has(STOP | KILL) || self.has(RESTART) && !self.has(DRAIN)
    }

    /// A handler that takes several messages, or a hook that sees several ends, returns before the next one.
    pub(crate) const fn ends_batch(self) -> bool {
        self.has(STOP | KILL | RESTART)
    }

    /// A message loop has something other than mail to look at.
    #[inline]
    pub(crate) const fn wants_loop(self) -> bool {
        self.has(STOP | DRAIN | KILL | CHILD_EXITS | IF_EMPTY | RESTART)
    }

    /// A message loop that finds no mail has something to do about that.
    #[inline]
    pub(crate) const fn ends_when_empty(self) -> bool {
        self.has(DRAIN | IF_EMPTY)
    }

    /// It has asked for its stop once its mailbox is empty.
    pub(crate) const fn is_to_stop_if_empty(self) -> bool {
        self.has(IF_EMPTY)
    }

    /// An actor handles messages while its children end.
    pub(in crate::tree) const fn handles_late_mail(self) -> bool {
        self.has(DRAIN) && !self.has(STOP | KILL | RESTART)
    }

    /// Children have ended, and it has not looked yet.
    #[inline]
    pub(crate) const fn has_child_exits(self) -> bool {
        self.has(CHILD_EXITS)
    }

    /// Its incarnation is to end or has ended, and another may follow.
    pub(in crate::tree) const fn is_restarting(self) -> bool {
        self.has(RESTART)
    }

    /// Nothing beneath it is restarted (rule 9). With `in_group`, for a restart of a group: a draining node does not
    /// forbid that, since the mail that the siblings have accepted is to be handled.
    pub(in crate::tree) const fn forbids_restarts(self, in_group: bool) -> bool {
        self.has(STOP | KILL) || !in_group && self.has(TOKEN_FIRED)
    }

    /// The code of an actor, or of a task with a token, is dropped at its next await.
    #[inline]
    pub(in crate::tree) const fn drops_code(self) -> bool {
        // A stop that came after `DROP_CODE` is served as any other, and runs the hooks.
        self.has(KILL) || self.has(DROP_CODE) && !self.has(STOP)
    }

    /// A plain task is dropped at its next await; a blocking job that has not begun does not begin.
    #[inline]
    pub(crate) const fn drops_task(self) -> bool {
        self.has(STOP | KILL)
    }

    /// The body of a scope is dropped at its next await.
    #[inline]
    pub(in crate::tree) const fn drops_scope_body(self) -> bool {
        self.has(STOP | KILL | CHILD_EXITS)
    }

    /// It has no code left that could be dropped for its group, or is to end for good.
    pub(in crate::tree) const fn is_past_its_code(self) -> bool {
        self.has(STOP | KILL | JOINING)
    }

    pub(in crate::tree) const fn is_joining(self) -> bool {
        self.has(JOINING)
    }

    /// Its token has fired.
    pub(crate) const fn has_token_fired(self) -> bool {
        self.has(TOKEN_FIRED)
    }

    pub(crate) const fn is_outcome_awaited(self) -> bool {
        self.has(OUTCOME_AWAITED)
    }

    pub(crate) const fn had_children(self) -> bool {
        self.has(HAD_CHILDREN)
    }

    pub(crate) const fn is_from_source(self) -> bool {
        self.has(FROM_SOURCE)
    }

    /// It is a scope whose owner goes through what is beneath it.
    pub(in crate::tree) const fn is_adopted(self) -> bool {
        self.has(ADOPTED)
    }

    /// The nodes above this scope are woken at each end beneath it, as they go through it.
    pub(in crate::tree) const fn passes_wakes_on(self) -> bool {
        self.has(ADOPTED | ATTENDED)
    }

    /// It is a scope whose future somebody else holds, and the owner's code is gone.
    pub(in crate::tree) const fn outlives_owner(self) -> bool {
        self.has(FUTURE_OUTLIVES_OWNER)
    }

    /// It is a scope whose own time counts even when only its future is left.
    pub(in crate::tree) const fn has_own_time(self) -> bool {
        self.has(FUTURE_OUTLIVES_OWNER | ATTENDED)
    }

    /// Scopes beneath its code have been told something and have to be looked at.
    #[inline]
    pub(in crate::tree) const fn has_told_scopes(self) -> bool {
        self.has(SCOPE_TOLD)
    }

    /// The signals after this order.
    pub(super) const fn with_order(self, order: Order) -> Self {
        match order {
            Order::Drain => Self(self.0 | DRAIN),
            Order::Stop => Self(self.0 | STOP),
            Order::Kill => Self(self.0 | KILL),
            Order::Cut => Self(self.0 | KILL | CUT),
        }
    }

    /// The signals if the order came from the node itself.
    pub(super) const fn with_by_self(self) -> Self {
        Self(self.0 | BY_SELF)
    }

    /// The signals after its token has fired.
    pub(super) const fn with_token_fired(self) -> Self {
        Self(self.0 | TOKEN_FIRED)
    }

    /// The signals that forbid restarts beneath the node and were not set `before`; `None` if there are none.
    pub(super) const fn new_bans_of_restarts(self, before: Self) -> Option<Self> {
        match self.0 & !before.0 & (STOP | TOKEN_FIRED) {
            0 => None,
            news => Some(Self(news)),
        }
    }

    pub(super) const fn includes(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}
