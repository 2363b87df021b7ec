//! Which items were accepted, and what became of them.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

#[derive(Debug, Default)]
pub(crate) struct Books {
    accepted: AtomicU64,
    missed: Mutex<Vec<u64>>,
}

impl Books {
    /// The batcher has taken the next item.
    pub(crate) fn accept(&self) {
        self.accepted.fetch_add(1, Ordering::Relaxed);
    }

    /// These items may not have been stored.
    pub(crate) fn miss(&self, items: &[u64]) {
        tracing::error!(?items, "may not have been stored");
        let mut missed = self.missed.lock().unwrap_or_else(PoisonError::into_inner);
        missed.extend(items);
    }

    pub(crate) fn accepted(&self) -> u64 {
        self.accepted.load(Ordering::Relaxed)
    }

    pub(crate) fn missed(&self) -> Vec<u64> {
        let missed = self.missed.lock().unwrap_or_else(PoisonError::into_inner);
        missed.clone()
    }

    /// Checks that each accepted item is stored once and in order, or is known to be missed.
    pub(crate) fn audit(&self, stored: &[u64]) -> tenure::Result {
        let (accepted, missed) = (self.accepted(), self.missed());
        if !stored.is_sorted_by(|one, next| one < next) {
            return Err("an item was stored twice, or out of order".into());
        }
        for item in 0..accepted {
            if stored.binary_search(&item).is_err() && !missed.contains(&item) {
                return Err(format!("item {item} was lost").into());
            }
        }
        let (stored, missed) = (stored.len(), missed.len());
        println!("{accepted} accepted, {stored} stored, {missed} in doubt");
        Ok(())
    }
}
