use std::error::Error as StdError;
use std::fmt;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

/// How many nodes an error names. A whole tree may be cut short, and this is one line in a log.
const MOST_SHOWN: usize = 16;

/// What sort of node something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Kind {
    /// An actor.
    Actor,
    /// A future that a node owns.
    Task,
    /// A job that a node owns, on a thread of its own.
    Blocking,
    /// A [`scope`](crate::scope()).
    Scope,
    /// The root of a [`System`](crate::System).
    System,
}

/// The phase of a node's life. It never goes back within an incarnation; a restart begins again at the first phase.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[repr(u8)]
pub enum Phase {
    /// One incarnation has ended or is ending, and another one follows.
    Restarting,
    /// Its start has not returned yet.
    Starting,
    /// It handles messages, or runs its future or job.
    Running,
    /// It was told to end or ends by itself, and has not ended yet.
    Stopping,
    /// It and everything beneath it have ended.
    Stopped,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Restarting => "restarting",
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Stopping => "stopping",
            Self::Stopped => "stopped",
        })
    }
}

/// A node that held up a stop: which one, where it was started, and what it was doing.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Blocker {
    /// Its path in the tree.
    pub path: String,
    /// What sort of node it is.
    pub kind: Kind,
    /// The type name of the actor, or the name of the function in which the task, job or scope was written. For a
    /// future with a named type it is that type's name.
    pub type_name: &'static str,
    /// Where it was spawned.
    pub site: &'static Location<'static>,
    /// The phase it was in. It is also [`Phase::Restarting`] if the end came between two of its incarnations: then its
    /// accepted messages waited for the next one, which did not come ([rule 9](crate::lifecycle#rule-9)).
    pub phase: Phase,
    /// The label of the message it was handling, if it was handling one.
    pub label: Option<&'static str>,
    /// How much of its own time it had used, which is how long it has held up the stop at least.
    pub held_for: Duration,
}

impl fmt::Display for Blocker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}", self.path, self.type_name)?;
        if let Some(label) = self.label {
            write!(f, ", handling {label}")?;
        }
        write!(
            f,
            ", {}, held for {:?}, spawned at {})",
            self.phase, self.held_for, self.site
        )
    }
}

/// A stop or drain has ended, but only because some nodes were killed after their grace or the caller's limit. All of
/// them have ended.
///
/// `Display` names the first 16 of them, and how many more there are.
#[derive(Clone)]
pub struct CutShort(Arc<Cuts>);

#[derive(Default)]
struct Cuts {
    own: Option<Blocker>,
    beneath: Vec<CutShort>,
}

impl CutShort {
    pub(crate) fn new(own: Option<Blocker>, beneath: Vec<Self>) -> Self {
        Self(Arc::new(Cuts { own, beneath }))
    }

    /// The nodes that were cut short, in the order in which they ended: nodes beneath another before that one.
    #[must_use]
    pub fn nodes(&self) -> Vec<&Blocker> {
        let mut found = Vec::new();
        let mut pending = vec![self];
        while let Some(next) = pending.pop() {
            found.extend(next.0.own.as_ref());
            pending.extend(&next.0.beneath);
        }
        found.reverse();
        found
    }
}

impl fmt::Display for CutShort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("cut short: ")?;
        join(f, self.nodes())
    }
}

impl fmt::Debug for CutShort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl StdError for CutShort {}

// A deep tree of cuts must not be dropped by recursion (rule 15).
impl Drop for Cuts {
    fn drop(&mut self) {
        let mut pending = std::mem::take(&mut self.beneath);
        while let Some(mut next) = pending.pop() {
            if let Some(cuts) = Arc::get_mut(&mut next.0) {
                pending.append(&mut cuts.beneath);
            }
        }
    }
}

/// These nodes did not end within the patience after a kill. They stay owned and visible until they do.
///
/// `Display` names the first 16 of them, and how many more there are.
#[derive(Clone)]
pub struct Unjoined(Arc<Vec<Blocker>>);

impl Unjoined {
    pub(crate) fn new(nodes: Vec<Blocker>) -> Self {
        Self(Arc::new(nodes))
    }

    /// The nodes that did not yield, the deepest first.
    #[must_use]
    pub fn nodes(&self) -> &[Blocker] {
        &self.0
    }
}

impl fmt::Display for Unjoined {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("still alive: ")?;
        join(f, self.nodes())
    }
}

impl fmt::Debug for Unjoined {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl StdError for Unjoined {}

fn join<'a>(
    f: &mut fmt::Formatter<'_>,
    nodes: impl IntoIterator<Item = &'a Blocker>,
) -> fmt::Result {
    let mut nodes = nodes.into_iter();
    for (index, node) in nodes.by_ref().take(MOST_SHOWN).enumerate() {
        if index > 0 {
            f.write_str("; ")?;
        }
        fmt::Display::fmt(node, f)?;
    }
    match nodes.count() {
        0 => Ok(()),
        more => write!(f, "; and {more} more"),
    }
}
