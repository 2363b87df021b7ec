//! What a node is for life: the upper bits of the word that holds its [`Signals`](super::signals::Signals).

use crate::error::Kind;

const MARKS_SHIFT: u32 = 20;
const KIND_SHIFT: u32 = 28;

/// What a node is for life, as its spec says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Marks(u32);

impl Marks {
    /// It has a restart policy.
    pub(crate) const RESTARTABLE: Self = Self(1 << MARKS_SHIFT);
    /// If it ends by itself, another incarnation follows.
    pub(crate) const ALWAYS: Self = Self(1 << (MARKS_SHIFT + 1));
    /// Its owner may end with it.
    pub(crate) const SIGNIFICANT: Self = Self(1 << (MARKS_SHIFT + 2));
    /// It stops its children all at once.
    pub(crate) const STOPS_CONCURRENTLY: Self = Self(1 << (MARKS_SHIFT + 3));
    /// Its failure is traced and goes no further.
    pub(crate) const FAILURE_CONTAINED: Self = Self(1 << (MARKS_SHIFT + 4));
    /// A task that was given no token: a stop drops it, and the end of a scope waits for it.
    pub(crate) const TOKENLESS: Self = Self(1 << (MARKS_SHIFT + 5));
    /// Its system has asked for timings or spans, so each message and poll is noted.
    pub(crate) const NOTED: Self = Self(1 << (MARKS_SHIFT + 6));

    /// The marks in this word.
    #[inline]
    pub(super) const fn of(signals: u32) -> Self {
        Self(signals & (u32::MAX << MARKS_SHIFT))
    }

    /// The word of a new node with these marks.
    pub(super) const fn with_kind(self, kind: Kind) -> u32 {
        let kind: u32 = match kind {
            Kind::Actor => 0,
            Kind::Task => 1,
            Kind::Blocking => 2,
            Kind::Scope => 3,
            Kind::System => 4,
        };
        kind << KIND_SHIFT | self.0
    }

    /// The kind in this word.
    pub(super) const fn kind(signals: u32) -> Kind {
        match signals >> KIND_SHIFT {
            0 => Kind::Actor,
            1 => Kind::Task,
            2 => Kind::Blocking,
            3 => Kind::Scope,
            _ => Kind::System,
        }
    }

    #[inline]
    pub(crate) const fn has(self, marks: Self) -> bool {
        self.0 & marks.0 != 0
    }

    pub(crate) fn set(&mut self, marks: Self, on: bool) {
        self.0 = self.0 & !marks.0 | if on { marks.0 } else { 0 };
    }
}
