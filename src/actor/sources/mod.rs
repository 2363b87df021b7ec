//! What an actor waits for besides its mailbox: times, streams, and the ends of other nodes.
//!
//! A source has no task, no node, and no place in the mailbox. The actor's own loop polls it between
//! two messages, and only when it is ready for what the source may give: so a stream is never ahead
//! of its actor, and of a timer's ticks at most one waits. Sources and mailbox take turns.
//!
//! Each source has a waker of its own, its [`Seat`], so that the loop polls those that were woken
//! and no others.

mod api;
mod handle;
mod seat;
mod stream;
mod timer;
mod watch;

pub use handle::{Attached, Timer, Watch};
pub use watch::Watched;

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use seat::{Line, Seat};
use slab::Slab;
use timer::Quiet;

use crate::tree::panic_message;

/// What a source gives when it is polled.
enum Step<M> {
    Item(M),
    /// There is nothing more after it.
    Last(M),
    End,
}

/// The future or stream behind a source; dropped, it is over.
trait Source<M>: Send {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Step<M>>;
}

struct Entry<M> {
    source: Box<dyn Source<M>>,
    seat: Arc<Seat>,
    waker: Waker,
}

/// A message that a source has given, and that has not been handled yet.
struct Taken<M> {
    message: M,
    seat: Arc<Seat>,
    is_last: bool,
}

/// The sources of one actor, in one incarnation.
pub(super) struct Sources<M> {
    table: Slab<Entry<M>>,
    line: Arc<Line>,
    quiet: Option<Quiet<M>>,
    /// Given while the loop was about to wait.
    taken: Option<Taken<M>>,
    /// The last message was a source's.
    mailbox_is_next: bool,
}

impl<M: Send + 'static> Sources<M> {
    fn new() -> Self {
        Self {
            table: Slab::new(),
            line: Arc::new(Line::default()),
            quiet: None,
            taken: None,
            mailbox_is_next: false,
        }
    }

    fn add(&mut self, source: impl Source<M> + 'static) -> Arc<Seat> {
        self.forget_cancelled();
        let vacant = self.table.vacant_entry();
        let seat = Seat::new(vacant.key(), &self.line);
        vacant.insert(Entry {
            source: Box::new(source),
            waker: Waker::from(Arc::clone(&seat)),
            seat: Arc::clone(&seat),
        });
        // Its first poll is the loop's.
        seat.call();
        seat
    }

    /// The next message of a source, if one is ready. A source that has given one goes to the end of
    /// the line.
    fn next(&mut self) -> Option<M> {
        let taken = self.taken.take().or_else(|| self.poll_line())?;
        self.give(taken)
    }

    /// What a source had given before a drain began is handled (rule 4).
    fn last(&mut self) -> Option<M> {
        let taken = self.taken.take()?;
        self.give(taken)
    }

    /// The message, unless its source was cancelled meanwhile.
    fn give(&mut self, taken: Taken<M>) -> Option<M> {
        let message = if taken.is_last {
            taken.seat.finish().then_some(taken.message)
        } else {
            taken.seat.is_active().then_some(taken.message)
        };
        if message.is_some() {
            self.restart_quiet();
        }
        message
    }

    /// Ready once a source has given something, which is kept for [`next`](Sources::next). To be
    /// polled when the actor has nothing else to do, which is when its quiet begins.
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.line.set_waker(cx.waker());
        if self.taken.is_none() {
            self.taken = self.poll_line();
        }
        if self.taken.is_none() {
            self.taken = self.poll_quiet(cx);
        }
        match self.taken {
            Some(_) => Poll::Ready(()),
            None => Poll::Pending,
        }
    }

    /// Polls those in the line, each once at most, until one of them gives something.
    fn poll_line(&mut self) -> Option<Taken<M>> {
        for _ in 0..self.line.len() {
            let seat = self.line.pop()?;
            if !seat.is_active() {
                self.forget(&seat);
                continue;
            }
            // A receive timeout has no place in the table, and a place may be another's by now.
            let entry = self.table.get_mut(seat.key());
            let Some(entry) = entry.filter(|entry| Arc::ptr_eq(&entry.seat, &seat)) else {
                continue;
            };
            let cx = &mut Context::from_waker(&entry.waker);
            let (message, is_last) = match entry.source.poll(cx) {
                Poll::Pending => continue,
                Poll::Ready(Step::Item(message)) => (message, false),
                Poll::Ready(Step::Last(message)) => (message, true),
                Poll::Ready(Step::End) => {
                    seat.finish();
                    self.remove(&seat);
                    continue;
                }
            };
            if is_last {
                self.remove(&seat);
            } else {
                seat.call();
            }
            return Some(Taken {
                message,
                seat,
                is_last,
            });
        }
        None
    }

    fn poll_quiet(&mut self, cx: &mut Context<'_>) -> Option<Taken<M>> {
        let quiet = self.quiet.as_mut()?;
        if !quiet.seat.is_active() {
            self.quiet = None;
            return None;
        }
        let Poll::Ready(message) = quiet.poll(cx) else {
            return None;
        };
        Some(Taken {
            message,
            seat: Arc::clone(&quiet.seat),
            is_last: false,
        })
    }

    /// A message is handled, from wherever: the count of the quiet begins anew once the actor has
    /// nothing to do again.
    fn restart_quiet(&mut self) {
        if let Some(quiet) = &mut self.quiet {
            quiet.restart();
        }
    }

    /// Before another is set up: one handler may set up and cancel as many as it likes.
    fn forget_cancelled(&mut self) {
        for seat in self.line.take_cancelled() {
            self.forget(&seat);
        }
    }

    /// Drops the source of a seat that is not active any more, if that is still here.
    fn forget(&mut self, seat: &Arc<Seat>) {
        let entry = self.table.get(seat.key());
        if entry.is_some_and(|entry| Arc::ptr_eq(&entry.seat, seat)) {
            self.remove(seat);
        } else {
            drop(self.quiet.take_if(|quiet| !quiet.seat.is_active()));
        }
    }

    fn remove(&mut self, seat: &Seat) {
        drop(self.table.remove(seat.key()));
    }
}

impl<M> Sources<M> {
    /// Drops all sources, each by itself: a destructor that panics must not keep the next from
    /// running. Gives the first panic.
    fn end(&mut self) -> Option<Box<dyn Any + Send>> {
        self.line.close();
        let mut first: Option<Box<dyn Any + Send>> = None;
        let mut keep = |dropped: Result<(), Box<dyn Any + Send>>| {
            let Err(panic) = dropped else { return };
            match &first {
                None => first = Some(panic),
                Some(_) => warn_of(panic),
            }
        };
        for entry in self.table.drain() {
            entry.seat.finish();
            let source = entry.source;
            keep(catch_unwind(AssertUnwindSafe(|| drop(source))));
        }
        if let Some(quiet) = self.quiet.take() {
            quiet.seat.finish();
            keep(catch_unwind(AssertUnwindSafe(|| drop(quiet))));
        }
        let taken = self.taken.take();
        keep(catch_unwind(AssertUnwindSafe(|| drop(taken))));
        first
    }
}

/// The runtime drops the actor, or a restart begins.
impl<M> Drop for Sources<M> {
    fn drop(&mut self) {
        if let Some(panic) = self.end() {
            warn_of(panic);
        }
    }
}

fn warn_of(panic: Box<dyn Any + Send>) {
    let message = panic_message(panic);
    tracing::warn!(panic = message, "a source panicked when it was dropped");
}
