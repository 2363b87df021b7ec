//! The last ends, for the page and for `ends.json`.

use std::collections::VecDeque;

use serde::Serialize;
use tenure::NodeId;
use tenure::observe::{Ended, Ends};

use super::rows::Row;

/// How many ends are kept that went wrong, and how many others.
const MOST: usize = 100;

/// How many ends may come between two looks; more are counted.
pub(super) const ROOM: usize = 1_000;

/// An end, and what the node was at the last look before it.
#[derive(Debug, Clone, Serialize)]
pub(super) struct EndRow {
    #[serde(flatten)]
    pub(super) ended: Ended,
    /// Its verdict then, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) before: Option<String>,
}

/// What `ends.json` is.
#[derive(Debug, Serialize)]
pub(super) struct EndsForm {
    pub(super) version: u32,
    /// When that was, on the clock of the ends.
    pub(super) taken_at_ms: u64,
    /// How many ends are not among them because too many came at once.
    pub(super) missed: u64,
    pub(super) ends: Vec<EndRow>,
}

/// Listens, and keeps the last.
pub(super) struct EndLog {
    ends: Ends,
    /// What is beneath this node is not shown.
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

    /// Those since the last look; `rows` are what that has seen.
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

/// Leaves the last of those that went wrong, and the last of the others: they are not pushed out by them.
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
