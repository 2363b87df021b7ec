use std::fmt;
use std::sync::Arc;

/// Nodes that wait for each other, so that none of them can go on ([rule 16](crate::lifecycle#rule-16)).
///
/// `Display` prints the paths in the order in which the nodes wait, and the first one again at the end: `/a -> /b ->
/// /a`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Cycle {
    paths: Arc<[String]>,
    /// It was found in a later poll, when the request may have been started.
    started: bool,
}

impl Cycle {
    pub(crate) fn new(paths: Vec<String>) -> Self {
        Self {
            paths: paths.into(),
            started: false,
        }
    }

    pub(crate) fn with_started(self, started: bool) -> Self {
        Self { started, ..self }
    }

    pub(super) const fn may_have_started(&self) -> bool {
        self.started
    }

    /// The path of each node of the cycle, once. The first is the node whose wait would have completed the cycle; each
    /// waits for the next one, and the last for the first.
    #[must_use]
    pub fn paths(&self) -> &[String] {
        &self.paths
    }
}

impl fmt::Display for Cycle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for path in self.paths.iter() {
            write!(f, "{path} -> ")?;
        }
        f.write_str(self.paths.first().map_or("", String::as_str))
    }
}
