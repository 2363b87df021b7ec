use std::sync::Arc;

use crate::error::Phase;
use crate::tree::node::AnyNode;
use crate::tree::node_ref::NodeRef;

impl NodeRef {
    /// The live node at this path. A path with a leading slash, such as `/root/jobs/worker-3`, starts at the root of
    /// this node's tree; one without, such as `worker-3`, starts at this node. It accepts what [`path`](NodeRef::path)
    /// returns, with or without the name of this system, except paths whose middle is left out.
    ///
    /// A node is found until it has ended, also while it is stopping: a send to it is then refused, as with any older
    /// reference. After its end its name is free for another node.
    ///
    /// Empty segments are skipped, so the empty path is this node and `/` the root.
    ///
    /// A name takes one step per segment. A segment made of a type and a number is searched for among all siblings.
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

    /// Looks for live nodes of this name in the whole tree, level by level from the root. `choose` gets the nodes of
    /// one level at a time, until it has chosen.
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

    /// The child with this name, or with this type and number.
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
