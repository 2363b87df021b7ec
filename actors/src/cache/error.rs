use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

/// Why a value was not loaded. Each caller who waited for it gets a clone.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum LoadError {
    /// The load has returned this error.
    Failed(Arc<tenure::Error>),
    /// The load panicked, with this text.
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
