use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::error::Phase;

/// A participant of a run: a name or a type, and a number in the order of arrival, such as `store#2`. Unlike a path it
/// is the same in each run of a seed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Participant(pub(super) Arc<str>);

impl fmt::Display for Participant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What happened in a run. The events of equal seeds are equal, unless something from outside has leaked in. What a
/// poll has done is listed after the poll.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// An actor, task or job was started, or a scope got its first node.
    Spawned {
        /// Who.
        node: Participant,
        /// Its owner; `None` for a root.
        owner: Option<Participant>,
    },
    /// It was chosen and polled.
    Polled {
        /// Who.
        node: Participant,
    },
    /// Its mailbox has accepted messages.
    Told {
        /// Whose mailbox.
        node: Participant,
        /// How many.
        messages: u64,
    },
    /// It began to handle messages.
    Handled {
        /// Who.
        node: Participant,
        /// How many.
        messages: u64,
        /// The label of the last message.
        label: Option<&'static str>,
    },
    /// It entered another phase.
    Entered {
        /// Who.
        node: Participant,
        /// Which.
        phase: Phase,
    },
    /// It has ended.
    Stopped {
        /// Who.
        node: Participant,
        /// How: `finished`, `stopped`, `drained`, `killed`, `failed` or `cut short`.
        reason: &'static str,
    },
    /// It was ready, but its poll is delayed.
    Held {
        /// Who.
        node: Participant,
        /// For how long.
        time: Duration,
    },
    /// A fault was injected.
    Injected {
        /// To whom.
        node: Participant,
        /// What.
        fault: &'static str,
    },
    /// Nobody was ready, and time passed.
    Passed {
        /// How much.
        time: Duration,
    },
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Spawned { node, owner: None } => write!(f, "  {node} is opened"),
            Self::Spawned {
                node,
                owner: Some(owner),
            } => {
                write!(f, "  {node} is spawned beneath {owner}")
            }
            Self::Polled { node } => write!(f, "{node} runs"),
            Self::Told { node, messages: 1 } => write!(f, "  a message for {node}"),
            Self::Told { node, messages } => write!(f, "  {messages} messages for {node}"),
            Self::Handled {
                node,
                messages,
                label,
            } => {
                let label = label.unwrap_or("a message");
                match messages {
                    1 => write!(f, "  {node} begins {label}"),
                    more => write!(f, "  {node} begins {more} messages, the last is {label}"),
                }
            }
            Self::Entered { node, phase } => write!(f, "  {node} is {phase}"),
            Self::Stopped { node, reason } => write!(f, "  {node} has ended: {reason}"),
            Self::Held { node, time } => write!(f, "{node} is held up for {time:?}"),
            Self::Injected { node, fault } => write!(f, "{fault} for {node}"),
            Self::Passed { time } => write!(f, "{time:?} go by"),
        }
    }
}
