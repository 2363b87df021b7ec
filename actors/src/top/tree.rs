//! The rows of the tree: sorted, folded and filtered.

use std::cmp::Ordering;
use std::collections::HashMap;

use tenure::NodeId;
use tenure::observe::NodeInfo;

use super::look::Look;

/// A node with more children than this is closed until the user opens it.
const OPEN_BY_ITSELF: usize = 40;

/// The order of siblings.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Sort {
    #[default]
    Start,
    Urgency,
    Queued,
    Rate,
    Beneath,
    Name,
}

impl Sort {
    pub(super) const fn next(self) -> Self {
        match self {
            Self::Start => Self::Urgency,
            Self::Urgency => Self::Queued,
            Self::Queued => Self::Rate,
            Self::Rate => Self::Beneath,
            Self::Beneath => Self::Name,
            Self::Name => Self::Start,
        }
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Start => "start order",
            Self::Urgency => "urgency",
            Self::Queued => "queued",
            Self::Rate => "rate",
            Self::Beneath => "nodes beneath",
            Self::Name => "name",
        }
    }
}

/// How the tree is shown.
#[derive(Debug, Default)]
pub(super) struct How {
    pub(super) sort: Sort,
    pub(super) filter: String,
    /// The nodes that the user has opened or closed.
    pub(super) folds: HashMap<NodeId, bool>,
    /// Whether all other nodes are open, if the user has said so.
    pub(super) all_open: Option<bool>,
}

#[derive(Debug)]
pub(super) struct TreeRow<'a> {
    pub(super) node: &'a NodeInfo,
    pub(super) depth: usize,
    /// The last part of its path.
    pub(super) name: &'a str,
    /// Whether what is beneath is shown; `None` if nothing is beneath.
    pub(super) is_open: Option<bool>,
    pub(super) beneath: usize,
    /// How many nodes beneath it are in trouble.
    pub(super) trouble: usize,
    pub(super) rate: f64,
    /// It does not match the filter, and is shown only for what is beneath it.
    pub(super) is_faded: bool,
}

/// The sums of a node and all beneath it.
#[derive(Debug, Clone, Default)]
struct Total {
    beneath: usize,
    trouble: usize,
    queued: u64,
    rate: f64,
    rank: usize,
    fits: bool,
    hit: bool,
}

/// Whether the path, type, label or verdict of a node contains all words of the filter.
fn fits(node: &NodeInfo, filter: &str) -> bool {
    let label = node.label.as_deref().unwrap_or_default();
    let word = node.verdict.word();
    let text = format!("{} {} {label} {word}", node.path, node.type_name).to_lowercase();
    let filter = filter.to_lowercase();
    filter.split_whitespace().all(|word| text.contains(word))
}

pub(super) fn rows<'a>(look: &'a Look, how: &How) -> Vec<TreeRow<'a>> {
    let nodes = &look.snapshot.nodes;
    let places = nodes
        .iter()
        .enumerate()
        .map(|(place, node)| (node.id, place));
    let places: HashMap<NodeId, usize> = places.collect();
    let owner = |node: &NodeInfo| node.owner.and_then(|owner| places.get(&owner).copied());
    let mut children: Vec<Vec<usize>> = vec![Vec::new(); nodes.len()];
    let mut pending: Vec<(usize, usize)> = Vec::new();
    for (place, node) in nodes.iter().enumerate() {
        match owner(node) {
            Some(above) => children[above].push(place),
            None => pending.push((place, 0)),
        }
    }
    let totals = totals(look, how, &children);
    pending.reverse();
    let mut rows = Vec::new();
    while let Some((place, depth)) = pending.pop() {
        let (node, total) = (&nodes[place], &totals[place]);
        if !total.hit {
            continue;
        }
        let beneath = &mut children[place];
        let is_open = (!beneath.is_empty()).then(|| is_open(node, beneath.len(), how));
        rows.push(TreeRow {
            node,
            depth,
            name: name_of(node, owner(node).map(|above| &*nodes[above].path)),
            is_open,
            beneath: total.beneath,
            trouble: total.trouble,
            rate: look.rates.get(&node.id).copied().unwrap_or_default(),
            is_faded: !total.fits,
        });
        if is_open == Some(true) {
            sort(beneath, how.sort, nodes, &totals);
            pending.extend(beneath.iter().rev().map(|child| (*child, depth + 1)));
        }
    }
    rows
}

/// Adds up from the last node to the first: each node comes after its owner, so what is beneath a node has been added
/// up before it.
fn totals(look: &Look, how: &How, children: &[Vec<usize>]) -> Vec<Total> {
    let nodes = &look.snapshot.nodes;
    let mut totals = vec![Total::default(); nodes.len()];
    for (place, node) in nodes.iter().enumerate().rev() {
        let fits = fits(node, &how.filter);
        let mut total = Total {
            beneath: 0,
            trouble: 0,
            queued: node.backlog(),
            rate: look.rates.get(&node.id).copied().unwrap_or_default(),
            rank: usize::from(node.verdict.rank()),
            fits,
            hit: fits,
        };
        for child in &children[place] {
            let of = &totals[*child];
            let is_bad = nodes[*child].verdict.is_trouble();
            total.beneath += of.beneath + 1;
            total.trouble += of.trouble + usize::from(is_bad);
            total.queued += of.queued;
            total.rate += of.rate;
            total.rank = total.rank.min(of.rank);
            total.hit |= of.hit;
        }
        totals[place] = total;
    }
    totals
}

fn sort(siblings: &mut [usize], by: Sort, nodes: &[NodeInfo], totals: &[Total]) {
    let order = |one: &usize, other: &usize| -> Ordering {
        let (of, than) = (&totals[*one], &totals[*other]);
        match by {
            Sort::Start => Ordering::Equal,
            Sort::Urgency => of.rank.cmp(&than.rank),
            Sort::Queued => than.queued.cmp(&of.queued),
            Sort::Rate => than.rate.total_cmp(&of.rate),
            Sort::Beneath => than.beneath.cmp(&of.beneath),
            Sort::Name => nodes[*one].path.cmp(&nodes[*other].path),
        }
    };
    siblings.sort_by(order);
}

fn is_open(node: &NodeInfo, children: usize, how: &How) -> bool {
    let by_itself = !how.filter.is_empty() || children <= OPEN_BY_ITSELF || node.owner.is_none();
    let known = how.folds.get(&node.id).copied();
    known.or(how.all_open).unwrap_or(by_itself)
}

fn name_of<'a>(node: &'a NodeInfo, above: Option<&str>) -> &'a str {
    let above = above.map(|path| path.trim_end_matches('/'));
    let rest = above.and_then(|above| node.path.strip_prefix(above));
    let name = rest.and_then(|rest| rest.strip_prefix('/'));
    name.filter(|name| !name.is_empty()).unwrap_or(&node.path)
}
