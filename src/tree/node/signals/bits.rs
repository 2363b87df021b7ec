//! The bits of a node's signals. Only this folder knows them.

/// Somebody asked for a stop, or the node stops itself.
pub(super) const STOP: u32 = 1;
/// Somebody asked for a drain, or the node drains itself.
pub(super) const DRAIN: u32 = 1 << 1;
/// The node's code is to be dropped at its await point.
pub(super) const KILL: u32 = 1 << 2;
/// The kill came from a stop or drain whose time was up.
pub(super) const CUT: u32 = 1 << 3;
/// The first order came from the node itself.
pub(super) const BY_SELF: u32 = 1 << 4;
/// Children have ended, and the owner has not looked yet.
pub(super) const CHILD_EXITS: u32 = 1 << 5;
/// The node wants to stop once its mailbox is empty.
pub(super) const IF_EMPTY: u32 = 1 << 6;
/// The node waits for its children or its next incarnation, which is not its own time (rule 7).
pub(super) const JOINING: u32 = 1 << 7;
/// Somebody awaits its start or, for a scope, the scope itself. A failure goes to them and not to the owner.
pub(super) const OUTCOME_AWAITED: u32 = 1 << 8;
/// The incarnation is to end, and its policy, or that of its group, decides whether another follows.
pub(super) const RESTART: u32 = 1 << 9;
/// Its code is dropped at the next await, and the incarnation ends without hooks.
pub(super) const DROP_CODE: u32 = 1 << 10;
/// It has a table of children, or has had one.
pub(super) const HAD_CHILDREN: u32 = 1 << 11;
/// The message that is being handled came from a source, and not from the mailbox.
pub(super) const FROM_SOURCE: u32 = 1 << 12;
/// Its token has fired: everything beneath is to end, and nothing there is restarted.
pub(super) const TOKEN_FIRED: u32 = 1 << 13;
/// A scope whose owner goes through what is beneath it, and is woken at each end there.
pub(super) const ADOPTED: u32 = 1 << 14;
/// A scope whose future has outlived the owner's code and state. The owner waits for it as for any other child.
pub(super) const FUTURE_OUTLIVES_OWNER: u32 = 1 << 15;
/// A scope that was told to end and that nobody polls: its owner attends to it.
pub(super) const ATTENDED: u32 = 1 << 16;
/// A scope beneath the node's code has been told to end, or was given a bound. Perhaps nobody polls it.
pub(super) const SCOPE_TOLD: u32 = 1 << 17;
