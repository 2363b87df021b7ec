use super::random::Random;

/// All chance of a run: a list of small numbers, of which 0 is the plainest in each place.
///
/// They come from the seed, and are noted. A list that is run again, with some of them made 0, is another run
/// that is as possible as the first: so a failure is shortened (`shrink.rs`).
#[derive(Debug)]
pub(super) struct Choices {
    source: Source,
    made: Vec<u32>,
}

#[derive(Debug)]
enum Source {
    Seed(Random),
    /// What was noted; 0 where the list is over.
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

    /// A number below `bound`, each as likely as any other.
    pub(super) fn below(&mut self, bound: u32) -> u32 {
        self.pick(bound, |random| random.below(bound))
    }

    /// A number below `bound`, by the rule of whoever asks.
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

    /// True this often, of 1,000 times.
    pub(super) fn happens(&mut self, in_a_thousand: u32) -> bool {
        in_a_thousand > 0
            && self.pick(2, |random| u32::from(random.below(1_000) < in_a_thousand)) == 1
    }

    /// All that were made.
    pub(super) fn take_made(&mut self) -> Vec<u32> {
        std::mem::take(&mut self.made)
    }
}
