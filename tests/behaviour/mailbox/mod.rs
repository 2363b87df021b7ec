//! Sending: room in a mailbox, the turns of senders, and that no refused message is lost.

mod in_line;
mod model;
mod permits;
mod room;
mod senders;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll, Waker};

use crate::common::{Check, Guard, Log, paused, settled};
use tenure::TrySendError;
use tenure::prelude::*;
use tokio::sync::Semaphore;

/// A message with a number, and a guard that shows whether it was lost.
struct Letter {
    number: u32,
    _guard: Guard,
}

/// Handles a message each time that the test allows one.
struct Clerk {
    turns: Arc<Semaphore>,
    log: Log,
}

impl Actor for Clerk {
    type Msg = Letter;

    async fn handle(&mut self, letter: Letter, _: &mut Context<Self>) -> tenure::Result {
        self.turns.acquire().await?.forget();
        self.log.push(letter.number.to_string());
        Ok(())
    }
}

struct Office {
    check: Check,
    clerk: ActorRef<Letter>,
    turns: Arc<Semaphore>,
    log: Log,
}

impl Office {
    fn new(scope: &Scope, check: &Check, mailbox: Mailbox) -> Self {
        let (turns, log) = (Arc::new(Semaphore::new(0)), Log::default());
        let clerk = Clerk {
            turns: Arc::clone(&turns),
            log: log.clone(),
        };
        let clerk = scope
            .spawn(ChildSpec::new(clerk).mailbox(mailbox).name("clerk"))
            .unwrap();
        check.node(clerk.node());
        Self {
            check: check.clone(),
            clerk,
            turns,
            log,
        }
    }

    fn letter(&self, number: u32) -> Letter {
        Letter {
            number,
            _guard: self.check.guard(),
        }
    }

    /// Fills its mailbox: one letter is being handled, and `capacity` more are queued.
    async fn full(scope: &Scope, check: &Check, capacity: u32) -> Self {
        let mailbox = Mailbox::bounded(capacity as usize);
        let office = Self::new(scope, check, mailbox);
        office.clerk.try_tell(office.letter(0)).unwrap();
        settled().await;
        for number in 1..=capacity {
            office.clerk.try_tell(office.letter(number)).unwrap();
        }
        assert_eq!(office.clerk.node().backlog(), u64::from(capacity));
        office
    }

    /// Has the clerk handle this many letters and take up the next.
    async fn handle(&self, count: usize) {
        self.turns.add_permits(count);
        settled().await;
    }

    fn refused(&self, number: u32) {
        match self.clerk.try_tell(self.letter(number)) {
            Err(TrySendError::Full(refused)) => assert_eq!(refused.into_inner().number, number),
            other => panic!("there was room for {number}: {other:?}"),
        }
    }

    /// Has the clerk handle everything that was accepted, and compares the numbers.
    async fn assert_handled(&self, numbers: impl IntoIterator<Item = u32>) {
        self.turns.add_permits(1_000);
        self.clerk.drain().await.unwrap();
        let expected: Vec<_> = numbers.into_iter().map(|n| n.to_string()).collect();
        assert_eq!(self.log.entries(), expected);
    }
}

fn poll<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    Pin::new(future).poll(&mut TaskContext::from_waker(Waker::noop()))
}

/// Runs a test in a scope of its own.
fn in_scope(test: impl AsyncFn(&Scope, &Check)) {
    paused(async |check| {
        tenure::scope(async |scope| {
            test(&scope, &check).await;
            Ok(())
        })
        .await
        .unwrap();
    });
}
