use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;
use std::time::Duration;

use tokio::time::Instant;

/// The values that are kept: up to `capacity` of them, the most recently used, each for up to `time_to_live`.
pub(super) struct Store<K, V> {
    values: HashMap<K, Entry<V>>,
    /// The keys in the order of their last use.
    by_use: BTreeMap<u64, K>,
    /// The keys in the order in which they were stored, which is also the order in which they expire.
    by_age: BTreeMap<u64, K>,
    capacity: usize,
    time_to_live: Duration,
    number: u64,
}

struct Entry<V> {
    value: V,
    since: Instant,
    used: u64,
    stored: u64,
}

impl<K: Hash + Eq + Clone, V: Clone> Store<K, V> {
    pub(super) fn new(capacity: usize, time_to_live: Duration) -> Self {
        Self {
            values: HashMap::new(),
            by_use: BTreeMap::new(),
            by_age: BTreeMap::new(),
            capacity,
            time_to_live,
            number: 0,
        }
    }

    /// How many values have not expired.
    pub(super) fn len(&mut self) -> usize {
        self.forget_old();
        self.values.len()
    }

    pub(super) fn get(&mut self, key: &K) -> Option<V> {
        self.forget_old();
        let entry = self.values.get_mut(key)?;
        self.number += 1;
        let key = self.by_use.remove(&entry.used);
        entry.used = self.number;
        self.by_use.extend(key.map(|key| (self.number, key)));
        Some(entry.value.clone())
    }

    pub(super) fn insert(&mut self, key: K, value: V) {
        self.remove(&key);
        if self.capacity == 0 || self.time_to_live.is_zero() {
            return;
        }
        self.forget_old();
        while self.values.len() >= self.capacity
            && let Some((_, oldest)) = self.by_use.first_key_value()
        {
            let oldest = oldest.clone();
            self.remove(&oldest);
        }
        self.number += 1;
        let number = self.number;
        self.by_use.insert(number, key.clone());
        self.by_age.insert(number, key.clone());
        let entry = Entry {
            value,
            since: Instant::now(),
            used: number,
            stored: number,
        };
        self.values.insert(key, entry);
    }

    pub(super) fn remove(&mut self, key: &K) {
        if let Some(entry) = self.values.remove(key) {
            self.by_use.remove(&entry.used);
            self.by_age.remove(&entry.stored);
        }
    }

    pub(super) fn clear(&mut self) {
        self.values.clear();
        self.by_use.clear();
        self.by_age.clear();
    }

    fn forget_old(&mut self) {
        while let Some((_, key)) = self.by_age.first_key_value() {
            let entry = self.values.get(key);
            if entry.is_some_and(|entry| entry.since.elapsed() < self.time_to_live) {
                return;
            }
            let key = key.clone();
            self.remove(&key);
        }
    }
}
