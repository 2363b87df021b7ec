use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use super::facts::{Fate, WaitInfo};
use super::text::time;

/// What is most important about a node: in one [word](Verdict::word), and as a sentence by `Display`.
///
/// It is computed from what the node does and waits for, and not from its phase alone. If several apply, it is the most
/// urgent one; they are listed here in order of urgency.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(tag = "word", rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Verdict {
    /// It and others wait for each other.
    Deadlocked {
        /// The paths of the cycle, from this node on: each waits for the next, and the last for this one.
        cycle: Vec<String>,
        /// Whether one of the waits is limited, by a time or something beside it, which may end the cycle.
        is_limited: bool,
    },
    /// It has been in one poll for long, and blocks its thread.
    Stuck {
        /// How long at least: from the first look.
        #[cfg_attr(feature = "serde", serde(rename = "for_ms", with = "super::millis"))]
        lasted: Duration,
        /// The label of the message that it is handling.
        label: Option<Cow<'static, str>>,
    },
    /// Its time to end is up, and it is still alive.
    Overdue {
        /// For how long its time has been up.
        #[cfg_attr(feature = "serde", serde(rename = "by_ms", with = "super::millis"))]
        by: Duration,
        /// The label of the message that it is handling.
        label: Option<Cow<'static, str>>,
    },
    /// It has been told to end.
    Stopping {
        /// What it waits for, if it is not using its own time.
        waits_for: Option<WaitInfo>,
        /// How long ago it was told.
        #[cfg_attr(
            feature = "serde",
            serde(rename = "for_ms", with = "super::millis::option")
        )]
        lasted: Option<Duration>,
        /// How much time it has left.
        #[cfg_attr(
            feature = "serde",
            serde(rename = "left_ms", with = "super::millis::option")
        )]
        left: Option<Duration>,
        /// What happens then.
        then: Fate,
    },
    /// Nothing can ever make it do anything again, and only its owner can end it: a leak.
    /// [`Snapshot`](super::Snapshot#unreachable) says what the proof assumes.
    Unreachable {
        /// How long at least: from the first look.
        #[cfg_attr(feature = "serde", serde(rename = "for_ms", with = "super::millis"))]
        lasted: Duration,
        /// How many weak references there are ([`WeakRef`](crate::WeakRef)), which are taken to be its own.
        weak_references: usize,
    },
    /// It waits for its next incarnation.
    Restarting {
        /// How many restarts there were within the window, this one included.
        attempt: u32,
        /// How many are allowed.
        limit: u32,
        /// When the next incarnation is started.
        #[cfg_attr(
            feature = "serde",
            serde(rename = "due_in_ms", with = "super::millis::option")
        )]
        due_in: Option<Duration>,
    },
    /// Its mailbox is full, and senders wait for room.
    Full {
        /// How many messages are queued.
        queued: u64,
        /// How many senders wait.
        senders: u32,
        /// How long at least: from the first look.
        #[cfg_attr(feature = "serde", serde(rename = "for_ms", with = "super::millis"))]
        lasted: Duration,
        /// The label of the message that it is handling.
        label: Option<Cow<'static, str>>,
    },
    /// It is handling a message, or its code is being polled.
    Busy {
        /// The label of the message that it is handling.
        label: Option<Cow<'static, str>>,
        /// How long, at least.
        #[cfg_attr(
            feature = "serde",
            serde(rename = "for_ms", with = "super::millis::option")
        )]
        lasted: Option<Duration>,
    },
    /// Its code is suspended.
    Waiting {
        /// What it waits for; `None` if it waits for something outside of this crate, which cannot be seen.
        what: Option<WaitInfo>,
    },
    /// Its start has not returned.
    Starting {
        /// How long it has been starting.
        #[cfg_attr(feature = "serde", serde(rename = "for_ms", with = "super::millis"))]
        lasted: Duration,
    },
    /// It has nothing to do.
    Idle,
}

impl Verdict {
    /// The verdict in one word: `deadlocked`, `stuck`, `overdue`, `stopping`, `unreachable`, `restarting`, `full`,
    /// `busy`, `waiting`, `starting` or `idle`.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Deadlocked { .. } => "deadlocked",
            Self::Stuck { .. } => "stuck",
            Self::Overdue { .. } => "overdue",
            Self::Stopping { .. } => "stopping",
            Self::Unreachable { .. } => "unreachable",
            Self::Restarting { .. } => "restarting",
            Self::Full { .. } => "full",
            Self::Busy { .. } => "busy",
            Self::Waiting { .. } => "waiting",
            Self::Starting { .. } => "starting",
            Self::Idle => "idle",
        }
    }

    /// How urgent it is: 0 is the most urgent.
    #[must_use]
    pub const fn rank(&self) -> u8 {
        match self {
            Self::Deadlocked { .. } => 0,
            Self::Stuck { .. } => 1,
            Self::Overdue { .. } => 2,
            Self::Stopping { .. } => 3,
            Self::Unreachable { .. } => 4,
            Self::Restarting { .. } => 5,
            Self::Full { .. } => 6,
            Self::Busy { .. } => 7,
            Self::Waiting { .. } => 8,
            Self::Starting { .. } => 9,
            Self::Idle => 10,
        }
    }

    /// Whether somebody should look: deadlocked, stuck, overdue, unreachable or full.
    #[must_use]
    pub const fn is_trouble(&self) -> bool {
        matches!(
            self,
            Self::Deadlocked { .. }
                | Self::Stuck { .. }
                | Self::Overdue { .. }
                | Self::Unreachable { .. }
                | Self::Full { .. }
        )
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())?;
        match self {
            Self::Deadlocked { cycle, is_limited } => deadlocked(f, cycle, *is_limited),
            Self::Stuck { lasted, label } => {
                write!(f, " in one poll for {}", time(*lasted))?;
                handling(f, label)
            }
            Self::Overdue { by, label } => {
                write!(f, " by {}", time(*by))?;
                handling(f, label)
            }
            Self::Stopping {
                waits_for,
                lasted,
                left,
                then,
            } => stopping(f, waits_for.as_ref(), *lasted, *left, *then),
            Self::Unreachable {
                lasted,
                weak_references,
            } => unreachable(f, *lasted, *weak_references),
            Self::Restarting {
                attempt,
                limit,
                due_in,
            } => {
                write!(f, ": attempt {attempt} of {limit}")?;
                due_in.map_or(Ok(()), |due| write!(f, ", in {}", time(due)))
            }
            Self::Full {
                queued,
                senders,
                lasted,
                label,
            } => {
                let lasted = time(*lasted);
                write!(
                    f,
                    ": {queued} queued, {senders} waiting for room for {lasted}"
                )?;
                handling(f, label)
            }
            Self::Busy { label, lasted } => {
                if let Some(label) = label {
                    write!(f, " handling {label}")?;
                }
                lasted.map_or(Ok(()), |lasted| write!(f, " for {}", time(lasted)))
            }
            Self::Waiting { what: Some(what) } => write!(f, " for {what}"),
            Self::Waiting { what: None } => f.write_str(" for something outside"),
            Self::Starting { lasted } => write!(f, " for {}", time(*lasted)),
            Self::Idle => Ok(()),
        }
    }
}

fn deadlocked(f: &mut fmt::Formatter<'_>, cycle: &[String], is_limited: bool) -> fmt::Result {
    f.write_str(": ")?;
    for path in cycle {
        write!(f, "{path} -> ")?;
    }
    f.write_str(cycle.first().map_or("", String::as_str))?;
    f.write_str(if is_limited {
        ", until a limit ends it"
    } else {
        ""
    })
}

fn unreachable(f: &mut fmt::Formatter<'_>, lasted: Duration, weak: usize) -> fmt::Result {
    write!(f, " for {}: nothing can wake it again", time(lasted))?;
    match weak {
        0 => Ok(()),
        1 => f.write_str(", unless by its weak reference"),
        count => write!(f, ", unless by one of its {count} weak references"),
    }
}

fn handling(f: &mut fmt::Formatter<'_>, label: &Option<Cow<'static, str>>) -> fmt::Result {
    label
        .as_ref()
        .map_or(Ok(()), |label| write!(f, ", handling {label}"))
}

fn stopping(
    f: &mut fmt::Formatter<'_>,
    waits_for: Option<&WaitInfo>,
    lasted: Option<Duration>,
    left: Option<Duration>,
    then: Fate,
) -> fmt::Result {
    if let Some(lasted) = lasted {
        write!(f, " for {}", time(lasted))?;
    }
    if let Some(what) = waits_for {
        write!(f, ", waits for {what}")?;
    }
    let Some(left) = left else { return Ok(()) };
    f.write_str(match then {
        Fate::Killed => ", is killed",
        Fate::Reported => ", is reported",
        Fate::Restarted => ", is restarted",
        Fate::Nothing => return Ok(()),
    })?;
    write!(f, " in {}", time(left))
}
