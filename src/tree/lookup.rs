use std::sync::Arc;

use crate::error::Phase;
use crate::tree::node::AnyNode;
use crate::tree::node_ref::NodeRef;

impl NodeRef {
    /// The live node at this path: from the root of this one's tree, such as
    /// `/root/jobs/worker-3`, or without the first slash from this node, such as `worker-3`. It takes
    /// what [`path`](NodeRef::path) gives, with or without the name of this system, but for paths whose middle is
    /// left out.
    ///
    /// A node is found until it has ended, also while it is stopping: whoever sends to it then is
    /// refused, as with a reference from before. Then its name is free, and may be another's.
    ///
    /// Empty segments are passed over, so that the empty path is this node and `/` the root.
    ///
    /// By names it takes a step for each segment. Segments that are no name, but a type and a
    /// number, are looked for among all siblings.
    #[must_use]
    pub fn find(&self, path: &str) -> Option<Self> {
        let prefix = &*self.any().shared.prefix;
        let absolute = path.strip_prefix(prefix).unwrap_or(path);
        let (mut found, path) = match absolute.starts_with('/') {
            true => (self.root(), absolute),
            false => (self.clone(), path),
        };
        for segment in path.split('/').filter(|segment| !segment.is_empty()) {
            found = found.step(segment)?;
        }
        (found.phase() != Phase::Stopped).then_some(found)
    }

    /// The live nodes of this name in the whole tree, those that are equally near to the root in one
    /// call of `choose`, until it has made its choice.
    pub(crate) fn named<T>(
        &self,
        name: &str,
        mut choose: impl FnMut(Vec<Self>) -> Option<T>,
    ) -> Option<T> {
        let mut level = vec![self.root()];
        while !level.is_empty() {
            let named = |node: &Self| node.any().child(name).map(Self::new);
            let found: Vec<_> = level.iter().filter_map(named).collect();
            if !found.is_empty()
                && let Some(chosen) = choose(found)
            {
                return Some(chosen);
            }
            level = level.iter().flat_map(Self::children).collect();
        }
        None
    }

    fn root(&self) -> Self {
        let mut root = self.any();
        while let Some(owner) = root.owner() {
            root = owner;
        }
        Self::new(Arc::clone(root))
    }

    /// The child of this name, or with this type and number.
    fn step(&self, segment: &str) -> Option<Self> {
        if let Some(child) = self.any().child(segment) {
            return Some(Self::new(child));
        }
        let number = segment.rsplit('-').next()?.parse().ok()?;
        let is_it = |child: &Arc<dyn AnyNode>| {
            child.id().get() == number && child.segment(child.type_name()) == segment
        };
        let children = self.any().children();
        children.into_iter().find(is_it).map(Self::new)
    }
}
