use std::sync::Arc;

/// Why the store has not done what it was asked for. The client may try again.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// There is no room, and no ended job is left that could make room.
    #[error("the store is full")]
    Full,
    /// The database could not be read or written. Changes that were not committed are lost; the next request opens it
    /// again.
    #[error("the store cannot be used: {0}")]
    Failed(Arc<redb::Error>),
}

impl<E: Into<redb::Error>> From<E> for StoreError {
    fn from(error: E) -> Self {
        Self::Failed(Arc::new(error.into()))
    }
}
