//! A snapshot that was written elsewhere is either refused, or can be shown, searched, grouped, and written again.

use tenure::observe::Snapshot;

/// # Panics
///
/// If the promise does not hold.
pub fn holds(bytes: &[u8]) {
    let Ok(snapshot) = serde_json::from_slice::<Snapshot>(bytes) else {
        return;
    };
    assert!(snapshot.count() <= snapshot.nodes.len());
    for node in &snapshot.nodes {
        // Several nodes may have the same path or id: whoever wrote the snapshot need not be honest.
        assert!(snapshot.find(&node.path).is_some(), "{}", node.path);
        assert!(snapshot.node(node.id).is_some(), "{}", node.path);
    }
    assert!(snapshot.blockers().len() <= snapshot.nodes.len());
    assert!(snapshot.trouble().len() <= snapshot.nodes.len());
    let shown = snapshot.to_string();
    assert!(!shown.is_empty() || snapshot.nodes.is_empty());
    let groups = snapshot.since(&snapshot);
    assert_eq!(groups.groups.len(), snapshot.groups().groups.len());
    comes_back(&snapshot);
}

fn comes_back(snapshot: &Snapshot) {
    let text = serde_json::to_string(snapshot).expect("it has no keys but names");
    let back: Snapshot = serde_json::from_str(&text).expect("it reads what it writes");
    let again = serde_json::to_string(&back).expect("it has no keys but names");
    assert_eq!(text, again);
}
