//! One reading of a node's signals, and the questions that it answers. Where two of them test the same bits, they mean
//! different things.

use super::bits::{
    ADOPTED, ATTENDED, BY_SELF, CHILD_EXITS, CUT, DRAIN, DROP_CODE, FROM_SOURCE,
    FUTURE_OUTLIVES_OWNER, HAD_CHILDREN, IF_EMPTY, JOINING, KILL, OUTCOME_AWAITED, RESTART,
    SCOPE_TOLD, STOP, TOKEN_FIRED,
};
use crate::tree::node::order::Order;

/// The signals at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Snapshot(pub(super) u32);

impl Snapshot {
    #[inline]
    pub(super) const fn has(self, bits: u32) -> bool {
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

    /// A draining actor that waits for its children has something else to do first.
    pub(crate) const fn ends_drain_of_children(self) -> bool {
        self.has(STOP | KILL | CHILD_EXITS)
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

    /// It has been told this or more already.
    pub(in crate::tree::node) const fn covers(self, order: Order) -> bool {
        match order {
            Order::Drain => self.has(DRAIN | STOP | KILL),
            Order::Stop => self.has(STOP | KILL),
            Order::Kill | Order::Cut => self.has(KILL),
        }
    }

    /// The signals after this order.
    pub(in crate::tree::node) const fn with_order(self, order: Order) -> Self {
        match order {
            Order::Drain => Self(self.0 | DRAIN),
            Order::Stop => Self(self.0 | STOP),
            Order::Kill => Self(self.0 | KILL),
            Order::Cut => Self(self.0 | KILL | CUT),
        }
    }

    /// The signals if the order came from the node itself.
    pub(in crate::tree::node) const fn with_by_self(self) -> Self {
        Self(self.0 | BY_SELF)
    }

    /// The signals after its token has fired.
    pub(in crate::tree::node) const fn with_token_fired(self) -> Self {
        Self(self.0 | TOKEN_FIRED)
    }

    /// The signals that forbid restarts beneath the node and were not set `before`; `None` if there are none.
    pub(in crate::tree::node) const fn new_bans_of_restarts(self, before: Self) -> Option<Self> {
        match self.0 & !before.0 & (STOP | TOKEN_FIRED) {
            0 => None,
            news => Some(Self(news)),
        }
    }

    pub(in crate::tree::node) const fn includes(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}
