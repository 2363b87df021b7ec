//! Siblings that are started anew together, in every order of steps that a few threads can take (loom): the cursor of
//! their group, and the wait of each for its turn. Run as `mailbox.rs` beside this is.
//!
//! A cursor that rests where nobody moves it on shows as a deadlock.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;

use loom::future::block_on;
use loom::sync::Notify;
use loom::thread::{self, JoinHandle};
use tokio::time::Instant;

use super::wait_for_turn;
use crate::error::{Kind, Phase};
use crate::tree::explore::{explore, finish, plain, root, run, wait};
use crate::tree::signals::Marks;
use crate::tree::{
    AnyNode, Exit, Order, RestartCount, Settings, Strategy, Turn, register, request,
};

/// An actor without code, in its task: it lives, and is started anew, until it is told to end.
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

    /// With `fails`, its first incarnation ends by itself.
    fn start(&self, fails: bool) -> JoinHandle<()> {
        let (exit, again) = (Exit::new(Arc::clone(&self.node)), Arc::clone(&self.again));
        thread::spawn(move || block_on(live(exit, fails, &again)))
    }
}

/// Whether the second incarnation is running.
struct Again {
    /// No step of the model's, as the notice is one.
    is_running: AtomicBool,
    news: Notify,
}

impl Again {
    fn note(&self) {
        self.is_running.store(true, Ordering::Relaxed);
        self.news.notify();
    }

    fn wait(&self) {
        // It may return without a notice.
        while !self.is_running.load(Ordering::Relaxed) {
            self.news.wait();
        }
    }
}

/// As `actor/shell.rs` goes from one incarnation to the next.
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
        if !node.begin_restart() {
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

fn group(strategy: Strategy) -> Settings {
    Settings {
        strategy,
        ..Settings::default()
    }
}

#[test]
fn a_group_is_started_anew_whoever_moves_its_cursor() {
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
fn a_group_is_started_anew_although_one_of_it_leaves() {
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
