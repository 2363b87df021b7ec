use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;
use tenure::DeadLetter;

/// How many labels are counted separately.
const MOST_LABELS: usize = 200;

/// Counts dead letters by label and by the type of the message, for a [dashboard](super).
///
/// Clones share one log.
#[derive(Debug, Clone, Default)]
pub struct LetterLog {
    counts: Arc<Mutex<Counts>>,
}

/// By label and type: how many, and the path of the last recipient.
type Counts = BTreeMap<(&'static str, &'static str), (u64, String)>;

/// The letters of one label and type.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Letters {
    label: &'static str,
    #[serde(rename = "type")]
    type_name: &'static str,
    count: u64,
    /// The path of the actor that the last one was for.
    last: String,
}

impl LetterLog {
    /// An empty log.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The hook for [`Builder::on_dead_letter`](tenure::Builder::on_dead_letter). It counts letters, and keeps no
    /// message.
    pub fn hook(&self) -> impl Fn(&DeadLetter<'_>) + Send + Sync + 'static {
        let log = self.clone();
        move |letter| log.count(letter)
    }

    fn count(&self, letter: &DeadLetter<'_>) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (letter.label(), letter.type_name());
        let is_known = counts.len() < MOST_LABELS || counts.contains_key(&key);
        let key = if is_known { key } else { ("others", "") };
        let (count, last) = counts.entry(key).or_default();
        *count += 1;
        last.clear();
        // The length of a path is only bounded by that of its names.
        last.extend(letter.path().chars().take(500));
    }

    pub(super) fn counts(&self) -> Vec<Letters> {
        let counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let letters = counts
            .iter()
            .map(|((label, type_name), (count, last))| Letters {
                label,
                type_name,
                count: *count,
                last: last.clone(),
            });
        letters.collect()
    }
}
