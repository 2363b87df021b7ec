//! A node, its owner, and those who give orders, in every order of steps that a few threads can take (loom). All but
//! the users' code is the crate's own. Run as the `mailbox.rs` beside this.
//!
//! A lost wake shows as a deadlock.

use std::future::{Future, pending, poll_fn};
use std::panic::Location;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};

use loom::future::block_on;
use loom::model::Builder;
use loom::thread::{self, JoinHandle};
use tokio::runtime::Runtime;

use super::node::signals::Marks;
use super::{
    AnyNode, Body, Denied, Exit, Halt, Manner, Node, NodeSlot, Order, Report, RestartCount,
    Settings, ShellWaker, StopChildren, UntilStopped, end_by_itself, end_if, register, request,
};
use crate::error::{Kind, Phase, StopReason};
use crate::system::system_defaults;

/// A node with a shell and without a mailbox.
pub(crate) struct Plain {
    node: Node,
    waker: ShellWaker,
    /// The number of queued messages that it claims to have.
    pub(crate) backlog: AtomicU64,
}

impl AnyNode for Plain {
    fn node(&self) -> &Node {
        &self.node
    }

    fn node_mut(&mut self) -> &mut Node {
        &mut self.node
    }

    fn type_name(&self) -> &'static str {
        "Plain"
    }

    fn set_waker(&self, waker: &Waker) {
        self.waker.set(waker);
    }

    fn clear_waker(&self) {
        self.waker.clear();
    }

    fn wake(&self) {
        self.waker.wake();
    }

    fn backlog(&self) -> u64 {
        self.backlog.load(Ordering::Relaxed)
    }
}

pub(crate) fn plain(place: NodeSlot, kind: Kind, settings: Settings) -> Arc<Plain> {
    let node = Node::new(place, kind, Location::caller(), settings);
    Arc::new(Plain {
        node,
        waker: ShellWaker::default(),
        backlog: AtomicU64::new(0),
    })
}

/// Explores the model with a runtime, whose clock stands still: nothing is ever overdue.
pub(crate) fn explore(interruptions: usize, model: impl Fn(&Runtime) + Send + Sync + 'static) {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = builder.enable_time().start_paused(true).build().unwrap();
    let runtime = Arc::new(runtime);
    let inside = Arc::clone(&runtime);
    let _entered = runtime.enter();
    let mut builder = Builder::new();
    builder.preemption_bound = Some(interruptions);
    builder.max_branches = 10_000;
    builder.check(move || model(&inside));
}

pub(crate) fn root(runtime: &Runtime, settings: Settings) -> Arc<dyn AnyNode> {
    let shared = system_defaults(runtime.handle().clone());
    plain(NodeSlot::root(shared), Kind::Actor, settings)
}

/// Registers a child. Writes it to `seen` while the owner is locked.
fn add(
    owner: &Arc<dyn AnyNode>,
    kind: Kind,
    seen: &Mutex<Option<Arc<dyn AnyNode>>>,
) -> Result<Arc<dyn AnyNode>, Denied> {
    let built = register(owner, None, |place| {
        let child = plain(place, kind, Settings::default());
        *seen.lock().unwrap() = Some(Arc::clone(&child) as _);
        Ok(child)
    });
    built.map(|child| child as _)
}

pub(crate) fn child(owner: &Arc<dyn AnyNode>, kind: Kind) -> Arc<dyn AnyNode> {
    add(owner, kind, &Mutex::default()).unwrap()
}

/// A shell like that of `actor/task.rs`, around code that a stop drops.
async fn shell(mut exit: Exit, code: impl Future<Output = ()>) {
    exit.any().node().set_running();
    {
        let code = pin!(Some(code));
        drop(Body::new(&mut exit, code, Halt::AtStop).await);
    }
    finish(exit).await;
}

/// A shell whose code ends when its node is told to end in any way.
async fn obedient_shell(exit: Exit) {
    poll_fn(|cx| {
        exit.any().set_waker(cx.waker());
        match exit.any().signals.load().is_told_to_end() {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    })
    .await;
    finish(exit).await;
}

/// Ends a node whose code has ended and whose state is gone.
pub(crate) async fn finish(mut exit: Exit) {
    end_by_itself(exit.any());
    if exit.any().has_children() {
        exit.stop_last_children().await;
    }
    let reason = Report::default().finish(exit.any());
    exit.conclude(reason);
}

/// Runs a node that waits for a stop.
pub(crate) fn run(node: Arc<dyn AnyNode>) {
    block_on(shell(Exit::new(node), pending()));
}

pub(crate) fn start(node: &Arc<dyn AnyNode>) -> JoinHandle<()> {
    let node = Arc::clone(node);
    thread::spawn(move || run(node))
}

pub(crate) fn wait(node: &Arc<dyn AnyNode>) -> StopReason {
    block_on(UntilStopped::new(Arc::clone(node))).unwrap()
}

#[test]
fn an_order_is_seen_whenever_the_waker_is_known() {
    explore(3, |runtime| {
        let node = root(runtime, Settings::default());
        let shell = start(&node);
        request(&node, Order::Stop);
        assert!(matches!(wait(&node), StopReason::Stopped));
        shell.join().unwrap();
    });
}

#[test]
fn a_child_is_registered_and_joined_or_refused() {
    for kind in [Kind::Task, Kind::Actor] {
        explore(2, move |runtime| {
            let owner = root(runtime, Settings::default());
            let shell = start(&owner);
            let seen = Arc::new(Mutex::new(None));
            let spawn = thread::spawn({
                let (owner, seen) = (Arc::clone(&owner), Arc::clone(&seen));
                move || {
                    if let Ok(child) = add(&owner, kind, &seen) {
                        run(child);
                    }
                }
            });
            request(&owner, Order::Stop);
            wait(&owner);
            if let Some(child) = seen.lock().unwrap().take() {
                assert_eq!(child.phase(), Phase::Stopped);
            }
            shell.join().unwrap();
            spawn.join().unwrap();
        });
    }
}

#[test]
fn the_end_of_the_last_child_is_seen_by_its_owner() {
    for kind in [Kind::Task, Kind::Actor] {
        explore(2, move |runtime| {
            let owner = root(runtime, Settings::default());
            let last = child(&owner, kind);
            let brief = thread::spawn({
                let last = Arc::clone(&last);
                move || block_on(shell(Exit::new(last), async {}))
            });
            let shells = [start(&owner), brief];
            request(&owner, Order::Stop);
            wait(&owner);
            assert_eq!(last.phase(), Phase::Stopped);
            for shell in shells {
                shell.join().unwrap();
            }
        });
    }
}

#[test]
fn the_last_child_ends_an_owner_whose_shell_has_gone() {
    explore(2, |runtime| {
        let owner = root(runtime, Settings::default());
        let shells = [Kind::Task, Kind::Actor].map(|kind| start(&child(&owner, kind)));
        // The exit is dropped unused, as when a runtime drops a task.
        drop(Exit::new(Arc::clone(&owner)));
        wait(&owner);
        assert!(!owner.has_children());
        for shell in shells {
            shell.join().unwrap();
        }
    });
}

#[test]
fn a_child_that_comes_while_its_owner_joins_is_told_as_well() {
    explore(1, |runtime| {
        let owner = root(runtime, Settings::default());
        let first = child(&owner, Kind::Actor);
        let join = thread::spawn({
            let owner = Arc::clone(&owner);
            move || {
                let mut children = StopChildren::last(Manner::Drain);
                block_on(poll_fn(|cx| {
                    owner.set_waker(cx.waker());
                    while children.poll(&owner, cx).is_ready() {
                        if owner.node().close_if_childless() {
                            return Poll::Ready(());
                        }
                    }
                    Poll::Pending
                }));
            }
        });
        // The code of the first child ends once the second child has ended.
        let second = child(&owner, Kind::Actor);
        let shell = thread::spawn({
            let second = Arc::clone(&second);
            move || block_on(obedient_shell(Exit::new(second)))
        });
        wait(&second);
        shell.join().unwrap();
        block_on(finish(Exit::new(first)));
        join.join().unwrap();
        assert!(!owner.has_children());
        block_on(finish(Exit::new(owner)));
    });
}

#[test]
fn a_wait_for_the_next_incarnation_sees_what_forbids_it() {
    explore(3, |runtime| {
        let owner = root(runtime, Settings::default());
        let built = register(&owner, None, |place| {
            let settings = Settings {
                marks: Marks::RESTARTABLE,
                ..Settings::default()
            };
            Ok(plain(place, Kind::Actor, settings))
        });
        let child: Arc<dyn AnyNode> = built.unwrap();
        assert!(child.begin_restart(true));
        let waits = thread::spawn({
            let child = Arc::clone(&child);
            move || {
                let _count = RestartCount::new(&child.shared);
                block_on(poll_fn(|cx| {
                    child.set_waker(cx.waker());
                    match child.may_restart(false) {
                        true => Poll::Pending,
                        false => Poll::Ready(()),
                    }
                }));
            }
        });
        request(&owner, Order::Stop);
        waits.join().unwrap();
        for node in [child, owner] {
            block_on(finish(Exit::new(node)));
        }
    });
}

/// A drain that comes as an actor stops with an empty mailbox either runs `on_drain`, or was too late to be a drain.
#[test]
fn a_drain_that_comes_as_an_actor_ends_itself_has_its_hook_or_is_none() {
    explore(3, |runtime| {
        let node = root(runtime, Settings::default());
        let drain = thread::spawn({
            let node = Arc::clone(&node);
            move || request(&node, Order::Drain)
        });
        let mut has_drained = false;
        while !end_if(&node, has_drained, &mut |_| true) {
            has_drained = node.signals.load().is_drained();
        }
        block_on(finish(Exit::new(Arc::clone(&node))));
        drain.join().unwrap();
        match node.reason() {
            Some(StopReason::Drained) => assert!(has_drained),
            Some(StopReason::Finished) => assert!(!has_drained),
            other => panic!("{other:?}"),
        }
    });
}
