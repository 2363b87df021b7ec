//! What an actor waits for besides its mailbox: times, streams, and the ends of other nodes.
//!
//! A source has no task, no node, and no place in the mailbox. The actor's own loop polls it between two messages, and
//! only when it is ready for another message. So a stream is never ahead of its actor, and at most one tick of a timer
//! waits. Sources and mailbox take turns.
//!
//! Each source has a waker of its own, its [`SourceHandle`], so that the loop polls only the sources that were woken.

mod api;
mod handle;
mod ready_queue;
mod stream;
mod timer;
mod watch;

pub use handle::{Attached, Timer, Watch};

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use ready_queue::{ReadyQueue, SourceHandle};
use slab::Slab;
use timer::Quiet;
use tokio::time::Instant;

use crate::tree::{SourceBoard, SourceKind, panic_message};

/// The key of the receive timeout, which is not in the table.
const QUIET: usize = usize::MAX;

/// What a source gives when it is polled.
enum Given<M> {
    Item(M),
    /// The last message.
    Last(M),
    End,
}

/// The future or stream behind a source.
trait Source<M>: Send {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Given<M>>;

    fn kind(&self) -> SourceKind;

    /// For a timer: when it will give its next message.
    fn due(&self) -> Option<Instant> {
        None
    }
}

struct SourceEntry<M> {
    source: Box<dyn Source<M>>,
    handle: Arc<SourceHandle>,
    waker: Waker,
    kind: SourceKind,
}

/// A message that a source has given and that is not handled yet.
struct GivenMessage<M> {
    message: M,
    handle: Arc<SourceHandle>,
    is_last: bool,
}

/// The sources of one actor, in one incarnation.
pub(super) struct Sources<M> {
    table: Slab<SourceEntry<M>>,
    ready: Arc<ReadyQueue>,
    /// Shows the sources to others.
    board: Arc<SourceBoard>,
    quiet: Option<Quiet<M>>,
    /// A message that was given while the loop was about to wait.
    taken: Option<GivenMessage<M>>,
    /// The last message came from a source.
    mailbox_is_next: bool,
}

impl<M: Send + 'static> Sources<M> {
    fn new() -> Self {
        Self {
            table: Slab::new(),
            ready: Arc::new(ReadyQueue::default()),
            board: Arc::default(),
            quiet: None,
            taken: None,
            mailbox_is_next: false,
        }
    }

    fn add(&mut self, source: impl Source<M> + 'static) -> Arc<SourceHandle> {
        self.forget_cancelled();
        let vacant = self.table.vacant_entry();
        let handle = SourceHandle::new(vacant.key(), &self.ready);
        let kind = source.kind();
        self.board.add(vacant.key(), kind, source.due());
        vacant.insert(SourceEntry {
            kind,
            source: Box::new(source),
            waker: Waker::from(Arc::clone(&handle)),
            handle: Arc::clone(&handle),
        });
        // The loop polls it first.
        handle.schedule();
        handle
    }

    /// The next message of a source, if one is ready. A source that has given a message goes to the end of the queue.
    fn next(&mut self) -> Option<M> {
        let taken = self.taken.take().or_else(|| self.poll_queue())?;
        self.give(taken)
    }

    /// The message that a source had given before a drain began, which is still handled (rule 4).
    fn last(&mut self) -> Option<M> {
        let taken = self.taken.take()?;
        self.give(taken)
    }

    /// The message, unless its source was cancelled meanwhile.
    fn give(&mut self, taken: GivenMessage<M>) -> Option<M> {
        let message = if taken.is_last {
            taken.handle.finish().then_some(taken.message)
        } else {
            taken.handle.is_active().then_some(taken.message)
        };
        if message.is_some() {
            self.restart_quiet();
        }
        message
    }

    /// Ready once a source has given a message, which is kept for [`next`](Sources::next). Polled when the actor has
    /// nothing else to do, which is when the receive timeout begins to count.
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.ready.set_waker(cx.waker());
        if self.taken.is_none() {
            self.taken = self.poll_queue();
        }
        if self.taken.is_none() {
            self.taken = self.poll_quiet(cx);
        }
        match self.taken {
            Some(_) => Poll::Ready(()),
            None => Poll::Pending,
        }
    }

    /// Polls the queued sources, each at most once, until one gives a message.
    fn poll_queue(&mut self) -> Option<GivenMessage<M>> {
        for _ in 0..self.ready.len() {
            let handle = self.ready.pop()?;
            if !handle.is_active() {
                self.forget(&handle);
                continue;
            }
            // A receive timeout is not in the table, and a place in the table may have been reused.
            let entry = self.table.get_mut(handle.key());
            let Some(entry) = entry.filter(|entry| Arc::ptr_eq(&entry.handle, &handle)) else {
                continue;
            };
            let cx = &mut Context::from_waker(&entry.waker);
            let (message, is_last) = match entry.source.poll(cx) {
                Poll::Pending => continue,
                Poll::Ready(Given::Item(message)) => (message, false),
                Poll::Ready(Given::Last(message)) => (message, true),
                Poll::Ready(Given::End) => {
                    handle.finish();
                    self.remove(&handle);
                    continue;
                }
            };
            if is_last {
                self.remove(&handle);
            } else {
                if let Some(due) = entry.source.due() {
                    self.board.set_due(handle.key(), due);
                }
                handle.schedule();
            }
            return Some(GivenMessage {
                message,
                handle,
                is_last,
            });
        }
        None
    }

    fn poll_quiet(&mut self, cx: &mut Context<'_>) -> Option<GivenMessage<M>> {
        let quiet = self.quiet.as_mut()?;
        if !quiet.handle.is_active() {
            self.set_quiet(None);
            return None;
        }
        let Poll::Ready(message) = quiet.poll(cx) else {
            self.board.set_due(QUIET, quiet.due());
            return None;
        };
        Some(GivenMessage {
            message,
            handle: Arc::clone(&quiet.handle),
            is_last: false,
        })
    }

    /// Called at each message: the receive timeout begins again once the actor has nothing to do.
    fn restart_quiet(&mut self) {
        if let Some(quiet) = &mut self.quiet {
            quiet.restart();
        }
    }

    /// Called before a source is set up, as one handler may set up and cancel any number of sources.
    fn forget_cancelled(&mut self) {
        for handle in self.ready.take_cancelled() {
            self.forget(&handle);
        }
    }

    /// Drops the source of an inactive handle, if it is still here.
    fn forget(&mut self, handle: &Arc<SourceHandle>) {
        let entry = self.table.get(handle.key());
        if entry.is_some_and(|entry| Arc::ptr_eq(&entry.handle, handle)) {
            self.remove(handle);
        } else {
            let is_over = |quiet: &Quiet<M>| !quiet.handle.is_active();
            if self.quiet.as_ref().is_some_and(is_over) {
                self.set_quiet(None);
            }
        }
    }

    fn remove(&mut self, handle: &SourceHandle) {
        let entry = self.table.remove(handle.key());
        self.board.remove(handle.key(), entry.kind);
        drop(entry);
    }

    /// Sets or removes the receive timeout.
    fn set_quiet(&mut self, quiet: Option<Quiet<M>>) {
        if self.quiet.is_some() {
            self.board.remove(QUIET, SourceKind::Timer);
        }
        if let Some(quiet) = &quiet {
            self.board.add(QUIET, SourceKind::Timer, Some(quiet.due()));
        }
        if let Some(before) = std::mem::replace(&mut self.quiet, quiet) {
            before.handle.finish();
        }
    }
}

impl<M> Sources<M> {
    /// Drops all sources one by one: a destructor that panics must not keep the next one from running. Returns the
    /// first panic.
    fn end(&mut self) -> Option<Box<dyn Any + Send>> {
        self.ready.close();
        let mut first: Option<Box<dyn Any + Send>> = None;
        let mut keep = |dropped: Result<(), Box<dyn Any + Send>>| {
            let Err(panic) = dropped else { return };
            match &first {
                None => first = Some(panic),
                Some(_) => warn_of(panic),
            }
        };
        for entry in self.table.drain() {
            entry.handle.finish();
            let source = entry.source;
            keep(catch_unwind(AssertUnwindSafe(|| drop(source))));
        }
        if let Some(quiet) = self.quiet.take() {
            quiet.handle.finish();
            keep(catch_unwind(AssertUnwindSafe(|| drop(quiet))));
        }
        let taken = self.taken.take();
        keep(catch_unwind(AssertUnwindSafe(|| drop(taken))));
        first
    }
}

/// For when the runtime drops the actor, or a restart begins.
impl<M> Drop for Sources<M> {
    fn drop(&mut self) {
        if let Some(panic) = self.end() {
            warn_of(panic);
        }
    }
}

fn warn_of(panic: Box<dyn Any + Send>) {
    let message = panic_message(panic);
    tracing::warn!(name: "tenure.panic", panic = message, "a source panicked when it was dropped");
}
