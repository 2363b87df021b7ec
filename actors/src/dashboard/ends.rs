//! The last ends, for the page and for `ends.json`.

use std::collections::VecDeque;

use serde::Serialize;
use tenure::NodeId;
use tenure::observe::{Ended, Ends};

use super::rows::Row;

/// How many ends that went wrong are kept, and how many others.
const MOST: usize = 100;

/// How many ends may come between two looks; the rest are only counted.
pub(super) const ROOM: usize = 1_000;

/// An end, and the state of the node at the last look before it.
#[derive(Debug, Clone, Serialize)]
pub(super) struct EndRow {
    #[serde(flatten)]
    pub(super) ended: Ended,
    /// The node's verdict at that look, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) before: Option<String>,
}

/// The content of `ends.json`.
#[derive(Debug, Serialize)]
pub(super) struct EndsForm {
    pub(super) version: u32,
    /// The time of the last look, on the clock of the ends.
    pub(super) taken_at_ms: u64,
    /// How many ends are missing because too many came at once.
    pub(super) missed: u64,
    pub(super) ends: Vec<EndRow>,
}

/// Receives the ends, and keeps the last ones.
pub(super) struct EndLog {
    ends: Ends,
    /// The children of this node are not shown.
    hidden: NodeId,
    kept: VecDeque<EndRow>,
}

impl EndLog {
    pub(super) fn new(ends: Ends, hidden: NodeId) -> Self {
        Self {
            ends,
            hidden,
            kept: VecDeque::new(),
        }
    }

    /// The ends since the last look; `rows` are the rows of that look.
    pub(super) fn take(&mut self, rows: &[Row]) -> Vec<EndRow> {
        let ends = std::iter::from_fn(|| self.ends.try_recv());
        let ends: Vec<Ended> = ends.take(ROOM).collect();
        if ends.is_empty() {
            return Vec::new();
        }
        let before = rows.iter().map(|row| (row.id, row));
        let before: std::collections::HashMap<NodeId, &Row> = before.collect();
        let shown = ends
            .into_iter()
            .filter(|end| end.owner != Some(self.hidden));
        let mut shown: VecDeque<EndRow> = shown
            .map(|ended| EndRow {
                before: before.get(&ended.id).map(|row| row.verdict()),
                ended,
            })
            .collect();
        trim(&mut shown);
        self.kept.extend(shown.iter().cloned());
        trim(&mut self.kept);
        shown.into()
    }

    pub(super) fn kept(&self) -> Vec<EndRow> {
        self.kept.iter().cloned().collect()
    }

    pub(super) fn missed(&self) -> u64 {
        self.ends.missed()
    }
}

/// Keeps the last ends that went wrong, and the last others. The two are counted apart, so that neither kind pushes out
/// the other.
fn trim(ends: &mut VecDeque<EndRow>) {
    let is_trouble = |end: &EndRow| end.ended.how.is_trouble();
    let bad = ends.iter().filter(|end| is_trouble(end)).count();
    let mut too_many = [ends.len() - bad, bad].map(|count| count.saturating_sub(MOST));
    ends.retain(|end| {
        let left = &mut too_many[usize::from(is_trouble(end))];
        let goes = *left > 0;
        *left -= usize::from(goes);
        !goes
    });
}
