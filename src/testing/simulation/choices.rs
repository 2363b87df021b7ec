use super::random::Random;

/// All random choices of a run: a list of small numbers, in which 0 is always the plainest.
///
/// They come from the seed and are recorded. If some of them are set to 0 and the list is run again, that is another
/// possible run. This is how a failure is shortened (`shrink.rs`).
#[derive(Debug)]
pub(super) struct Choices {
    source: Source,
    made: Vec<u32>,
}

#[derive(Debug)]
enum Source {
    Seed(Random),
    /// Recorded choices; 0 beyond the end of the list.
    Noted(Vec<u32>),
}

impl Choices {
    pub(super) fn of_seed(seed: u64) -> Self {
        Self::new(Source::Seed(Random::new(seed, 1)))
    }

    pub(super) fn noted(list: Vec<u32>) -> Self {
        Self::new(Source::Noted(list))
    }

    fn new(source: Source) -> Self {
        Self {
            source,
            made: Vec::new(),
        }
    }

    /// A number below `bound`, uniformly distributed.
    pub(super) fn below(&mut self, bound: u32) -> u32 {
        self.pick(bound, |random| random.below(bound))
    }

    /// A number below `bound`, by the rule of the caller.
    pub(super) fn pick(&mut self, bound: u32, rule: impl FnOnce(&mut Random) -> u32) -> u32 {
        if bound <= 1 {
            return 0;
        }
        let most = bound - 1;
        let choice = match &mut self.source {
            Source::Seed(random) => rule(random).min(most),
            Source::Noted(list) => list.get(self.made.len()).copied().unwrap_or(0).min(most),
        };
        self.made.push(choice);
        choice
    }

    /// True in this many of 1,000,000 cases.
    pub(super) fn happens(&mut self, in_a_million: u32) -> bool {
        let rule = |random: &mut Random| u32::from(random.below(1_000_000) < in_a_million);
        in_a_million > 0 && self.pick(2, rule) == 1
    }

    /// Takes all choices that were made.
    pub(super) fn take_made(&mut self) -> Vec<u32> {
        std::mem::take(&mut self.made)
    }
}
