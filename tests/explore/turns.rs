//! Siblings that are restarted together, in every order of steps that a few threads can take (loom): the cursor of
//! their group, and each one's wait for its turn. Run as the `mailbox.rs` beside this.
//!
//! A cursor that nobody moves on shows as a deadlock.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::Duration;

use loom::future::block_on;
use loom::sync::Notify;
use loom::thread::{self, JoinHandle};
use tokio::time::Instant;

use super::wait_for_turn;
use crate::actor::incarnation::{Decision, IncarnationEnd, RestartCycle, RestartPolicy, Tally};
use crate::error::{Kind, Phase, StopReason};
use crate::system::system_defaults;
use crate::tree::explore::{Plain, explore, finish, plain, root, run, wait};
use crate::tree::signals::Marks;
use crate::tree::{
    AnyNode, Exit, NodeSlot, Order, Report, RestartCount, Settings, Strategy, Turn, end_by_itself,
    register, request,
};

/// An actor without code: it lives, and is restarted, until it is told to end.
struct Sibling {
    node: Arc<dyn AnyNode>,
    again: Arc<Again>,
}

impl Sibling {
    fn new(owner: &Arc<dyn AnyNode>) -> Self {
        let settings = Settings {
            marks: Marks::RESTARTABLE,
            ..Settings::default()
        };
        let node = register(owner, None, |place| Ok(plain(place, Kind::Actor, settings))).unwrap();
        node.node().set_running();
        Self {
            node,
            again: Arc::new(Again {
                is_running: AtomicBool::new(false),
                news: Notify::new(),
            }),
        }
    }

    /// Starts it on a thread. With `fails`, its first incarnation ends by itself.
    fn start(&self, fails: bool) -> JoinHandle<()> {
        let (exit, again) = (Exit::new(Arc::clone(&self.node)), Arc::clone(&self.again));
        thread::spawn(move || block_on(live(exit, fails, &again)))
    }
}

/// Whether the second incarnation runs.
struct Again {
    /// Not an atomic of the model, whose step this would be; the notice is one.
    is_running: AtomicBool,
    news: Notify,
}

impl Again {
    fn note(&self) {
        self.is_running.store(true, Ordering::Relaxed);
        self.news.notify();
    }

    fn wait(&self) {
        // The model may wake it without a notice.
        while !self.is_running.load(Ordering::Relaxed) {
            self.news.wait();
        }
    }
}

/// Runs one incarnation after the other, as `actor/shell.rs` does.
async fn live(exit: Exit, mut fails: bool, again: &Again) {
    let node = Arc::clone(exit.any());
    loop {
        poll_fn(|cx| {
            node.set_waker(cx.waker());
            match fails || node.signals.load().ends_incarnation() {
                true => Poll::Ready(()),
                false => Poll::Pending,
            }
        })
        .await;
        fails = false;
        if !node.begin_restart(true) {
            break;
        }
        let count = RestartCount::new(&node.shared);
        if !wait_for_turn(&exit, Instant::now()).await {
            break;
        }
        drop(count);
        node.node().set_running();
        again.note();
    }
    finish(exit).await;
}

/// Runs an incarnation that fails, joins what it owned, and runs the next, as `actor/shell.rs` does.
async fn live_twice(mut exit: Exit) {
    let node = Arc::clone(exit.any());
    assert!(node.begin_restart(true));
    if node.has_children() {
        exit.stop_last_children().await;
    }
    // Nothing was started in between.
    assert!(!node.has_children());
    let count = RestartCount::new(&node.shared);
    assert!(!node.has_children());
    assert!(wait_for_turn(&exit, Instant::now()).await);
    drop(count);
    node.node().set_running();
    finish(exit).await;
}

#[test]
fn a_child_is_of_the_incarnation_that_it_is_registered_in() {
    for kind in [Kind::Task, Kind::Actor] {
        explore(2, move |runtime| {
            let owner = root(runtime, Settings::default());
            let Sibling { node, .. } = Sibling::new(&owner);
            let spawn = thread::spawn({
                let node = Arc::clone(&node);
                move || {
                    let settings = Settings::default();
                    let built = register(&node, None, |place| Ok(plain(place, kind, settings)));
                    if let Ok(child) = built {
                        run(Arc::clone(&child) as _);
                        assert_eq!(child.node().phase(), Phase::Stopped);
                    }
                }
            });
            let exit = Exit::new(Arc::clone(&node));
            block_on(live_twice(exit));
            assert_eq!(node.phase(), Phase::Stopped);
            spawn.join().unwrap();
            block_on(finish(Exit::new(owner)));
        });
    }
}

/// A message loop like that of `actor/shell.rs`, which handles messages in a drain only.
async fn live_until_drained(exit: Exit, plain: &Plain) {
    let node = Arc::clone(exit.any());
    let mut cycle = RestartCycle {
        policy: Box::new(Always),
        at: Instant::now(),
        settled: Report::default(),
    };
    loop {
        poll_fn(|cx| {
            node.set_waker(cx.waker());
            match node.signals.load().ends_incarnation() {
                true => Poll::Ready(()),
                false => Poll::Pending,
            }
        })
        .await;
        if !node.signals.load().ends_loop() {
            plain.backlog.store(0, Ordering::Relaxed);
            end_by_itself(&node);
        }
        if !cycle.begin(node.node(), &mut Report::default()) {
            break;
        }
        if !wait_for_turn(&exit, cycle.at).await {
            break;
        }
        node.node().set_running();
    }
    finish(exit).await;
}

struct Always;

impl RestartPolicy for Always {
    fn begin(&mut self) {}

    fn decide(&mut self, _: IncarnationEnd) -> Decision {
        Decision::After(Duration::ZERO)
    }

    fn tally(&self) -> Tally {
        Tally {
            recent: 0,
            limit: 1,
            within: Duration::ZERO,
        }
    }
}

/// An incarnation ends itself, to be followed by another, and is told to drain meanwhile.
#[test]
fn a_drain_that_comes_at_the_end_of_an_incarnation_loses_nothing() {
    explore(3, |runtime| {
        let shared = system_defaults(runtime.handle().clone());
        let settings = Settings {
            marks: Marks::RESTARTABLE,
            ..Settings::default()
        };
        let plain = plain(NodeSlot::root(shared), Kind::Actor, settings);
        plain.backlog.store(1, Ordering::Relaxed);
        let node: Arc<dyn AnyNode> = Arc::clone(&plain) as _;
        node.signals.request_restart();
        let drain = thread::spawn({
            let node = Arc::clone(&node);
            move || request(&node, Order::Drain)
        });
        block_on(live_until_drained(Exit::new(Arc::clone(&node)), &plain));
        drain.join().unwrap();
        assert!(matches!(node.reason(), Some(StopReason::Drained)));
        assert_eq!(node.backlog(), 0);
    });
}

fn group(strategy: Strategy) -> Settings {
    Settings {
        strategy,
        ..Settings::default()
    }
}

#[test]
fn a_group_is_restarted_whoever_moves_its_cursor() {
    for strategy in [Strategy::OneForAll, Strategy::RestForOne] {
        explore(1, move |runtime| {
            let owner = root(runtime, group(strategy));
            let siblings = [Sibling::new(&owner), Sibling::new(&owner)];
            let shells = [siblings[0].start(true), siblings[1].start(false)];
            for sibling in &siblings {
                sibling.again.wait();
            }
            for sibling in &siblings {
                assert_eq!(sibling.node.turn(), Turn::Live);
                request(&sibling.node, Order::Stop);
            }
            for shell in shells {
                shell.join().unwrap();
            }
            block_on(finish(Exit::new(owner)));
        });
    }
}

#[test]
fn a_group_is_restarted_although_one_of_it_leaves() {
    explore(2, |runtime| {
        let owner = root(runtime, group(Strategy::OneForAll));
        let siblings = [Sibling::new(&owner), Sibling::new(&owner)];
        let shells = [siblings[0].start(true), siblings[1].start(false)];
        request(&siblings[1].node, Order::Stop);
        siblings[0].again.wait();
        wait(&siblings[1].node);
        request(&siblings[0].node, Order::Stop);
        for shell in shells {
            shell.join().unwrap();
        }
        block_on(finish(Exit::new(owner)));
    });
}

#[test]
fn a_group_ends_with_its_owner() {
    explore(1, |runtime| {
        let owner = root(runtime, group(Strategy::OneForAll));
        let siblings = [Sibling::new(&owner), Sibling::new(&owner)];
        let shells = [siblings[0].start(true), siblings[1].start(false)];
        request(&owner, Order::Stop);
        run(Arc::clone(&owner));
        for (shell, sibling) in shells.into_iter().zip(&siblings) {
            assert_eq!(sibling.node.phase(), Phase::Stopped);
            shell.join().unwrap();
        }
    });
}
