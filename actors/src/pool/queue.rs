use std::collections::VecDeque;

use tenure::Stashed;

use super::options::Priority;

/// A message that waits for a worker.
pub(super) struct Waiting<M: Send + 'static> {
    pub(super) message: Stashed<M>,
    pub(super) priority: Priority,
    /// The hash of its key; 0 without keys.
    pub(super) key: u64,
}

/// The messages that wait for workers, in the order of handing out: one lane for all workers, or with keys one for
/// each.
pub(super) struct Queue<M: Send + 'static> {
    lanes: Vec<Lane<M>>,
    fairness: u32,
    len: usize,
    /// The number of the next message.
    next: u64,
}

/// The messages by priority, the lowest first.
struct Lane<M: Send + 'static> {
    classes: [VecDeque<(u64, Waiting<M>)>; CLASSES],
    /// How many messages of higher classes were handed out while one of this class waited.
    passed: [u32; CLASSES],
}

const CLASSES: usize = Priority::High as usize + 1;

impl<M: Send + 'static> Queue<M> {
    pub(super) fn new(lanes: usize, fairness: u32) -> Self {
        let mut queue = Self {
            lanes: Vec::new(),
            fairness,
            len: 0,
            next: 0,
        };
        queue.lanes.resize_with(lanes, Lane::default);
        queue
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn push(&mut self, waiting: Waiting<M>) {
        let number = self.next;
        self.next += 1;
        self.insert(number, waiting);
    }

    fn insert(&mut self, number: u64, waiting: Waiting<M>) {
        let lane = lane_of(waiting.key, self.lanes.len());
        self.lanes[lane].classes[waiting.priority as usize].push_back((number, waiting));
        self.len += 1;
    }

    /// The next message of a lane whose caller has not gone.
    pub(super) fn pop(&mut self, lane: usize) -> Option<Waiting<M>> {
        loop {
            let waiting = self.lanes.get_mut(lane)?.pop(self.fairness)?;
            self.len -= 1;
            if !waiting.message.is_abandoned() {
                return Some(waiting);
            }
        }
    }

    /// Puts back a message that could not be handed out, as the next of its class.
    pub(super) fn put_back(&mut self, waiting: Waiting<M>) {
        let lane = lane_of(waiting.key, self.lanes.len());
        let class = &mut self.lanes[lane].classes[waiting.priority as usize];
        let number = class
            .front()
            .map_or(0, |(first, _)| first.saturating_sub(1));
        class.push_front((number, waiting));
        self.len += 1;
    }

    /// Takes the oldest message of the lowest priority.
    pub(super) fn pop_oldest(&mut self) -> Option<Waiting<M>> {
        for class in 0..CLASSES {
            let first = |(lane, it): (usize, &Lane<M>)| Some((it.classes[class].front()?.0, lane));
            let oldest = self.lanes.iter().enumerate().filter_map(first).min();
            if let Some((_, lane)) = oldest {
                self.len -= 1;
                let popped = self.lanes[lane].classes[class].pop_front();
                return popped.map(|(_, waiting)| waiting);
            }
        }
        None
    }

    pub(super) fn has(&self, lane: usize) -> bool {
        let lane = self.lanes.get(lane);
        lane.is_some_and(|lane| lane.classes.iter().any(|class| !class.is_empty()))
    }

    /// Changes the number of lanes, and spreads the waiting messages over them in the order in which they came.
    pub(super) fn set_lanes(&mut self, lanes: usize) {
        let mut all: Vec<_> = std::mem::take(&mut self.lanes)
            .into_iter()
            .flat_map(|lane| lane.classes.into_iter().flatten())
            .collect();
        all.sort_by_key(|(number, _)| *number);
        self.lanes.resize_with(lanes, Lane::default);
        self.len = 0;
        for (number, waiting) in all {
            self.insert(number, waiting);
        }
    }
}

impl<M: Send + 'static> Default for Lane<M> {
    fn default() -> Self {
        Self {
            classes: std::array::from_fn(|_| VecDeque::new()),
            passed: [0; CLASSES],
        }
    }
}

impl<M: Send + 'static> Lane<M> {
    /// Takes the first message of the highest class, unless a lower class has been passed over too often.
    fn pop(&mut self, fairness: u32) -> Option<Waiting<M>> {
        let waiting = |class: &usize| !self.classes[*class].is_empty();
        let highest = (0..CLASSES).rev().find(waiting)?;
        let overdue = (0..highest)
            .rev()
            .filter(waiting)
            .find(|class| self.passed[*class] >= fairness);
        let class = overdue.unwrap_or(highest);
        for lower in 0..CLASSES {
            if self.classes[lower].is_empty() || lower == class {
                self.passed[lower] = 0;
            } else if lower < class {
                self.passed[lower] += 1;
            }
        }
        self.classes[class].pop_front().map(|(_, waiting)| waiting)
    }
}

/// The lane of a key. Few keys move when there is one lane more or less (J. Lamping and E. Veach, "A Fast, Minimal
/// Memory, Consistent Hash Algorithm", 2014).
fn lane_of(mut key: u64, lanes: usize) -> usize {
    let (mut lane, mut next) = (0, 0);
    while next < lanes as u64 {
        lane = next;
        key = key.wrapping_mul(2_862_933_555_777_941_757).wrapping_add(1);
        let part = (1_u64 << 31) as f64 / ((key >> 33) + 1) as f64;
        next = ((lane + 1) as f64 * part) as u64;
    }
    lane as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_spread_and_few_move() {
        let keys = 0..10_000_u64;
        let spread = |key: u64| key.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        for lanes in 1..20_usize {
            let mut count = vec![0_usize; lanes];
            let mut moved = 0;
            for key in keys.clone().map(spread) {
                let lane = lane_of(key, lanes);
                count[lane] += 1;
                let larger = lane_of(key, lanes + 1);
                assert!(
                    larger == lane || larger == lanes,
                    "it moves to the new one only"
                );
                moved += usize::from(larger != lane);
            }
            let fair = 10_000 / lanes;
            assert!(
                count.iter().all(|it| *it > fair / 2 && *it < fair * 2),
                "{count:?}"
            );
            assert!(moved < 2 * 10_000 / (lanes + 1), "{moved} of {lanes}");
        }
    }
}
