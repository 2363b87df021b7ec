use std::error::Error;
use std::fmt;

/// Why a batcher fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum BatcherError {
    /// The sink takes no more batches.
    SinkStopped {
        /// How many items were in the batch that it did not take.
        items: usize,
    },
    /// The sink and the batcher wait for each other.
    Deadlock {
        /// How many items were in the batch that it did not take.
        items: usize,
    },
}

impl fmt::Display for BatcherError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SinkStopped { items } => {
                write!(
                    f,
                    "the sink takes no more batches, and {items} items are lost"
                )
            }
            Self::Deadlock { items } => write!(
                f,
                "the sink waits for the batcher that waits for it, and {items} items are lost"
            ),
        }
    }
}

impl Error for BatcherError {}
