use std::sync::Arc;

/// Why the store has not done what it was asked for. Whoever is told so may ask again.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// There is no room, and no ended job left that could make room.
    #[error("the store is full")]
    Full,
    /// It could not be read or written. What was not committed is not there; the next who asks has it opened anew.
    #[error("the store cannot be used: {0}")]
    Failed(Arc<redb::Error>),
}

impl<E: Into<redb::Error>> From<E> for StoreError {
    fn from(error: E) -> Self {
        Self::Failed(Arc::new(error.into()))
    }
}
