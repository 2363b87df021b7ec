//! Finds nodes of a snapshot that wait for each other.
//!
//! The crate refuses a wait that would complete a cycle (rule 16), but not waits with a limit, waits that
//! `even_if_cyclic` allows, and waits that it cannot follow. The search does not recurse (rule 15).

use std::collections::{HashMap, HashSet, VecDeque};

use super::facts::WaitKind;
use super::info::{Joins, Seen};
use crate::error::Kind;
use crate::tree::NodeId;

/// For each node in a cycle, the paths of the cycle, and whether a limit may end it.
pub(super) type Cycles = HashMap<usize, (Vec<String>, bool)>;

/// A longer cycle is shown from the same node on for all its nodes.
const LONG: usize = 64;

/// The targets of a node's waits, and whether each wait is limited.
type Edges = Vec<(usize, bool)>;

pub(super) fn cycles(seen: &[Seen]) -> Cycles {
    let has_waits = |each: &Seen| each.info.targets().next().is_some();
    if !seen.iter().any(has_waits) {
        return Cycles::new();
    }
    let edges = edges(seen);
    let mut cycles = Cycles::new();
    for component in components(&edges) {
        let is_cycle = component.len() > 1
            || component
                .iter()
                .any(|place| edges[*place].iter().any(|(to, _)| to == place));
        if !is_cycle {
            continue;
        }
        let members: HashSet<usize> = component.iter().copied().collect();
        let mut shared = None;
        for place in &component {
            let found = match &shared {
                Some(found) if component.len() > LONG => Some(Clone::clone(found)),
                _ => shortest(&edges, &members, *place),
            };
            let Some((way, is_limited)) = found else {
                continue;
            };
            let paths = way
                .iter()
                .take(LONG)
                .map(|place| seen[*place].info.path.clone());
            cycles.insert(*place, (paths.collect(), is_limited));
            shared.get_or_insert((way, is_limited));
        }
    }
    cycles
}

fn edges(seen: &[Seen]) -> Vec<Edges> {
    let places: HashMap<NodeId, usize> = seen
        .iter()
        .enumerate()
        .map(|(place, each)| (each.info.id, place))
        .collect();
    let mut edges: Vec<Edges> = seen
        .iter()
        .map(|each| {
            // Anybody may give an order, so a wait for one is not a wait for a node.
            let waits = each.info.waits.iter();
            let waits = waits.filter(|wait| wait.kind != WaitKind::Order);
            let known = waits.filter_map(|wait| {
                let target = wait.target.as_ref()?;
                Some((*places.get(&target.id)?, wait.is_limited))
            });
            known.collect()
        })
        .collect();
    // A node that joins many children names only one of them in its waits.
    for (place, each) in seen.iter().enumerate() {
        let Some(above) = each.above else { continue };
        let is_task = matches!(each.info.kind, Kind::Task | Kind::Blocking);
        match seen[above].joins {
            Joins::All => edges[above].push((place, false)),
            Joins::Tasks if is_task => edges[above].push((place, false)),
            _ => {}
        }
    }
    edges
}

/// The strongly connected components (Tarjan, Depth-first search and linear graph algorithms, 1972).
fn components(edges: &[Edges]) -> Vec<Vec<usize>> {
    const NONE: usize = usize::MAX;
    let mut number = vec![NONE; edges.len()];
    let mut low = vec![NONE; edges.len()];
    let mut is_open = vec![false; edges.len()];
    let (mut open, mut components, mut count) = (Vec::new(), Vec::new(), 0);
    for start in 0..edges.len() {
        // Most nodes wait for nobody.
        if number[start] != NONE || edges[start].is_empty() {
            continue;
        }
        let mut way = vec![(start, 0)];
        while let Some((place, next)) = way.last_mut() {
            let place = *place;
            if *next == 0 {
                number[place] = count;
                low[place] = count;
                count += 1;
                open.push(place);
                is_open[place] = true;
            }
            if let Some((to, _)) = edges[place].get(*next) {
                *next += 1;
                if number[*to] == NONE {
                    way.push((*to, 0));
                } else if is_open[*to] {
                    low[place] = low[place].min(number[*to]);
                }
                continue;
            }
            way.pop();
            if let Some((above, _)) = way.last() {
                low[*above] = low[*above].min(low[place]);
            }
            if low[place] == number[place] {
                let begin = open.iter().rposition(|of| *of == place).unwrap_or(0);
                let component = open.split_off(begin);
                component.iter().for_each(|of| is_open[*of] = false);
                components.push(component);
            }
        }
    }
    components
}

/// The shortest cycle through a node, and whether one of its waits is limited.
fn shortest(edges: &[Edges], members: &HashSet<usize>, start: usize) -> Option<(Vec<usize>, bool)> {
    let mut from: HashMap<usize, (usize, bool)> = HashMap::new();
    let mut pending = VecDeque::from([start]);
    while let Some(place) = pending.pop_front() {
        for (to, is_limited) in &edges[place] {
            if *to == start {
                let (mut way, mut any, mut at) = (vec![place], *is_limited, place);
                while at != start {
                    let (before, is_limited) = *from.get(&at)?;
                    any |= is_limited;
                    at = before;
                    way.push(at);
                }
                way.reverse();
                return Some((way, any));
            }
            if members.contains(to) && !from.contains_key(to) {
                from.insert(*to, (place, *is_limited));
                pending.push_back(*to);
            }
        }
    }
    None
}
