use crate::observe::NodeInfo;

/// What may be alive at the end.
#[derive(Debug, Default)]
pub(super) struct Allowed {
    pub(super) paths: Vec<String>,
    pub(super) types: Vec<String>,
    pub(super) sites: Vec<String>,
    pub(super) outside: usize,
}

impl Allowed {
    /// Whether the node and everything beneath it may be alive.
    pub(super) fn covers(&self, node: &NodeInfo) -> bool {
        let site = node.site.to_string();
        self.paths.iter().any(|path| is_at(&node.path, path))
            || self.types.iter().any(|name| is_type(&node.type_name, name))
            || self.sites.iter().any(|place| is_place(&site, place))
    }
}

/// Whether a path is this one or beneath it.
fn is_at(path: &str, above: &str) -> bool {
    let rest = path.strip_prefix(above);
    !above.is_empty()
        && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/') || above.ends_with('/'))
}

/// Whether a type has this name, with or without its module, and with or without its parameters.
fn is_type(full: &str, name: &str) -> bool {
    let bare = full.split('<').next().unwrap_or(full);
    [full, bare].iter().any(|full| {
        let before = full.strip_suffix(name);
        !name.is_empty() && before.is_some_and(|before| before.is_empty() || before.ends_with("::"))
    })
}

/// Whether a place in a source, such as `tests/shop.rs:7:9`, is in this file, or on this line.
fn is_place(site: &str, place: &str) -> bool {
    site.match_indices(place).any(|(at, found)| {
        let (before, after) = (&site[..at], &site[at + found.len()..]);
        !place.is_empty()
            && (before.is_empty() || before.ends_with(['/', '\\']))
            && (after.is_empty() || after.starts_with(':'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_allows_itself_and_what_is_beneath() {
        assert!(is_at("/shop/till", "/shop"));
        assert!(is_at("/shop", "/shop"));
        assert!(is_at("/shop", "/"));
        assert!(is_at("east:/shop", "east:/"));
        assert!(!is_at("/shopping", "/shop"));
        assert!(!is_at("/shop", ""));
        assert!(!is_at("east:/shop", "/"));
    }

    #[test]
    fn a_type_is_named_with_its_module_or_without() {
        assert!(is_type("shop::Till", "Till"));
        assert!(is_type("shop::Till", "shop::Till"));
        assert!(is_type("shop::Pool<shop::Till>", "Pool"));
        assert!(is_type("shop::Pool<shop::Till>", "shop::Pool<shop::Till>"));
        assert!(!is_type("shop::Pool<shop::Till>", "Till"));
        assert!(!is_type("shop::OldTill", "Till"));
        assert!(!is_type("shop::Till", ""));
    }

    #[test]
    fn a_site_is_a_file_or_a_line_of_it() {
        assert!(is_place("tests/shop.rs:7:9", "shop.rs"));
        assert!(is_place("tests/shop.rs:7:9", "tests/shop.rs:7"));
        assert!(is_place("tests/shop.rs:7:9", "shop.rs:7:9"));
        assert!(!is_place("tests/shop.rs:71:9", "shop.rs:7"));
        assert!(!is_place("tests/workshop.rs:7:9", "shop.rs"));
        assert!(!is_place("tests/shop.rs:7:9", ""));
    }
}
