//! The mailbox, its loop and the slot of an ask, in every order of steps that a few threads can take (loom), up to a
//! bound on how often one thread is interrupted.
//!
//! ```sh
//! RUSTFLAGS="--cfg tenure_loom" cargo test -p tenure --release --lib --target-dir target/explore explore
//! ```
//!
//! A lost wake shows as a deadlock.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use loom::future::block_on;
use loom::model::Builder;
use loom::sync::Notify;
use loom::sync::atomic::{AtomicU8, Ordering};
use loom::thread::{self, JoinHandle};
use tokio::time::Instant;

use super::{
    Batch, Caller, CallerTracking, DropReason, Gate, Gated, Mailbox, Queue, Refusal, ReplyReceiver,
    Sender,
};
use crate::error::AskError;
use crate::sync::Foreign;

/// A small shell with its loop, like those of `actor/shell.rs`.
struct Loop {
    queue: Arc<Queue<u32>>,
    batch: Batch<u32>,
    /// In place of a node's signals.
    control: Arc<AtomicU8>,
    handled: Vec<u32>,
}

impl Loop {
    fn new(mailbox: Mailbox) -> Self {
        Self {
            queue: Arc::new(Queue::new(mailbox, false)),
            batch: Batch::new(),
            control: Arc::new(AtomicU8::new(0)),
            handled: Vec::new(),
        }
    }

    /// Tells it to end, from another thread.
    fn tell(&self) -> JoinHandle<()> {
        let (queue, control) = (Arc::clone(&self.queue), Arc::clone(&self.control));
        thread::spawn(move || {
            control.fetch_or(1, Ordering::AcqRel);
            queue.wake();
        })
    }

    /// Sends it a message, from another thread.
    fn send(&self) -> JoinHandle<()> {
        let queue = Arc::clone(&self.queue);
        thread::spawn(move || push(&queue, 1).map(drop).unwrap())
    }

    /// Handles messages until it is told to end, or has handled this many.
    fn run(&mut self, most: usize) {
        let queue = Arc::clone(&self.queue);
        let mut live = pin!(self.live(most));
        block_on(poll_fn(|cx| {
            let polled = live.as_mut().poll(cx);
            if polled.is_pending() {
                queue.suspend(cx.waker());
            }
            polled
        }));
    }

    async fn live(&mut self, most: usize) {
        while !self.is_told() && self.handled.len() < most {
            match self.batch.next(&self.queue) {
                Some(message) => {
                    self.handled.push(message);
                    self.batch.end(&self.queue);
                }
                None => poll_fn(|cx| self.poll_ready(cx)).await,
            }
        }
    }

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.is_told() || self.batch.poll_ready(&self.queue, cx.waker()).is_ready() {
            return Poll::Ready(());
        }
        if self.is_told() {
            return Poll::Ready(());
        }
        Poll::Pending
    }

    fn is_told(&self) -> bool {
        self.control.load(Ordering::Acquire) != 0
    }
}

fn explore(interruptions: usize, model: impl Fn() + Send + Sync + 'static) {
    let mut builder = Builder::new();
    builder.preemption_bound = Some(interruptions);
    builder.check(model);
}

fn nobody() -> Sender<'static> {
    Sender {
        tracking: CallerTracking::Nobody,
        sent: None,
    }
}

/// Here replies are dropped outside of any node's code, so none is kept.
fn resolve(_: u64, reply: Arc<dyn Caller>) {
    reply.resolve(DropReason::NoReply);
}

fn push(queue: &Queue<u32>, message: u32) -> Result<u64, Refusal> {
    let message = &mut Some(message);
    match queue.try_push(message, CallerTracking::Nobody) {
        Ok(pushed) => pushed,
        Err(Gated) => queue.try_push_gated(message, nobody(), || true),
    }
}

#[test]
fn each_message_is_handled_or_left() {
    explore(3, || {
        let mut shell = Loop::new(Mailbox::bounded(2));
        let (queue, control) = (Arc::clone(&shell.queue), Arc::clone(&shell.control));
        let stop = thread::spawn(move || {
            control.fetch_or(1, Ordering::AcqRel);
            queue.close(Gate::Closed);
        });
        let queue = Arc::clone(&shell.queue);
        let send = thread::spawn(move || {
            let accepted = [push(&queue, 1), push(&queue, 2)];
            accepted.iter().filter(|pushed| pushed.is_ok()).count()
        });
        shell.run(usize::MAX);
        let left = shell.queue.discard(&mut shell.batch);
        let accepted = send.join().unwrap();
        stop.join().unwrap();
        let mut all = shell.handled;
        all.extend(
            left.into_iter()
                .flat_map(|left| left.messages)
                .map(Foreign::into_inner),
        );
        assert_eq!(all, [1, 2][..accepted]);
    });
}

#[test]
fn control_is_seen_whoever_has_the_waker() {
    explore(3, || {
        let mut shell = Loop::new(Mailbox::default());
        let (tell, send) = (shell.tell(), shell.send());
        // It takes a message without waiting for it first, as an actor with sources does.
        if shell.batch.is_ready(&shell.queue) {
            shell.batch.next(&shell.queue);
            shell.batch.end(&shell.queue);
        }
        shell.run(usize::MAX);
        tell.join().unwrap();
        send.join().unwrap();
    });
}

#[test]
fn a_wait_for_something_else_keeps_its_waker() {
    explore(3, || {
        let mut shell = Loop::new(Mailbox::default());
        let (tell, send) = (shell.tell(), shell.send());
        // Either the loop was asleep when its shell goes on, or the message has woken it.
        let _is_ready = shell.batch.poll_ready(&shell.queue, Waker::noop());
        let mut known = false;
        block_on(poll_fn(|cx| {
            if !std::mem::replace(&mut known, true) {
                shell.queue.set_waker(cx.waker());
            }
            if shell.is_told() {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        }));
        tell.join().unwrap();
        send.join().unwrap();
    });
}

#[test]
fn those_who_wait_for_room_get_it() {
    explore(2, || {
        let mut shell = Loop::new(Mailbox::bounded(1));
        push(&shell.queue, 0).unwrap();
        let send = |message| {
            let queue = Arc::clone(&shell.queue);
            thread::spawn(move || {
                let mut ticket = None;
                let room = poll_fn(|cx| queue.poll_reserve(&mut ticket, cx.waker(), &|| true));
                let reserved = block_on(room).unwrap();
                let pushed = queue.push_reserved(message, reserved, nobody(), || true);
                pushed.unwrap();
            })
        };
        let senders = [send(1), send(2)];
        shell.run(3);
        for sender in senders {
            sender.join().unwrap();
        }
        shell.handled.sort_unstable();
        assert_eq!(shell.handled, [0, 1, 2]);
        assert_eq!(shell.queue.len(), 0);
    });
}

#[test]
fn room_is_given_while_a_message_is_handled() {
    explore(3, || {
        let mut shell = Loop::new(Mailbox::bounded(1));
        push(&shell.queue, 0).unwrap();
        let sent = Arc::new(Notify::new());
        let sender = thread::spawn({
            let (queue, sent) = (Arc::clone(&shell.queue), Arc::clone(&sent));
            move || {
                let mut ticket = None;
                let room = poll_fn(|cx| queue.poll_reserve(&mut ticket, cx.waker(), &|| true));
                let _reserved = block_on(room).unwrap();
                sent.notify();
            }
        });
        let ready = shell.batch.poll_ready(&shell.queue, Waker::noop());
        assert!(ready.is_ready());
        assert_eq!(shell.batch.next(&shell.queue), Some(0));
        // The handler waits for something that the sender does once it has room.
        assert!(shell.queue.suspend(Waker::noop()));
        sent.wait();
        sender.join().unwrap();
    });
}

#[test]
fn a_drain_takes_room_back_from_those_outside() {
    explore(3, || {
        let queue = Arc::new(Queue::new(Mailbox::bounded(1), false));
        let outside = thread::spawn({
            let queue = Arc::clone(&queue);
            move || {
                let reserved = queue.try_reserve(|| false);
                reserved.is_ok_and(|reserved| {
                    let pushed = queue.push_reserved(1, reserved, nobody(), || false);
                    pushed.is_ok()
                })
            }
        });
        queue.close(Gate::Draining);
        // The thread here has the room, unless a message takes it.
        let inside = queue.try_reserve(|| true);
        assert_eq!(inside.is_err(), outside.join().unwrap());
        let pushed = inside.map(|reserved| {
            let pushed = queue.push_reserved(2, reserved, nobody(), || true);
            pushed.is_ok()
        });
        assert_ne!(pushed, Ok(false));
        assert_eq!(queue.len(), 1);
    });
}

/// A sender waits for room that never comes, while the mailbox ends in this way.
fn is_sent_away(end: impl Fn(&Queue<u32>) + Send + Sync + 'static) {
    explore(3, move || {
        let queue = Arc::new(Queue::new(Mailbox::bounded(1), false));
        push(&queue, 0).unwrap();
        let waits = thread::spawn({
            let queue = Arc::clone(&queue);
            move || {
                let mut ticket = None;
                let room = poll_fn(|cx| queue.poll_reserve(&mut ticket, cx.waker(), &|| true));
                block_on(room).is_ok()
            }
        });
        end(&queue);
        assert!(!waits.join().unwrap());
    });
}

#[test]
fn closing_sends_those_away_who_wait_for_room() {
    is_sent_away(|queue| queue.close(Gate::Closed));
}

#[test]
fn discarding_sends_those_away_who_wait_for_room() {
    is_sent_away(|queue| {
        let left = queue.discard(&mut Batch::new()).unwrap();
        let left: Vec<u32> = left.messages.into_iter().map(Foreign::into_inner).collect();
        assert_eq!(left, [0]);
    });
}

#[test]
fn a_reply_reaches_its_caller() {
    explore(3, || {
        let (reply, mut awaited) = ReplyReceiver::new(1, resolve);
        let replier = thread::spawn(move || reply.send(5));
        let got = block_on(poll_fn(|cx| awaited.poll(cx.waker())));
        assert_eq!(got, Ok(5));
        replier.join().unwrap();
    });
}

#[test]
fn a_reply_that_is_dropped_ends_the_wait() {
    explore(3, || {
        let (reply, mut awaited) = ReplyReceiver::<u32>::new(1, resolve);
        let replier = thread::spawn(move || drop(reply));
        let got = block_on(poll_fn(|cx| awaited.poll(cx.waker())));
        assert_eq!(got, Err(AskError::NoReply));
        replier.join().unwrap();
    });
}

#[test]
fn a_reply_is_taken_by_one_of_both() {
    explore(3, || {
        let (reply, awaited) = ReplyReceiver::new(1, resolve);
        let replier = thread::spawn(move || reply.try_send(5));
        let given_up = awaited.give_up();
        match replier.join().unwrap() {
            Ok(()) => assert_eq!(given_up, Ok(Ok(5))),
            Err(back) => {
                assert_eq!(back, 5);
                assert!(given_up.is_err());
            }
        }
    });
}

#[test]
fn an_ask_that_says_never_started_never_was() {
    let limit = Instant::now();
    explore(3, move || {
        let (reply, awaited) = ReplyReceiver::<u32>::new(1, resolve);
        awaited.set_deadline(limit);
        let caller = awaited.caller();
        let target = thread::spawn(move || {
            let started = caller.start();
            drop(reply);
            started
        });
        let given_up = awaited.give_up();
        let started = target.join().unwrap();
        if given_up == Err(false) {
            assert!(!started);
        }
    });
}
