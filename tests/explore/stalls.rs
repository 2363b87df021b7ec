//! The waits of a system and the stall monitor, in every order of steps that a few threads can take (loom). Run as the
//! `mailbox.rs` beside this.
//!
//! The monitor's clock advances only when the monitor has nothing to do but wait. A wait that nobody wakes shows as a
//! deadlock.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::Instant;

use loom::future::block_on;
use loom::model::Builder;
use loom::thread::{self, JoinHandle};

use super::{MONITOR, TICK, WatchedSystems, wait_for_news, watch};
use crate::sync::{KeptWaker, lock};
use crate::tree::stall::Stalls;
use crate::tree::stall::list::Listed;

fn explore(interruptions: usize, model: impl Fn() + Send + Sync + 'static) {
    let mut builder = Builder::new();
    builder.preemption_bound = Some(interruptions);
    builder.max_branches = 10_000;
    builder.check(model);
}

/// The thread of the monitor. It ends with the last system that it is told of.
struct Monitor {
    last: Arc<Stalls>,
    thread: JoinHandle<()>,
}

impl Monitor {
    fn start() -> Self {
        let last = Arc::new(Stalls::default());
        let end = Arc::clone(&last);
        let thread = thread::spawn(move || {
            let mut watched = WatchedSystems::default();
            let mut now = Instant::now();
            loop {
                let news = match watched.next() {
                    None => wait_for_news(None),
                    Some(next) => {
                        now = now.max(next);
                        std::mem::take(&mut lock(&MONITOR.state).added)
                    }
                };
                if news.iter().any(|stalls| Arc::ptr_eq(stalls, &end)) {
                    break;
                }
                watched.look(news, now);
            }
        });
        Self { last, thread }
    }

    fn end(self) {
        assert!(watch(&self.last));
        self.thread.join().unwrap();
    }
}

/// A wait that lasts, and is then checked at this many further moments.
fn wait(stalls: &Arc<Stalls>, moments: u32) {
    let mut listed = None;
    let mut left = moments;
    block_on(poll_fn(|cx| {
        let listed = listed
            .get_or_insert_with(|| Listed::new(stalls, KeptWaker::clone_of(cx.waker())).unwrap());
        while listed.poll(cx.waker()).is_ready() {
            if left == 0 {
                return Poll::Ready(());
            }
            listed.set(Instant::now() + 100 * left * TICK);
            left -= 1;
        }
        Poll::Pending
    }));
}

#[test]
fn a_wait_is_woken_when_it_has_lasted_and_at_each_moment_that_it_sets() {
    explore(3, || {
        let (stalls, monitor) = (Arc::new(Stalls::default()), Monitor::start());
        wait(&stalls, 2);
        monitor.end();
    });
}

/// The monitor may drop a system that has no waits, or have its next look at it much later. A new wait is woken in both
/// cases.
#[test]
fn a_wait_that_comes_as_another_goes_is_woken() {
    explore(2, || {
        let (stalls, monitor) = (Arc::new(Stalls::default()), Monitor::start());
        let other = thread::spawn({
            let stalls = Arc::clone(&stalls);
            move || wait(&stalls, 1)
        });
        wait(&stalls, 0);
        other.join().unwrap();
        monitor.end();
    });
}

#[test]
fn two_systems_are_looked_at() {
    explore(2, || {
        let monitor = Monitor::start();
        let other = thread::spawn(|| wait(&Arc::new(Stalls::default()), 0));
        wait(&Arc::new(Stalls::default()), 0);
        other.join().unwrap();
        monitor.end();
    });
}
