//! What an owner does with its children, as its spec says.

/// In which order a node stops its children.
///
/// Tasks and blocking jobs always come first, all at once: they may be using what the other
/// children provide.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StopOrder {
    /// The youngest first, and each is gone before the next is told.
    #[default]
    Reverse,
    /// All at once: for pools, connections and other children that do not use each other. None waits for the end of
    /// another. Many children are told in batches, between which other tasks run.
    Concurrent,
}

/// Which of a node's children are restarted when one of them is.
///
/// The others end as in a stop: the youngest first, each before the next is told. They are then started in the order in
/// which they were spawned, each once the one before it is running. A child whose grace runs out is dropped at its
/// await point and restarted as well. A start under way is dropped at once, and so is a handler that waits for a
/// sibling that is down. A child whose policy is never to restart is stopped for good. Tasks and blocking jobs are left
/// alone.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Strategy {
    /// Only that child.
    #[default]
    OneForOne,
    /// All actors among the children: for children that depend on each other.
    OneForAll,
    /// That child and the actors that were spawned after it: for children that use older ones.
    RestForOne,
}

/// Whether a node stops when children, or [tasks](crate::TaskSpec::significant), that are
/// [significant](crate::ChildSpec::significant) have ended by themselves.
///
/// A stop, drain or kill that somebody asked for does not count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AutoShutdown {
    /// The node goes on.
    #[default]
    Never,
    /// It stops with the first of them.
    Any,
    /// It stops with the last of them.
    All,
}
