//! What a snapshot tells of each node.

mod ends;
mod nodes;
mod systems;
mod waits;

use std::time::Duration;

use crate::common::node::Node;
use crate::common::{Check, Log};
use tenure::NodeRef;
use tokio::time::sleep;

fn word(node: &NodeRef) -> &'static str {
    let snapshot = node.snapshot();
    snapshot.nodes[0].verdict.word()
}

/// Lets all others go on until they wait for something.
async fn settle() {
    sleep(Duration::from_millis(1)).await;
}

fn plain(check: &Check) -> Node {
    Node::new(check, &Log::default())
}
