use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

/// Why a value was not loaded, for each of those who have waited for it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum LoadError {
    /// What the load has returned.
    Failed(Arc<tenure::Error>),
    /// The load panicked, with these words.
    Panicked(Arc<str>),
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(error) => error.fmt(f),
            Self::Panicked(text) => write!(f, "the load panicked: {text}"),
        }
    }
}

impl StdError for LoadError {}
