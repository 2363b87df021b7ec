use std::sync::atomic::{AtomicU32, Ordering};

use crate::error::Kind;

/// Somebody asked for a stop, or the node stops itself.
pub(crate) const STOP: u32 = 1;
/// Somebody asked for a drain, or the node drains itself.
pub(crate) const DRAIN: u32 = 1 << 1;
/// The node is to be dropped at its await point.
pub(crate) const KILL: u32 = 1 << 2;
/// The kill is what became of a stop or drain whose time was up.
pub(crate) const CUT: u32 = 1 << 3;
/// The first order came from the node itself.
pub(crate) const BY_SELF: u32 = 1 << 4;
/// Children have ended, and the owner has not looked yet.
pub(crate) const EXITS: u32 = 1 << 5;
/// The node has asked for its own stop once its mailbox is empty.
pub(crate) const IF_EMPTY: u32 = 1 << 6;
/// The node waits for its children: that is not its own time (rule 7).
pub(crate) const WAITING: u32 = 1 << 7;
/// A failure of the start is told to whoever awaits it, and to nobody else.
pub(crate) const TOLD: u32 = 1 << 8;
/// The incarnation is to end, and its policy, or that of its group, decides whether another follows.
pub(crate) const RENEW: u32 = 1 << 9;
/// What it does is dropped at its next await, and its incarnation ends without hooks.
pub(crate) const DROP_CODE: u32 = 1 << 18;
/// It has a table of children, or has had one.
pub(crate) const PARENT: u32 = 1 << 16;
/// For life: it has a restart policy.
pub(crate) const RENEWABLE: u32 = 1 << 13;
/// For life: an end of its own is followed by another incarnation.
pub(crate) const ALWAYS: u32 = 1 << 14;
/// For life: its own end may be that of its owner.
pub(crate) const SIGNIFICANT: u32 = 1 << 15;
/// The message that is being handled came from a source, and not from the mailbox.
pub(crate) const SOURCED: u32 = 1 << 17;
/// For life: its children are stopped all at once.
pub(crate) const CONCURRENT: u32 = 1 << 19;
/// For life: its failure is traced and goes no further.
pub(crate) const CONTAINED: u32 = 1 << 20;
/// Its token has fired: what is beneath it is to end, and nothing of that is started anew.
pub(crate) const FIRED: u32 = 1 << 21;

/// It is a scope whose owner goes through what is beneath it, and is told of each end there.
pub(crate) const ADOPTED: u32 = 1 << 22;
/// It is a scope whose future has outlived the code and the state of its owner, which waits for it as for any other
/// child.
pub(crate) const OUTLIVES: u32 = 1 << 10;
/// For life: a task that was given no token: a stop drops it, and the end of a scope waits for it.
pub(crate) const PLAIN: u32 = 1 << 23;

/// For life: from here on, the node's kind.
const KIND_SHIFT: u32 = 24;

/// The marks of a node of this kind.
pub(in crate::tree) const fn mark_of(kind: Kind) -> u32 {
    let number: u32 = match kind {
        Kind::Actor => 0,
        Kind::Task => 1,
        Kind::Blocking => 2,
        Kind::Scope => 3,
        Kind::System => 4,
    };
    number << KIND_SHIFT
}

/// The control flags of a node: set by anyone, looked at by its shell before each message and at
/// each wake (rules 5 and 6).
#[derive(Debug)]
pub(crate) struct Signals(AtomicU32);

impl Signals {
    pub(in crate::tree) const fn new(marks: u32) -> Self {
        Self(AtomicU32::new(marks))
    }

    #[inline]
    pub(crate) fn load(&self) -> u32 {
        self.0.load(Ordering::Acquire)
    }

    pub(in crate::tree) fn kind(&self) -> Kind {
        match self.0.load(Ordering::Relaxed) >> KIND_SHIFT {
            0 => Kind::Actor,
            1 => Kind::Task,
            2 => Kind::Blocking,
            3 => Kind::Scope,
            _ => Kind::System,
        }
    }

    #[inline]
    pub(crate) fn has(&self, bits: u32) -> bool {
        self.load() & bits != 0
    }

    /// Sets the bits, and gives what was set before.
    pub(crate) fn set(&self, bits: u32) -> u32 {
        self.0.fetch_or(bits, Ordering::AcqRel)
    }

    pub(crate) fn clear(&self, bits: u32) {
        self.0.fetch_and(!bits, Ordering::AcqRel);
    }
}
