use std::error::Error;
use std::fmt;
use std::time::Duration;

/// Why a bucket gives no tokens, or cannot be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum LimiterError {
    /// A rate of no tokens, or of any number in no time.
    NoRate,
    /// A bucket without room for a token.
    NoBurst,
    /// There are not so many tokens now.
    Limited {
        /// When there will be, if nobody else takes them.
        retry_after: Duration,
    },
    /// The bucket never holds so many tokens.
    TooMany {
        /// How many it holds.
        burst: u32,
    },
}

impl LimiterError {
    /// After what time there will be tokens, if that is what it lacks.
    #[must_use]
    pub const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Limited { retry_after } => Some(*retry_after),
            _ => None,
        }
    }
}

impl fmt::Display for LimiterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoRate => f.write_str("a rate of nothing, or of anything in no time"),
            Self::NoBurst => f.write_str("a bucket without room for a token"),
            Self::Limited { retry_after } => {
                write!(f, "over the limit; again in {retry_after:?}")
            }
            Self::TooMany { burst } => write!(f, "the bucket holds {burst} tokens at the most"),
        }
    }
}

impl Error for LimiterError {}
