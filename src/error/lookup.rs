/// Why a lookup gave no actor.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LookupError {
    /// Nothing that is alive has this path or name.
    #[error("there is no such node")]
    NotFound,
    /// What has it is not an actor, or one that takes other messages.
    #[error("{path} takes other messages, or none")]
    WrongType {
        /// Where it is.
        path: String,
    },
    /// Several actors have this name, and none is nearer to the root than the others.
    #[error("several have this name: {}", paths.join(", "))]
    Ambiguous {
        /// Where they are.
        paths: Vec<String>,
    },
}
