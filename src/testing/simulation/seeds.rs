use std::env::{self, VarError};
use std::ops::Range;

/// The environment variable that names a single seed to run.
const ONE: &str = "TENURE_SEED";
/// The environment variable that says how many seeds to run.
const HOW_MANY: &str = "TENURE_SEEDS";

/// The runs of a simulation: one for each seed. Every number is a seed, including 0.
///
/// Two environment variables override what a test says. `TENURE_SEED=17` runs only that seed, to replay a failure.
/// `TENURE_SEEDS=10000` runs that many, from the test's first one on, wherever a test asks for several.
///
/// ```
/// use tenure::testing::Seeds;
///
/// assert_eq!(Seeds::first(3), Seeds::range(0..3));
/// assert_eq!(Seeds::only(17), Seeds::range(17..18));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seeds(Range<u64>);

impl Seeds {
    /// This many seeds, from 0 on. A simulation refuses to run without seeds, as it would prove nothing.
    #[must_use]
    pub const fn first(number: u64) -> Self {
        Self(0..number)
    }

    /// Only this seed, like `TENURE_SEED=..`. The largest `u64` counts as the one before it.
    #[must_use]
    pub const fn only(seed: u64) -> Self {
        let seed = if seed == u64::MAX { seed - 1 } else { seed };
        Self(seed..seed + 1)
    }

    /// The seeds of this range.
    #[must_use]
    pub const fn range(seeds: Range<u64>) -> Self {
        Self(seeds)
    }

    /// The seeds to run, after a look at the environment. The error says why there are none.
    pub(super) fn resolve(&self) -> Result<Range<u64>, String> {
        let seeds = match (number(ONE)?, number(HOW_MANY)?) {
            (Some(seed), _) => Self::only(seed).0,
            (None, Some(number)) if self.len() > 1 => {
                let first = self.0.start;
                first..first.saturating_add(number)
            }
            (None, _) => self.0.clone(),
        };
        if seeds.is_empty() {
            return Err(String::from(
                "there are no seeds: a simulation that runs none of them proves nothing",
            ));
        }
        Ok(seeds)
    }

    fn len(&self) -> u64 {
        self.0.end.saturating_sub(self.0.start)
    }
}

fn number(variable: &str) -> Result<Option<u64>, String> {
    match env::var(variable) {
        Err(VarError::NotPresent) => Ok(None),
        Err(VarError::NotUnicode(text)) => Err(format!("{variable} is no number: {text:?}")),
        Ok(text) => match text.trim().parse() {
            Ok(number) => Ok(Some(number)),
            Err(error) => Err(format!("{variable} is no number: {text:?}: {error}")),
        },
    }
}

/// The line that replays a seed.
pub(super) fn replay(seed: u64) -> String {
    let thread = std::thread::current();
    // The test harness names the thread after the test.
    let test = thread.name().filter(|name| *name != "main");
    let test = test.map(|name| format!(" {name}")).unwrap_or_default();
    format!("{ONE}={seed} cargo test{test}")
}
