/// Who may send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Gate {
    /// Anyone.
    Open,
    /// Anyone, but the origin of each message is noted. A gate of its own sends such messages down the slow path, so
    /// the fast path need not check for this.
    Noted,
    /// Only the node's own pipes, and the nodes beneath it (rule 4).
    Draining,
    /// Nobody.
    Closed,
}

/// Why a message was not taken; the sender keeps it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    Closed,
    Full,
    /// It is full and has an overflow policy: [`Queue::push_over`](super::Queue::push_over) takes the message.
    Overflows,
}

impl Gate {
    pub(crate) fn is_open(self) -> bool {
        matches!(self, Self::Open | Self::Noted)
    }
}
