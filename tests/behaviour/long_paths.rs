//! A path of more than 64 nodes leaves out its middle and says how many they are, wherever it is shown.

use crate::common;

use common::node::{Msg, Node, run_in};
use common::{Check, Log, paused};
use tenure::prelude::*;
use tenure::{Failure, StopError};
use tokio::sync::oneshot;

/// So deep that paths of either kind are shown.
const DEPTH: usize = 70;

/// The path of the node at this depth.
fn path(depth: usize) -> String {
    let names = |from, to| (from..=to).map(|at| format!("/n{at}")).collect::<String>();
    match depth {
        0..=64 => names(1, depth),
        _ => format!(
            "{}/({} more){}",
            names(1, 32),
            depth - 64,
            names(depth - 31, depth)
        ),
    }
}

/// A chain of nodes, the first of them beneath the root.
async fn chain(system: &System, check: &Check) -> Vec<ActorRef<Msg>> {
    let mut spawner = system.spawner();
    let mut chain = Vec::new();
    for depth in 1..=DEPTH {
        let node = Node::new(check, &Log::default());
        let spec = ChildSpec::new(node).name(format!("n{depth}"));
        let link = spawner.spawn(spec).unwrap();
        let (send, beneath) = oneshot::channel();
        run_in(&link, move |ctx| send.send(ctx.spawner()).unwrap()).await;
        spawner = beneath.await.unwrap();
        chain.push(link);
    }
    chain
}

#[test]
fn references_and_snapshots_leave_out_the_middle_of_a_long_path() {
    paused(async |check| {
        let system = System::start().unwrap();
        let chain = chain(&system, &check).await;
        let snapshot = system.snapshot();
        for (link, depth) in chain.iter().zip(1..) {
            assert_eq!(link.path(), path(depth));
            assert_eq!(snapshot.node(link.id()).unwrap().path, path(depth));
        }
        system.stop().await.unwrap();
    });
}

#[test]
fn failure_that_rises_leaves_out_the_middle_of_long_paths() {
    paused(async |check| {
        let system = System::start().unwrap();
        let chain = chain(&system, &check).await;
        chain.last().unwrap().tell(Msg::Fail).await.unwrap();
        let Err(StopError::Failed(failure)) = system.stopped().await else {
            panic!("it fails")
        };
        let mut paths = vec![String::from(failure.path())];
        let mut beneath: &[Failure] = failure.beneath();
        while let [one] = beneath {
            paths.push(String::from(one.path()));
            beneath = one.beneath();
        }
        let expected = (0..=DEPTH).map(|depth| match depth {
            0 => String::from("/"),
            depth => path(depth),
        });
        assert_eq!(paths, expected.collect::<Vec<_>>());
    });
}

#[test]
fn ends_leave_out_the_middle_of_a_long_path() {
    paused(async |check| {
        let system = System::start().unwrap();
        let mut ends = system.ends(2 * DEPTH);
        let chain = chain(&system, &check).await;
        drop(chain);
        system.stop().await.unwrap();
        for depth in (1..=DEPTH).rev() {
            assert_eq!(ends.try_recv().unwrap().path, path(depth));
        }
    });
}
