use std::error::Error;
use std::fmt;
use std::time::Duration;

/// Why a bucket gives no tokens, or cannot be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum LimiterError {
    /// The rate has no tokens, or no time.
    NoRate,
    /// The bucket has no room for a token.
    NoBurst,
    /// There are not enough tokens now.
    Limited {
        /// The time until there are enough, if nobody else takes any.
        retry_after: Duration,
    },
    /// The bucket never holds that many tokens.
    TooMany {
        /// How many it holds at most.
        burst: u32,
    },
}

impl LimiterError {
    /// The time until there are enough tokens, for [`Limited`](LimiterError::Limited).
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
