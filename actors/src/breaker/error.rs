use std::error::Error;
use std::fmt;
use std::time::Duration;

/// Why a call through a breaker has no result.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum BreakerError<E> {
    /// The call was not made: the breaker is open, or it is half open and other calls are trying.
    Open {
        /// The time until a call may be let through; zero while others are trying.
        retry_after: Duration,
    },
    /// The call was made, and has failed.
    Failed(E),
}

impl<E> fmt::Display for BreakerError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open { retry_after } => {
                write!(
                    f,
                    "not asked, as it has failed too often; again in {retry_after:?}"
                )
            }
            Self::Failed(_) => f.write_str("asked, and it has failed"),
        }
    }
}

impl<E: Error + 'static> Error for BreakerError<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Open { .. } => None,
            Self::Failed(error) => Some(error),
        }
    }
}
