use std::fmt::Write;

use super::node::Node;
use crate::error::Kind;

/// A path longer than this is shown with its middle left out.
const LONGEST_PATH: usize = 64;
/// How many segments of the beginning and of the end of such a path are shown.
pub(crate) const PATH_HALF: usize = LONGEST_PATH / 2;

impl Node {
    /// Where it is in the tree, from the root down, after the name of its system. Nodes without a name appear with type
    /// and number. The middle of a long path is left out, and its nodes are not asked.
    pub(crate) fn path(&self, type_name: &'static str) -> String {
        let mut above = Vec::new();
        let mut next = self.owner();
        while let Some(node) = next {
            next = node.owner();
            if next.is_some() {
                above.push(node);
            }
        }
        if self.owner().is_none() {
            return format!("{}/", self.shared.prefix);
        }
        let half = PATH_HALF;
        let left_out = (above.len() + 1).saturating_sub(LONGEST_PATH);
        let mut path = String::from(&*self.shared.prefix);
        for (depth, node) in above.into_iter().rev().enumerate() {
            if left_out > 0 && depth == half {
                path = path + "/(" + &left_out.to_string() + " more)";
            }
            if depth < half || depth >= half + left_out {
                path = path + "/" + &node.segment(node.type_name());
            }
        }
        path + "/" + &self.segment(type_name)
    }

    /// As [`path`](Node::path), made from the path of a child, if that is so long that both begin alike. It asks only
    /// the nodes that are shown.
    pub(in crate::tree) fn path_above(
        &self,
        type_name: &'static str,
        child: &str,
    ) -> Option<String> {
        let (half, prefix) = (PATH_HALF, &*self.shared.prefix);
        let segments: Vec<&str> = child
            .strip_prefix(prefix)?
            .strip_prefix('/')?
            .split('/')
            .collect();
        if segments.len() != LONGEST_PATH + 1 {
            return None;
        }
        let left_out = segments.get(half)?.strip_prefix('(')?;
        let left_out: usize = left_out.strip_suffix(" more)")?.parse().ok()?;
        if left_out < 2 {
            return None;
        }
        let begin = segments.get(..half)?.join("/");
        let (more, end) = (left_out - 1, self.end_of_path(type_name));
        Some(format!("{prefix}/{begin}/({more} more)/{end}"))
    }

    /// As [`path`](Node::path), for a node at this depth. `begin` is the beginning of the paths of nodes at least
    /// [`PATH_HALF`] deep. It asks only the nodes that are shown.
    pub(crate) fn path_at(
        &self,
        type_name: &'static str,
        depth: usize,
        begin: Option<&str>,
    ) -> String {
        match begin {
            Some(begin) if depth > LONGEST_PATH => {
                let (more, end) = (depth - LONGEST_PATH, self.end_of_path(type_name));
                format!("{begin}/({more} more)/{end}")
            }
            _ => self.path(type_name),
        }
    }

    fn end_of_path(&self, type_name: &'static str) -> String {
        let mut end = vec![self.segment(type_name)];
        let mut next = self.owner();
        while let (Some(node), true) = (next, end.len() < PATH_HALF) {
            end.push(node.segment(node.type_name()));
            next = node.owner();
        }
        end.reverse();
        end.join("/")
    }

    pub(crate) fn segment(&self, type_name: &'static str) -> String {
        let mut segment = String::new();
        self.write_segment(type_name, &mut segment);
        segment
    }

    /// As [`segment`](Node::segment), appended to a text.
    pub(crate) fn write_segment(&self, type_name: &'static str, to: &mut String) {
        let kind = match (self.name(), self.kind()) {
            (Some(name), _) => return to.push_str(&name),
            (None, Kind::Actor) => short(type_name),
            (None, Kind::Task) => "task",
            (None, Kind::Blocking) => "blocking",
            (None, Kind::Scope) => "scope",
            (None, Kind::System) => "system",
        };
        to.push_str(kind);
        // Writing to a string cannot fail.
        write!(to, "-{}", self.id()).unwrap_or_default();
    }
}

/// A type's name without its modules and parameters.
fn short(type_name: &str) -> &str {
    let plain = type_name.split('<').next().unwrap_or(type_name);
    plain.rsplit("::").next().unwrap_or(plain)
}
