use std::error::Error;
use std::fmt;
use std::time::Duration;

use super::nodes::Nodes;
use super::run::{Outside, Run};
use super::seeds::replay;
use super::trace::Event;
use crate::tree::waits_in_words;

/// How many events of a trace are shown at most, and how many nodes.
const MOST_SHOWN: usize = 120;

/// The depth from which on a node is indented no further.
const MOST_INDENTED: usize = 64;

/// What a simulation has found.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Finding {
    /// The body panicked, with this text.
    Panicked(String),
    /// The body returned an error.
    Failed(String),
    /// The body has not ended, nobody is ready, and no timer is set: somebody waits for a wake that never comes.
    Stuck,
    /// The body has ended, but something that was started in it is alive and waits for a wake that never comes.
    Outlived,
    /// It had not ended after this many polls.
    OutOfPolls(u64),
    /// It had not ended after this much virtual time.
    OutOfTime(Duration),
    /// The same seed gave two different runs: randomness or time from outside has leaked in.
    Differs {
        /// The number of the first event that differs, counted from 0.
        at: usize,
        /// The event in the first run; `None` if that was over.
        first: Option<Event>,
        /// The event in the second run.
        second: Option<Event>,
    },
    /// There was nothing to run, or it cannot run here; says why.
    Refused(String),
    /// A fault of this crate: the shell of a node panicked.
    Broken(String),
}

impl Finding {
    /// Whether both are the same failure. Their texts may differ from the first number on.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        std::mem::discriminant(self) == std::mem::discriminant(other) && self.gist() == other.gist()
    }

    fn gist(&self) -> Option<&str> {
        match self {
            Self::Panicked(text) | Self::Failed(text) => {
                text.split(|letter: char| letter.is_ascii_digit()).next()
            }
            _ => None,
        }
    }

    /// What a reader may not think of.
    fn hint(&self, run: &Run) -> Option<&'static str> {
        match self {
            Self::Stuck | Self::Outlived => {
                Some("(no thread is waited for, nor a timer that is more than a year away)")
            }
            Self::OutOfPolls(_) | Self::OutOfTime(_) if run.is_body_over => {
                Some("the body is over: it is what outlives it that goes on")
            }
            _ => None,
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Panicked(text) => write!(f, "the body panicked: {text}"),
            Self::Failed(text) => write!(f, "the body failed: {text}"),
            Self::Stuck => f.write_str(
                "the body waits for a wake that never comes: nobody is ready, and no timer is set",
            ),
            Self::Outlived => f.write_str(
                "the body is over, but something that it started lives on: nobody is ready, and no timer is set",
            ),
            Self::OutOfPolls(polls) => write!(f, "not over after {polls} polls"),
            Self::OutOfTime(time) => write!(f, "not over after {time:?} of virtual time"),
            Self::Differs { at, first, second } => {
                write!(f, "two runs of the seed differ from event {at} on: ")?;
                show_one(f, first.as_ref())?;
                f.write_str(" in the first, ")?;
                show_one(f, second.as_ref())?;
                f.write_str(" in the second")
            }
            Self::Refused(why) => f.write_str(why),
            Self::Broken(what) => f.write_str(what),
        }
    }
}

fn show_one(f: &mut fmt::Formatter<'_>, event: Option<&Event>) -> fmt::Result {
    match event {
        Some(event) => write!(f, "\"{}\"", event.to_string().trim()),
        None => f.write_str("the end"),
    }
}

/// A simulation that failed. `Display` shows what was found, the line that replays it, the shortened trace, and which
/// nodes were alive and what they waited for.
#[derive(Debug)]
pub struct SimulationError(Box<Details>);

#[derive(Debug)]
struct Details {
    finding: Finding,
    seed: Option<u64>,
    /// The whole run, before it was shortened.
    run: Option<Run>,
    /// The shortest run found that fails in the same way.
    shortest: Option<Run>,
    notes: Vec<String>,
}

impl SimulationError {
    pub(super) fn refused(why: impl Into<String>) -> Self {
        Self(Box::new(Details {
            finding: Finding::Refused(why.into()),
            seed: None,
            run: None,
            shortest: None,
            notes: Vec::new(),
        }))
    }

    pub(super) fn new(finding: Finding, seed: u64, run: Run) -> Self {
        Self(Box::new(Details {
            finding,
            seed: Some(seed),
            run: Some(run),
            shortest: None,
            notes: Vec::new(),
        }))
    }

    pub(super) fn set_shortest(&mut self, shortest: Run) {
        self.0.shortest = Some(shortest);
    }

    pub(super) fn note(&mut self, note: impl Into<String>) {
        self.0.notes.push(note.into());
    }

    /// What was found.
    #[must_use]
    pub fn finding(&self) -> &Finding {
        &self.0.finding
    }

    /// The seed that failed; `None` if no seed was run.
    #[must_use]
    pub fn seed(&self) -> Option<u64> {
        self.0.seed
    }

    /// What happened, event by event, shortened if possible.
    #[must_use]
    pub fn trace(&self) -> &[Event] {
        let run = self.0.shortest.as_ref().or(self.0.run.as_ref());
        run.map_or(&[], |run| &run.trace)
    }

    /// Which nodes were alive, and what each waited for.
    #[must_use]
    pub fn tree(&self) -> &str {
        let run = self.0.shortest.as_ref().or(self.0.run.as_ref());
        run.map_or("", |run| &run.tree)
    }

    /// What was outside of the simulation's control.
    #[must_use]
    pub fn outside(&self) -> Outside {
        self.0
            .run
            .as_ref()
            .map_or_else(Outside::default, |run| run.outside)
    }
}

impl Error for SimulationError {}

impl fmt::Display for SimulationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Details {
            finding,
            seed,
            run,
            shortest,
            notes,
        } = &*self.0;
        let (Some(seed), Some(run)) = (seed, run) else {
            return write!(f, "no simulation: {finding}");
        };
        writeln!(f, "seed {seed} ({}) fails: {finding}", run.schedule)?;
        if let Some(attempt) = &run.attempt {
            writeln!(f, "{attempt}")?;
        }
        if let Some(hint) = finding.hint(run) {
            writeln!(f, "{hint}")?;
        }
        writeln!(f, "replay it with: {}", replay(*seed))?;
        for note in notes {
            writeln!(f, "{note}")?;
        }
        show_outside(f, run.outside)?;
        let sizes = |run: &Run| (run.polls, run.departures());
        let (polls, departures) = sizes(shortest.as_ref().unwrap_or(run));
        writeln!(
            f,
            "\nWhat happened, in {polls} polls with {departures} choices out of turn:"
        )?;
        if let Some((polls, departures)) = shortest.as_ref().map(|_| sizes(run)) {
            writeln!(
                f,
                "  (made plain; it was {polls} polls with {departures} such choices)"
            )?;
        }
        // The text of an error has numbers of nodes, which differ in any case.
        if let Some(Finding::Panicked(text)) =
            shortest.as_ref().and_then(|run| run.finding.as_ref())
            && *finding != Finding::Panicked(text.clone())
        {
            writeln!(f, "  (made plain, it says: {text})")?;
        }
        show_trace(f, self.trace())?;
        match self.tree() {
            "" => writeln!(f, "\nNo node was alive then."),
            tree => show_tree(f, tree),
        }
    }
}

fn show_outside(f: &mut fmt::Formatter<'_>, outside: Outside) -> fmt::Result {
    let Outside {
        raw_tasks,
        foreign_wakes,
    } = outside;
    if raw_tasks > 0 {
        writeln!(
            f,
            "outside of the simulation: raw tasks, {raw_tasks} at once"
        )?;
    }
    if foreign_wakes > 0 {
        writeln!(
            f,
            "outside of the simulation: {foreign_wakes} wakes from other threads"
        )?;
    }
    Ok(())
}

fn show_trace(f: &mut fmt::Formatter<'_>, trace: &[Event]) -> fmt::Result {
    let left_out = trace.len().saturating_sub(MOST_SHOWN);
    if left_out > 0 {
        writeln!(f, "  ({left_out} events before)")?;
    }
    for event in &trace[left_out..] {
        writeln!(f, "  {event}")?;
    }
    Ok(())
}

fn show_tree(f: &mut fmt::Formatter<'_>, tree: &str) -> fmt::Result {
    writeln!(f, "\nWho was alive then:")?;
    for line in tree.lines().take(MOST_SHOWN) {
        writeln!(f, "{line}")?;
    }
    match tree.lines().count().saturating_sub(MOST_SHOWN) {
        0 => Ok(()),
        more => writeln!(f, "  (and {more} more)"),
    }
}

/// The live nodes as an indented tree, and what each waits for.
pub(super) fn tree(nodes: &Nodes) -> String {
    let mut text = String::new();
    let mut by_owner = nodes.by_owner();
    let roots = by_owner.remove(&None).unwrap_or_default();
    let mut pending: Vec<_> = roots.into_iter().rev().map(|key| (0, key)).collect();
    while let Some((depth, key)) = pending.pop() {
        let children = by_owner.remove(&Some(key)).unwrap_or_default();
        pending.extend(children.into_iter().rev().map(|child| (depth + 1, child)));
        text += &"  ".repeat(depth.min(MOST_INDENTED) + 1);
        text += &line(nodes, key);
        text.push('\n');
    }
    text
}

fn line(nodes: &Nodes, key: usize) -> String {
    let Some(node) = nodes.node(key) else {
        return String::new();
    };
    let this = node.node();
    let mut line = format!("{} {}", nodes.name(key), this.phase());
    if node.backlog() > 0 {
        line += &format!(", {} queued", node.backlog());
    }
    let (_, is_busy) = node.progress();
    if let Some(label) = this.label().filter(|_| is_busy) {
        line += &format!(", handling {label}");
    }
    for (wanted, target) in waits_in_words(node) {
        line += &format!(", waits for {wanted} {}", nodes.name_of(&target));
    }
    line + &format!(" ({})", this.site())
}
