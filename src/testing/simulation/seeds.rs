use std::env::{self, VarError};
use std::ops::Range;

/// The variable that names the one seed to run.
const ONE: &str = "TENURE_SEED";
/// The variable that says how many to run.
const HOW_MANY: &str = "TENURE_SEEDS";

/// Which runs a simulation makes: one for each seed. Every number is a seed, 0 too.
///
/// Two variables of the environment take the place of what a test says: `TENURE_SEED=17` runs that seed alone,
/// which is how a failure is replayed, and `TENURE_SEEDS=10000` as many as that, from the first on, wherever
/// several were asked for.
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
    /// So many, from 0 on. With 0 there are none, which a simulation refuses: it would prove nothing.
    #[must_use]
    pub const fn first(number: u64) -> Self {
        Self(0..number)
    }

    /// This one: the form in the code of `TENURE_SEED=..`. The largest of all `u64` is taken for the one before.
    #[must_use]
    pub const fn only(seed: u64) -> Self {
        let seed = if seed == u64::MAX { seed - 1 } else { seed };
        Self(seed..seed + 1)
    }

    /// These.
    #[must_use]
    pub const fn range(seeds: Range<u64>) -> Self {
        Self(seeds)
    }

    /// What is to be run, the environment considered; in words if there is nothing to run.
    pub(super) fn resolve(&self) -> Result<Range<u64>, String> {
        let seeds = match (number(ONE)?, number(HOW_MANY)?) {
            (Some(seed), _) => Self::only(seed).0,
            (None, Some(number)) if self.len() > 1 => Self::first(number).0,
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
    // The harness gives a test's thread its name.
    let test = thread.name().filter(|name| *name != "main");
    let test = test.map(|name| format!(" {name}")).unwrap_or_default();
    format!("{ONE}={seed} cargo test{test}")
}
