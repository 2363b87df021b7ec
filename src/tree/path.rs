use super::Node;
use crate::error::Kind;

/// A path longer than this is shown with its middle left out.
const LONGEST_PATH: usize = 64;

impl Node {
    /// Where it is in the tree, from the root down: names, or the type and number of nodes that
    /// have none.
    pub(crate) fn path(&self, type_name: &'static str) -> String {
        let mut segments = vec![self.segment(type_name)];
        let mut next = self.owner();
        while let Some(node) = next {
            next = node.node().owner();
            if next.is_some() {
                segments.push(node.node().segment(node.type_name()));
            }
        }
        if self.owner().is_none() {
            return String::from("/");
        }
        elide(&mut segments);
        segments
            .iter()
            .rev()
            .fold(String::new(), |path, segment| path + "/" + segment)
    }

    fn segment(&self, type_name: &'static str) -> String {
        match (self.name(), self.kind()) {
            (Some(name), _) => name,
            (None, Kind::Actor) => format!("{}-{}", short(type_name), self.id()),
            (None, Kind::Task) => format!("task-{}", self.id()),
            (None, Kind::Blocking) => format!("blocking-{}", self.id()),
            (None, Kind::Scope) => format!("scope-{}", self.id()),
            (None, Kind::System) => format!("system-{}", self.id()),
        }
    }
}

/// A type's name without its modules and parameters.
fn short(type_name: &str) -> &str {
    let plain = type_name.split('<').next().unwrap_or(type_name);
    plain.rsplit("::").next().unwrap_or(plain)
}

/// Leaves out the middle of a path that nobody would read (`segments` begin at the leaf).
fn elide(segments: &mut Vec<String>) {
    if segments.len() > LONGEST_PATH {
        let half = LONGEST_PATH / 2;
        let left_out = segments.len() - LONGEST_PATH;
        let upper = segments.split_off(segments.len() - half);
        segments.truncate(half);
        segments.push(format!("({left_out} more)"));
        segments.extend(upper);
    }
}
