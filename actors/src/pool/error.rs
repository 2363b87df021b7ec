use std::error::Error;
use std::fmt;

/// Why a pool does not start, or fails.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum PoolError {
    /// The range of sizes is empty: the maximum is below the minimum.
    EmptyRange {
        /// The minimum.
        min: usize,
        /// The maximum.
        max: usize,
    },
    /// The function that makes the workers has panicked.
    FactoryPanicked {
        /// The index of the worker that it should have made.
        index: usize,
        /// The text of the panic.
        message: String,
    },
}

impl fmt::Display for PoolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EmptyRange { min, max } => {
                write!(f, "a pool of at least {min} and at most {max} workers")
            }
            Self::FactoryPanicked { index, message } => {
                write!(f, "the factory of worker-{index} panicked: {message}")
            }
        }
    }
}

impl Error for PoolError {}
