//! How a snapshot is taken. First the tree is walked with a list (rule 15), level by level, so that the deepest nodes
//! are left out if there are too many. Then each node is looked at. One lock is held at a time.

use std::sync::Arc;

use tokio::time::Instant;

use super::info::{Seen, see};
use super::judge::judge;
use super::options::SnapshotOptions;
use super::snapshot::{LeftOut, NodeInfo, Snapshot, TypeTally};
use super::text::{bounded, path_beneath, path_of};
use super::times::times;
use crate::sync::moment;
use crate::tree::{AnyNode, ChildrenLook, NodeRef};

pub(super) fn take(root: &NodeRef, options: &SnapshotOptions) -> Snapshot {
    let now = Instant::now();
    let root = root.any();
    let mut walk = Walk::new(options);
    walk.from(root);
    let left_out = walk.left_out;
    let mut seen = walk.look(path_of(root), now);
    judge(&mut seen, &root.shared.sightings, now);
    let mut nodes: Vec<_> = seen.into_iter().map(|seen| seen.info).collect();
    // Collected in place, so the buffer still has the room of the facts that only the judgement needed.
    nodes.shrink_to_fit();
    Snapshot {
        #[cfg(feature = "serde")]
        version: Snapshot::VERSION,
        taken_at: moment::since_begin(now),
        nodes,
        left_out,
        dead_letters: root.shared.letters.total(),
        tallies: tallies(root),
        times: times(&**root),
    }
}

fn tallies(root: &Arc<dyn AnyNode>) -> Vec<TypeTally> {
    let tallies = root.shared.ends.tallies().into_iter();
    let tallies = tallies.map(|(type_name, tally)| TypeTally {
        type_name: bounded(type_name),
        failures: tally.failures,
        restarts: tally.restarts,
        cut_short: tally.cut_short,
        unjoined: tally.unjoined,
    });
    tallies.collect()
}

/// The info of a single node; `None` if it has ended. The caller may hold only the reference that it passes, or the
/// node would seem to be reachable.
pub(super) fn take_one(node: &Arc<dyn AnyNode>) -> Option<NodeInfo> {
    let now = Instant::now();
    let mut seen = vec![see(node, path_of(node), 0, None, now)?];
    judge(&mut seen, &node.shared.sightings, now);
    seen.pop().map(|seen| seen.info)
}

/// A node that the walk has found.
struct Found {
    node: Arc<dyn AnyNode>,
    /// The place of the node above it in the list, which is earlier.
    above: usize,
    /// The number that gives its start order among its siblings.
    order: u32,
    depth: usize,
    is_wanted: bool,
    /// Known only if the options ask for paths.
    path: Option<String>,
}

struct Walk<'a> {
    options: &'a SnapshotOptions,
    found: Vec<Found>,
    wanted: usize,
    left_out: LeftOut,
    /// A buffer for the last segment of a path.
    segment: String,
}

impl<'a> Walk<'a> {
    fn new(options: &'a SnapshotOptions) -> Self {
        Self {
            options,
            found: Vec::new(),
            wanted: 0,
            left_out: LeftOut::default(),
            segment: String::new(),
        }
    }

    fn from(&mut self, root: &Arc<dyn AnyNode>) {
        let path = self.options.under.as_ref().map(|_| path_of(root));
        self.enter(0, 0, 0, Arc::clone(root), path);
        let mut next = 0;
        while next < self.found.len() {
            let found = &self.found[next];
            let (owner, depth) = (Arc::clone(&found.node), found.depth + 1);
            let children = owner.count_children();
            if children > 0 && depth > self.options.depth {
                self.left_out.by_depth += children;
            } else if children > 0 {
                self.add_children(&owner, next, depth, children);
            }
            next += 1;
        }
    }

    /// Adds the children for which there is room. The others are counted.
    fn add_children(&mut self, owner: &Arc<dyn AnyNode>, above: usize, depth: usize, count: usize) {
        let mut children = ChildrenLook::new();
        let (mut some, mut all, mut has_more) = (Vec::new(), 0, true);
        while has_more && self.wanted < self.options.nodes {
            has_more = children.next(owner, &mut some);
            for (order, child) in some.drain(..) {
                all += 1;
                let parent = self.found[above].path.as_deref();
                let segment = &mut self.segment;
                let path = parent.map(|parent| path_beneath(parent, &child, segment));
                self.enter(above, order, depth, child, path);
            }
        }
        if has_more {
            self.left_out.by_number += count.saturating_sub(all);
        }
    }

    fn enter(
        &mut self,
        above: usize,
        order: u32,
        depth: usize,
        node: Arc<dyn AnyNode>,
        path: Option<String>,
    ) {
        let is_wanted = self.is_wanted(&node, path.as_deref());
        self.left_out.by_filter += usize::from(!is_wanted);
        let is_on_the_way = || {
            let under = self.options.under.as_deref().zip(path.as_deref());
            under.is_none_or(|(under, path)| path.starts_with(under) || under.starts_with(path))
        };
        if !(is_wanted || node.has_children() && is_on_the_way()) {
            return;
        }
        if is_wanted && self.wanted >= self.options.nodes {
            self.left_out.by_number += 1;
            return;
        }
        self.wanted += usize::from(is_wanted);
        self.found.push(Found {
            node,
            above,
            order,
            depth,
            is_wanted,
            path,
        });
    }

    fn is_wanted(&self, node: &Arc<dyn AnyNode>, path: Option<&str>) -> bool {
        let SnapshotOptions {
            under,
            type_name,
            kind,
            ..
        } = self.options;
        let is_under = under.as_deref().zip(path);
        is_under.is_none_or(|(under, path)| path.starts_with(under))
            && type_name
                .as_ref()
                .is_none_or(|part| node.type_name().contains(part.as_str()))
            && kind.is_none_or(|kind| node.kind() == kind)
    }

    /// Looks at the found nodes, each after the node above it, siblings in start order.
    fn look(mut self, root: String, now: Instant) -> Vec<Seen> {
        let order = in_order(&self.found);
        let mut seen: Vec<Seen> = Vec::with_capacity(self.wanted);
        // The places and paths of the nodes above the current one.
        let mut way: Vec<(Option<usize>, String)> = Vec::new();
        for place in order {
            let found = &mut self.found[place];
            way.truncate(found.depth);
            let above = way.last().and_then(|(place, _)| *place);
            let known = found.path.take();
            let path = known.unwrap_or_else(|| match way.last() {
                Some((_, parent)) => path_beneath(parent, &found.node, &mut self.segment),
                None => root.clone(),
            });
            let mut here = None;
            let has_children = found.node.has_children();
            let on_way = if has_children {
                path.clone()
            } else {
                String::new()
            };
            if found.is_wanted
                && let Some(looked) = see(&found.node, path, found.depth, above, now)
            {
                here = Some(seen.len());
                seen.push(looked);
            }
            // Nodes beneath it come next.
            way.push((here, on_way));
        }
        seen
    }
}

/// The places of all nodes, each after the node above it.
fn in_order(found: &[Found]) -> Vec<usize> {
    let mut children: Vec<Vec<usize>> = found.iter().map(|_| Vec::new()).collect();
    for (place, each) in found.iter().enumerate().skip(1) {
        children[each.above].push(place);
    }
    for siblings in &mut children {
        // After four billion children the numbers wrap around, and some are in the wrong place.
        siblings.sort_by_key(|child| std::cmp::Reverse(found[*child].order));
    }
    let mut order = Vec::with_capacity(found.len());
    let mut pending = Vec::from_iter((!found.is_empty()).then_some(0));
    while let Some(place) = pending.pop() {
        order.push(place);
        // The oldest is popped next.
        pending.append(&mut children[place]);
    }
    order
}
