use crate::error::SpawnError;
use crate::tree::Denied;

/// Gives back what was not started, with the reason.
#[cold]
pub(crate) fn refused<S>(it: S, denied: Denied) -> SpawnError<S> {
    let make: fn(S) -> SpawnError<S> = match denied {
        Denied::Closed => SpawnError::closed,
        Denied::NameTaken => SpawnError::name_taken,
        Denied::BadName => SpawnError::bad_name,
        Denied::NoCapacity => SpawnError::no_capacity,
        Denied::BadBackoff => SpawnError::bad_backoff,
    };
    make(it)
}
