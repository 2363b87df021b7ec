use std::error::Error;
use std::fmt;

/// All attempts have failed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RetryError<E> {
    /// How often it was tried.
    pub attempts: u32,
    /// Why the last try failed.
    pub last: E,
}

impl<E> fmt::Display for RetryError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.attempts {
            1 => f.write_str("failed, and was not tried again"),
            attempts => write!(f, "failed {attempts} times"),
        }
    }
}

impl<E: Error + 'static> Error for RetryError<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.last)
    }
}
