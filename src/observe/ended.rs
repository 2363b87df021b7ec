use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::facts::Site;
use super::places::Place;
use super::text::{bounded, bounded_to, time};
use crate::error::{Blocker, Failure, Kind, StopReason};
use crate::sync::{moment, text_of};
use crate::tree::{AnyNode, NodeId};

/// How many causes of one end are kept.
const MOST_CAUSES: usize = 64;
/// How many causes are counted, to say how many more there are.
const MOST_LOOKED_AT: usize = 1_024;
/// How many bytes of a cause's text are kept.
const LONGEST_TEXT: usize = 512;

/// The end of a node, as an item of [`Ends`](super::Ends).
///
/// `Display` is one line, and one more for each cause if there are several.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Ended {
    /// The number of the node.
    pub id: NodeId,
    /// The number of the node above it.
    pub owner: Option<NodeId>,
    /// Its path.
    pub path: String,
    /// What sort of node it was.
    pub kind: Kind,
    /// Its type name, as in [`NodeInfo::type_name`](super::NodeInfo::type_name).
    pub type_name: Cow<'static, str>,
    /// Where it was spawned.
    pub site: Site,
    /// When it ended, on the clock of [`Snapshot::taken_at`](super::Snapshot::taken_at).
    #[cfg_attr(feature = "serde", serde(rename = "at_ms", with = "super::millis"))]
    pub at: Duration,
    /// How long it lived: with [timings](crate::Builder::timings), from its spawn; without, at least from the first
    /// look.
    #[cfg_attr(feature = "serde", serde(rename = "age_ms", with = "super::millis"))]
    pub age: Duration,
    /// How many messages of its mailbox it had started.
    pub handled: u64,
    /// How it ended.
    pub how: EndKind,
    /// Whether another incarnation follows, so that only the last one has ended.
    pub goes_on: bool,
    /// The tree of causes of its failure, each after the one above it. If it was cut short, the nodes whose time was
    /// up. At most 64.
    pub causes: Vec<CauseInfo>,
    /// How many more causes there are, at least.
    pub more_causes: usize,
}

/// How a node has ended: a [`StopReason`] without details.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum EndKind {
    /// By itself, without a failure.
    Finished,
    /// It was asked to stop.
    Stopped,
    /// It was asked to drain.
    Drained,
    /// Somebody asked for a kill.
    Killed,
    /// A stop or drain had to become a kill, of this node or of nodes beneath it.
    CutShort,
    /// It failed or panicked, or something beneath it did.
    Failed,
}

/// One node of a tree of causes.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct CauseInfo {
    /// How far beneath the first cause it is.
    pub depth: usize,
    /// The path of the node.
    pub path: String,
    /// The type name of the node.
    pub type_name: Cow<'static, str>,
    /// What went wrong, on one line.
    pub text: String,
}

impl EndKind {
    /// The kind in one word, with underscores, such as `cut_short`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Finished => "finished",
            Self::Stopped => "stopped",
            Self::Drained => "drained",
            Self::Killed => "killed",
            Self::CutShort => "cut_short",
            Self::Failed => "failed",
        }
    }

    /// Whether somebody should look at it: it failed or was cut short.
    #[must_use]
    pub const fn is_trouble(self) -> bool {
        matches!(self, Self::CutShort | Self::Failed)
    }

    pub(super) const fn of(reason: &StopReason) -> Self {
        match reason {
            StopReason::Finished => Self::Finished,
            StopReason::Stopped => Self::Stopped,
            StopReason::Drained => Self::Drained,
            StopReason::Killed => Self::Killed,
            StopReason::CutShort(_) => Self::CutShort,
            StopReason::Failed(_) => Self::Failed,
        }
    }
}

impl Ended {
    pub(super) fn of(
        node: &Arc<dyn AnyNode>,
        place: &Place,
        reason: &StopReason,
        goes_on: bool,
    ) -> Self {
        let now = Instant::now();
        let (causes, more_causes) = causes(reason);
        Self {
            id: node.id(),
            owner: node.owner().map(|owner| owner.id()),
            path: place.path(node),
            kind: node.kind(),
            type_name: bounded(node.type_name()),
            site: node.site().into(),
            at: moment::since_begin(now),
            age: now.saturating_duration_since(node.born(now)),
            handled: node.look_at_mail().map_or(0, |mail| mail.started),
            how: EndKind::of(reason),
            goes_on,
            causes,
            more_causes,
        }
    }
}

fn causes(reason: &StopReason) -> (Vec<CauseInfo>, usize) {
    let mut causes = Vec::new();
    let more = match reason {
        StopReason::Failed(failure) => {
            let mut all = failure.each_once().take(MOST_LOOKED_AT);
            let named = all.by_ref().take(MOST_CAUSES);
            causes.extend(named.map(|(depth, failure)| CauseInfo::failed(depth, failure)));
            all.count()
        }
        StopReason::CutShort(cut) => {
            let nodes = cut.nodes();
            let named = nodes.iter().take(MOST_CAUSES);
            causes.extend(named.map(|node| CauseInfo::cut(node)));
            nodes.len() - causes.len()
        }
        _ => 0,
    };
    (causes, more)
}

impl CauseInfo {
    fn failed(depth: usize, failure: &Failure) -> Self {
        Self {
            depth,
            path: bounded_to(failure.path(), LONGEST_TEXT).into_owned(),
            type_name: bounded(failure.type_name()),
            text: one_line(failure.cause()),
        }
    }

    fn cut(node: &Blocker) -> Self {
        let Blocker {
            phase,
            label,
            held_for,
            ..
        } = node;
        let held = time(*held_for);
        let text = match label {
            Some(label) => format!("{phase}, handling {label}, held for {held}"),
            None => format!("{phase}, held for {held}"),
        };
        Self {
            depth: 0,
            path: bounded_to(&node.path, LONGEST_TEXT).into_owned(),
            type_name: bounded(node.type_name),
            text: one_line(&text),
        }
    }
}

fn one_line(text: &dyn fmt::Display) -> String {
    let text = text_of(text, LONGEST_TEXT);
    bounded_to(&text, LONGEST_TEXT + 4).into_owned()
}

impl fmt::Display for EndKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::CutShort => "cut short",
            other => other.word(),
        })
    }
}

impl fmt::Display for CauseInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.text)
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.path, self.how)?;
        if self.goes_on {
            f.write_str(", and is restarted")?;
        }
        write!(f, " after {}", time(self.age))?;
        match &*self.causes {
            [] => {}
            [only] if only.path == self.path => write!(f, ": {}", only.text)?,
            all => {
                for cause in all {
                    let width = 2 + 2 * cause.depth.min(32);
                    write!(f, "\n{:width$}{cause}", "")?;
                }
            }
        }
        match self.more_causes {
            0 => Ok(()),
            more => write!(f, "\n  (and at least {more} more)"),
        }
    }
}
