use std::error::Error;
use std::fmt;

/// Why a pool does not start, or does not go on.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum PoolError {
    /// The most workers that it may have are fewer than the least.
    EmptyRange {
        /// The least.
        min: usize,
        /// The most.
        max: usize,
    },
    /// What makes the workers has panicked.
    FactoryPanicked {
        /// The index of the worker that it was to make.
        index: usize,
        /// What the panic said.
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
