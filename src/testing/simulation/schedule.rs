use super::choices::Choices;
use super::random::Random;

/// The rule by which a simulation chooses who is polled next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Schedule {
    /// Even seeds are [`Uniform`](Schedule::Uniform), odd ones [`Priority`](Schedule::Priority).
    #[default]
    Mixed,
    /// All ready participants are equally likely.
    Uniform,
    /// The seed gives each participant a priority, and the ready one with the highest is polled. At a few moments that
    /// one gets the lowest priority of all: "A Randomized Scheduler with Probabilistic Guarantees of Finding Bugs"
    /// (Burckhardt and others, 2010). It finds bugs faster that need one of many to be late for long.
    Priority,
}

/// How many polls in a row a participant may get while others are ready; a seed has one of these. After that it gets the
/// lowest priority, as it may be yielding until the others have done something. With a small number alone nobody would
/// ever be far ahead of the others.
const MOST_IN_A_ROW: [u32; 4] = [16, 16, 64, 256];

/// At how many moments of a run by priority the first one gets the lowest priority, at most.
const MOST_CHANGES: u32 = 3;

/// The rule of one run.
#[derive(Debug)]
pub(super) enum Rule {
    Uniform,
    Priority(Priorities),
}

#[derive(Debug)]
pub(super) struct Priorities {
    random: Random,
    /// The priority of each participant, by its key. Lowered priorities get lower and lower.
    of: Vec<u64>,
    lowest: u64,
    changes: Vec<u64>,
    step: u64,
    last: usize,
    in_a_row: u32,
    most_in_a_row: u32,
}

impl Rule {
    pub(super) fn of_seed(schedule: Schedule, seed: u64) -> Self {
        let by_priority = match schedule {
            Schedule::Uniform => false,
            Schedule::Priority => true,
            Schedule::Mixed => !seed.is_multiple_of(2),
        };
        if by_priority {
            Self::Priority(Priorities::of_seed(seed))
        } else {
            Self::Uniform
        }
    }

    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Uniform => "uniform",
            Self::Priority(_) => "by priority",
        }
    }

    /// Chooses one of the ready ones; there is at least one. The first has been ready for the longest time.
    pub(super) fn choose(&mut self, ready: &[usize], choices: &mut Choices) -> usize {
        let bound = u32::try_from(ready.len()).unwrap_or(u32::MAX);
        let index = match self {
            Self::Uniform => choices.below(bound),
            Self::Priority(priorities) => {
                let first = priorities.first(ready);
                choices.pick(bound, |_| first)
            }
        };
        ready[index as usize]
    }
}

impl Priorities {
    fn of_seed(seed: u64) -> Self {
        let mut random = Random::new(seed, 2);
        // The length of the run is not known: powers of two from 8 to 4,096 steps are equally likely.
        let length = 8_u32 << random.below(10);
        let changes = random.below(MOST_CHANGES + 1);
        let changes = (0..changes)
            .map(|_| u64::from(random.below(length)))
            .collect();
        Self {
            random,
            of: Vec::new(),
            lowest: u64::from(u32::MAX),
            changes,
            step: 0,
            last: usize::MAX,
            in_a_row: 0,
            most_in_a_row: MOST_IN_A_ROW[Random::new(seed, 3).below(4) as usize],
        }
    }

    /// The place in `ready` of the one with the highest priority.
    fn first(&mut self, ready: &[usize]) -> u32 {
        for key in ready {
            while self.of.len() <= *key {
                let above = u64::from(u32::MAX) + 1;
                self.of.push(above + (self.random.next() >> 1));
            }
        }
        let is_change = self.changes.contains(&self.step);
        self.step += 1;
        let mut place = self.highest(ready);
        if is_change || self.is_greedy(ready[place], ready.len()) {
            self.lowest -= 1;
            self.of[ready[place]] = self.lowest;
            place = self.highest(ready);
        }
        u32::try_from(place).unwrap_or(0)
    }

    fn highest(&self, ready: &[usize]) -> usize {
        let by_priority = |(_, key): &(usize, &usize)| self.of[**key];
        let highest = ready.iter().enumerate().max_by_key(by_priority);
        highest.map_or(0, |(place, _)| place)
    }

    fn is_greedy(&mut self, key: usize, ready: usize) -> bool {
        let again = std::mem::replace(&mut self.last, key) == key && ready > 1;
        self.in_a_row = if again { self.in_a_row + 1 } else { 0 };
        if self.in_a_row < self.most_in_a_row {
            return false;
        }
        self.in_a_row = 0;
        true
    }
}
