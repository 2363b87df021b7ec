/// Why a lookup has found no actor.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LookupError {
    /// No live node has this path or name.
    #[error("there is no such node")]
    NotFound,
    /// The node is not an actor, or takes other messages.
    #[error("{path} takes other messages, or none")]
    WrongType {
        /// The path of the node.
        path: String,
    },
    /// Several actors have this name, and none is nearer to the root than the others.
    #[error("several have this name: {}", paths.join(", "))]
    Ambiguous {
        /// The paths of the actors.
        paths: Vec<String>,
    },
}
