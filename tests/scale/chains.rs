//! Chains of ten thousand actors, each the child of the one before, on a stack of 128 KiB.

use std::collections::HashMap;
use std::future::pending;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use tenure::prelude::*;
use tenure::{Cause, StopError, StopReason};
use tokio::sync::{Notify, oneshot};

use crate::common::{Check, Guard, in_order, time_at_work};
use crate::{alone, compare};

const DEPTH: usize = 10_000;
const SMALL_STACK: usize = 128 * 1024;

/// A link of the chain: it starts the next one as its child.
struct Link {
    below: usize,
    chain: Chain,
    _guard: Guard,
}

#[derive(Clone)]
struct Chain {
    order: StopOrder,
    links: Arc<Mutex<Vec<ActorRef<()>>>>,
    complete: Arc<Notify>,
    check: Check,
}

impl Chain {
    fn new(order: StopOrder, check: &Check) -> Self {
        Self {
            order,
            links: Arc::default(),
            complete: Arc::default(),
            check: check.clone(),
        }
    }

    fn link(&self, below: usize) -> ChildSpec<Link> {
        let link = Link {
            below,
            chain: self.clone(),
            _guard: self.check.guard(),
        };
        ChildSpec::new(link).stop_order(self.order)
    }

    /// Starts the whole chain. Returns its links, the root first.
    async fn spawn(&self, scope: &Scope, depth: usize) -> tenure::Result<Vec<ActorRef<()>>> {
        scope.spawn(self.link(depth - 1).contain())?;
        self.complete.notified().await;
        let links = std::mem::take(&mut *self.links.lock().unwrap());
        assert_eq!(links.len(), depth);
        assert_eq!(self.check.alive(), depth as isize);
        Ok(links)
    }
}

impl Actor for Link {
    type Msg = ();

    async fn on_start(&mut self, ctx: &mut Context<Self>) -> tenure::Result {
        self.chain.links.lock().unwrap().push(ctx.me());
        if self.below == 0 {
            self.chain.complete.notify_one();
        } else {
            ctx.spawn(self.chain.link(self.below - 1))?;
        }
        Ok(())
    }

    async fn handle(&mut self, (): (), _: &mut Context<Self>) -> tenure::Result {
        panic!("the leaf panics")
    }
}

/// Runs a test with a chain on a thread with a small stack.
fn with_chain(
    order: StopOrder,
    test: impl AsyncFnOnce(Vec<ActorRef<()>>, Check) -> tenure::Result + Send,
) {
    on_small_stack(|| {
        in_order(async |check| {
            tenure::scope(async |scope| {
                let links = Chain::new(order, &check).spawn(&scope, DEPTH).await?;
                test(links, check.clone()).await
            })
            .await
            .unwrap();
            assert_eq!(check.alive(), 0);
        });
    });
}

fn on_small_stack(run: impl FnOnce() + Send) {
    thread::scope(|threads| {
        thread::Builder::new()
            .stack_size(SMALL_STACK)
            .spawn_scoped(threads, run)
            .unwrap()
            .join()
            .unwrap();
    });
}

#[test]
fn deep_chain() {
    let _alone = alone();
    for order in [StopOrder::Reverse, StopOrder::Concurrent] {
        with_chain(order, async |links, check| {
            let reason = links[0].stop().await?;
            assert!(matches!(reason, StopReason::Stopped), "{reason:?}");
            assert_eq!(check.alive(), 0);
            // The references are dropped with the list, from the root on.
            Ok(())
        });
    }
    with_chain(StopOrder::Reverse, async |mut links, check| {
        let reason = links[0].kill().await?;
        assert!(matches!(reason, StopReason::Killed), "{reason:?}");
        assert_eq!(check.alive(), 0);
        // The reference to the leaf is dropped last. Until then it holds the whole chain.
        let leaf = links.pop();
        drop(links);
        drop(leaf);
        Ok(())
    });
    with_chain(StopOrder::Reverse, async |mut links, check| {
        links[0].drain().await?;
        assert_eq!(check.alive(), 0);
        while let Some(leaf) = links.pop() {
            drop(leaf);
        }
        Ok(())
    });
    with_chain(StopOrder::Reverse, async |links, check| {
        // Dropping references while everything is alive changes nothing.
        let (root, leaf) = (links[0].clone(), links[DEPTH - 1].clone());
        drop(links);
        assert_eq!(check.alive(), DEPTH as isize);
        leaf.tell(()).await?;
        let outcome = root.stopped().await;
        assert_eq!(check.alive(), 0);
        let Err(StopError::Failed(failure)) = outcome else {
            panic!("it did not fail");
        };
        let leaves: Vec<_> = failure.leaves().collect();
        let [panicked] = leaves[..] else {
            panic!("{} failures", leaves.len());
        };
        assert!(matches!(panicked.cause(), Cause::Panic(text) if text == "the leaf panics"));
        assert_eq!(panicked.path(), leaf.path());
        Ok(())
    });
    with_chain(StopOrder::Reverse, async |links, check| {
        let outcome = links[0].stop().within(Duration::ZERO).await;
        let Err(StopError::CutShort(cut)) = outcome else {
            panic!("{outcome:?}");
        };
        assert_eq!((cut.nodes().len(), check.alive()), (DEPTH, 0));
        Ok(())
    });
}

#[test]
fn deep_chain_in_a_dropped_scope() {
    let _alone = alone();
    on_small_stack(|| {
        in_order(async |check| {
            let (sender, receiver) = oneshot::channel();
            let mut scope = Box::pin(tenure::scope(async |scope| {
                let chain = Chain::new(StopOrder::Reverse, &check);
                let links = chain.spawn(&scope, DEPTH).await?;
                sender.send((scope.node(), links)).ok();
                pending::<tenure::Result>().await
            }));
            let (node, links) = tokio::select! {
                ended = &mut scope => panic!("{ended:?}"),
                received = receiver => received.unwrap(),
            };
            drop(scope);
            let reason = node.stopped().await.unwrap();
            assert!(matches!(reason, StopReason::Killed), "{reason:?}");
            assert_eq!(check.alive(), 0);
            drop(links);
        });
    });
}

#[test]
fn deep_path_has_its_middle_left_out() {
    let _alone = alone();
    with_chain(StopOrder::Reverse, async |links, _| {
        let full = links[63].path();
        assert_eq!(full.split('/').count(), 1 + 64);
        let leaf = links[DEPTH - 1].path();
        let segments: Vec<_> = leaf.split('/').collect();
        assert_eq!(segments.len(), 1 + 32 + 1 + 32);
        assert!(full.starts_with(&segments[..33].join("/")));
        assert_eq!(segments[33], format!("({} more)", DEPTH - 64));
        assert_eq!(segments[65], format!("Link-{}", links[DEPTH - 1].id()));
        assert_eq!(segments[34], format!("Link-{}", links[DEPTH - 32].id()));
        Ok(())
    });
}

/// A listener to ends is told each path without a climb to the root for each.
#[test]
fn ends_in_a_deep_chain_are_told() {
    let _alone = alone();
    compare(500, 16, |depth| {
        let mut time = Duration::MAX;
        in_order(async |check| {
            tenure::scope(async |scope| {
                let chain = Chain::new(StopOrder::Reverse, &check);
                let links = chain.spawn(&scope, depth).await?;
                let ends = links[0].node().ends(2 * depth);
                let running = time_at_work();
                links[0].stop().await?;
                time = time_at_work() - running;
                drop(ends);
                Ok(())
            })
            .await
            .unwrap();
            assert_eq!(check.alive(), 0);
        });
        time
    });
}

#[test]
fn ends_in_a_deep_chain_are_told_with_their_paths() {
    let _alone = alone();
    with_chain(StopOrder::Reverse, async |links, _| {
        let some = (0..130).chain([DEPTH - 2, DEPTH - 1]);
        let paths: HashMap<_, _> = some
            .map(|place| (links[place].id(), links[place].path()))
            .collect();
        let mut ends = links[0].node().ends(2 * DEPTH);
        links[0].stop().await?;
        let mut found = 0;
        while let Some(end) = ends.recv().await {
            if let Some(path) = paths.get(&end.id) {
                assert_eq!(end.path, *path);
                found += 1;
            }
        }
        assert_eq!(found, paths.len());
        Ok(())
    });
}
