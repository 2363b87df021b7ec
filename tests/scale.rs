//! Deep chains on small stacks, and wide trees.

mod common;

use std::collections::HashMap;
use std::fs;
use std::future::pending;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use common::{Check, Guard, in_order};
use tenure::prelude::*;
use tenure::{Cause, StopError, StopReason};
use tokio::sync::{Notify, oneshot};
use tokio::time::{Instant, sleep};

const DEPTH: usize = 10_000;
const SMALL_STACK: usize = 128 * 1024;

/// These tests measure time and memory: one at a time.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One of a chain, each the child of the one before.
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

    /// The whole chain, the root first.
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
            // The references go with the list, the root's first.
            Ok(())
        });
    }
    with_chain(StopOrder::Reverse, async |mut links, check| {
        let reason = links[0].kill().await?;
        assert!(matches!(reason, StopReason::Killed), "{reason:?}");
        assert_eq!(check.alive(), 0);
        // The leaf's reference goes last, and holds the whole chain until then.
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
        // References are dropped while all of it is alive: that changes nothing.
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

/// Has children, and nothing to do.
struct Wide(#[allow(dead_code, reason = "counted")] Guard);

impl Actor for Wide {
    type Msg = ReplyTo<Spawner>;

    async fn handle(&mut self, reply: Self::Msg, ctx: &mut Context<Self>) -> tenure::Result {
        reply.send(ctx.spawner());
        Ok(())
    }
}

/// How many children there are in all, whatever the number of their owners: what a stop costs
/// depends on how much of the tree the processor's caches hold.
const MANY: usize = 100_000;

/// The time that this thread has been running: on a busy machine, not that on the wall.
fn running_time() -> Duration {
    let stat = fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    let nanos = stat.split(' ').next().unwrap();
    Duration::from_nanos(nanos.parse().unwrap())
}

/// The time that the stops of so many owners take, who share the children among them.
fn stop_time(owners: usize, order: StopOrder) -> Duration {
    let mut time = Duration::MAX;
    in_order(async |check| {
        tenure::scope(async |scope| {
            let mut all = Vec::new();
            for _ in 0..owners {
                let wide = ChildSpec::new(Wide(check.guard())).stop_order(order);
                let wide = scope.spawn(wide)?;
                let beneath = wide.ask(|reply| reply).await?;
                let mut last = wide.clone();
                for _ in 0..MANY / owners {
                    last = beneath.spawn(Wide(check.guard()))?;
                }
                last.ask(|reply| reply).await?;
                all.push(wide);
            }
            let (start, running) = (Instant::now(), running_time());
            for wide in all {
                wide.stop().await?;
            }
            time = running_time() - running;
            assert_eq!((start.elapsed(), check.alive()), (Duration::ZERO, 0));
            Ok(())
        })
        .await
        .unwrap();
    });
    time
}

/// Resident memory in bytes.
fn resident() -> usize {
    let statm = fs::read_to_string("/proc/self/statm").unwrap();
    let pages: usize = statm.split(' ').nth(1).unwrap().parse().unwrap();
    pages * 4_096
}

#[test]
fn wide_tree() {
    const ROUNDS: usize = 3;
    /// Each child would leave more than this many bytes behind.
    const TOLERANCE: usize = 100;

    let _alone = alone();
    for order in [StopOrder::Reverse, StopOrder::Concurrent] {
        let (mut narrow, mut wide) = (Duration::MAX, Duration::MAX);
        let mut before = None;
        for _ in 0..ROUNDS {
            narrow = narrow.min(stop_time(100, order));
            wide = wide.min(stop_time(1, order));
            // What the allocator keeps, it has after one round.
            before.get_or_insert_with(resident);
        }
        assert!(
            wide < narrow * 3,
            "{order:?}: {wide:?} for one with all children, {narrow:?} for a hundred"
        );
        let grown = resident().saturating_sub(before.unwrap());
        assert!(
            grown < TOLERANCE * MANY,
            "{order:?}: {grown} more bytes are resident"
        );
    }
}

/// Each in a chain has one child, but for the deepest, which takes some time to stop.
struct Slow {
    below: usize,
    order: StopOrder,
    /// It has an older child beside that one.
    has_older: bool,
    complete: Arc<Notify>,
    _guard: Guard,
    check: Check,
}

impl Slow {
    fn spec(
        below: usize,
        order: StopOrder,
        has_older: bool,
        complete: &Arc<Notify>,
        check: &Check,
    ) -> ChildSpec<Self> {
        let slow = Self {
            below,
            order,
            has_older,
            complete: Arc::clone(complete),
            _guard: check.guard(),
            check: check.clone(),
        };
        ChildSpec::new(slow).stop_order(order).grace(HOUR)
    }
}

const HOUR: Duration = Duration::from_secs(3_600);

impl Actor for Slow {
    type Msg = ();

    async fn on_start(&mut self, ctx: &mut Context<Self>) -> tenure::Result {
        if self.below == 0 {
            self.complete.notify_one();
        } else {
            if self.has_older {
                ctx.spawn(Idle)?;
            }
            let Self {
                below,
                order,
                has_older,
                ..
            } = *self;
            let next = Self::spec(below - 1, order, has_older, &self.complete, &self.check);
            ctx.spawn(next)?;
        }
        Ok(())
    }

    async fn handle(&mut self, (): (), _: &mut Context<Self>) -> tenure::Result {
        Ok(())
    }

    async fn on_stop(&mut self, _: &mut Context<Self>) -> tenure::Result {
        if self.below == 0 {
            // Long enough that whoever waits looks for what holds that up, some times.
            sleep(LASTS).await;
        }
        Ok(())
    }
}

const LASTS: Duration = Duration::from_secs(20);

/// The time that it takes to stop a chain while its deepest link is slow.
fn slow_stop_time(depth: usize, order: StopOrder, has_older: bool) -> Duration {
    let mut time = Duration::MAX;
    in_order(async |check| {
        tenure::scope(async |scope| {
            let complete = Arc::new(Notify::new());
            let root = scope.spawn(Slow::spec(depth - 1, order, has_older, &complete, &check))?;
            complete.notified().await;
            let (start, running) = (Instant::now(), running_time());
            assert!(matches!(root.stop().await?, StopReason::Stopped));
            time = running_time() - running;
            assert!(start.elapsed() < LASTS * 2, "{:?}", start.elapsed());
            assert_eq!(check.alive(), 0);
            Ok(())
        })
        .await
        .unwrap();
    });
    time
}

#[test]
fn slow_stop_of_a_deep_chain() {
    const SHALLOW: usize = 500;
    const TIMES: usize = 8;

    let _alone = alone();
    for order in [StopOrder::Reverse, StopOrder::Concurrent] {
        let rounds = |depth| (0..3).map(|_| slow_stop_time(depth, order, false)).min();
        let (shallow, deep) = (rounds(SHALLOW).unwrap(), rounds(SHALLOW * TIMES).unwrap());
        // Quadratic would be 64 times.
        assert!(
            deep < shallow * 24,
            "{order:?}: {deep:?} for a chain {TIMES} times as deep as one that takes {shallow:?}"
        );
    }
}

/// Has nothing to do, and is told to end once all tasks beside it have ended.
struct Idle;

impl Actor for Idle {
    type Msg = ();

    async fn handle(&mut self, (): (), _: &mut Context<Self>) -> tenure::Result {
        Ok(())
    }
}

/// The times of this in one size, and in one that is so many times smaller, as often. If they are linear they are alike.
fn compare(small: usize, times: usize, mut run: impl FnMut(usize) -> Duration) {
    let (mut small_ones, mut large) = (Duration::MAX, Duration::MAX);
    for _ in 0..3 {
        small_ones = small_ones.min((0..times).map(|_| run(small)).sum());
        large = large.min(run(small * times));
    }
    assert!(
        large < small_ones * 3,
        "{times} times {small}: {small_ones:?}, {times} times as many at once: {large:?}"
    );
}

/// A task that opens a scope, in which it starts the next; its body ends at once.
fn scopes(
    below: usize,
    complete: Arc<Notify>,
) -> Pin<Box<dyn Future<Output = tenure::Result> + Send>> {
    Box::pin(async move {
        if below == 0 {
            complete.notify_one();
            return pending().await;
        }
        let ended = tenure::scope_send(move |scope: Scope| async move {
            scope.spawn(Idle)?;
            scope.task(scopes(below - 1, complete))?;
            Ok(())
        });
        Ok(ended.await?)
    })
}

#[test]
fn nested_scopes_whose_bodies_have_ended() {
    let _alone = alone();
    compare(250, 8, |depth| {
        let mut time = Duration::MAX;
        in_order(async |_check| {
            let system = System::start().unwrap();
            let complete = Arc::new(Notify::new());
            let running = running_time();
            let outermost = system.task(scopes(depth, Arc::clone(&complete))).unwrap();
            complete.notified().await;
            // Each scope has seen that its body has ended.
            common::settled().await;
            time = running_time() - running;
            outermost.node().kill().await.unwrap();
            system.stop().await.unwrap();
        });
        time
    });
}

/// The older child of each is told to end once the chain beneath the younger one has ended.
#[test]
fn slow_stop_of_a_deep_chain_with_more_to_do_at_each_level() {
    let _alone = alone();
    compare(100, 8, |depth| {
        slow_stop_time(depth, StopOrder::Reverse, true)
    });
}

/// Nothing has been told to end.
#[test]
fn nested_scopes_that_wait_for_long() {
    let _alone = alone();
    compare(100, 8, |depth| {
        let mut time = Duration::MAX;
        in_order(async |_check| {
            let system = System::start().unwrap();
            let complete = Arc::new(Notify::new());
            let outermost = system.task(scopes(depth, Arc::clone(&complete))).unwrap();
            complete.notified().await;
            common::settled().await;
            let running = running_time();
            sleep(LASTS).await;
            time = running_time() - running;
            outermost.node().kill().await.unwrap();
            system.stop().await.unwrap();
        });
        time
    });
}

/// Each task in a row awaits the one before it, while their scope waits for all of them.
#[test]
fn tasks_of_a_scope_that_await_each_other() {
    let _alone = alone();
    compare(500, 8, |tasks| {
        let mut time = Duration::MAX;
        in_order(async |_check| {
            let running = running_time();
            let ended = tenure::scope(async |scope| {
                let mut last = scope.task(sleep(Duration::from_secs(1)))?;
                for _ in 0..tasks {
                    last = scope.task(async move { drop(last.await) })?;
                }
                Ok(())
            });
            ended.await.unwrap();
            time = running_time() - running;
        });
        time
    });
}

/// A task that awaits the next, which it starts in a scope of its own.
fn scopes_in_tasks(
    below: usize,
    complete: Arc<Notify>,
) -> Pin<Box<dyn Future<Output = tenure::Result> + Send>> {
    Box::pin(async move {
        if below == 0 {
            complete.notify_one();
            return pending().await;
        }
        let ended = tenure::scope_send(move |scope: Scope| async move {
            scope.task(scopes_in_tasks(below - 1, complete))?.await?;
            Ok(())
        });
        Ok(ended.await?)
    })
}

#[test]
fn stop_of_tasks_in_scopes_in_tasks() {
    let _alone = alone();
    compare(250, 8, |depth| {
        let mut time = Duration::MAX;
        in_order(async |_check| {
            let system = System::start().unwrap();
            let complete = Arc::new(Notify::new());
            let outermost = system
                .task(scopes_in_tasks(depth, Arc::clone(&complete)))
                .unwrap();
            complete.notified().await;
            let running = running_time();
            outermost.node().stop().await.unwrap();
            time = running_time() - running;
            system.stop().await.unwrap();
        });
        time
    });
}

/// Each end is told with its path, for which nobody climbs to the root each time.
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
                let running = running_time();
                links[0].stop().await?;
                time = running_time() - running;
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
