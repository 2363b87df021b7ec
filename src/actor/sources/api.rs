use std::any::Any;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{self, Poll};
use std::time::Duration;

use futures_core::Stream;
use tokio::time::MissedTickBehavior;

use super::handle::{Attached, Timer, Watch};
use super::ready_queue::SourceHandle;
use super::stream::{Items, ItemsAndEnd};
use super::timer::{Every, Once, Quiet};
use super::watch::NodeEnd;
use super::{QUIET, Source, Sources};
use crate::actor::{Actor, Context};
use crate::error::StopError;
use crate::tree::{NodeRef, Watched};

/// # Times, streams and the ends of others
///
/// These are *sources* of messages. The actor handles their messages like its mail, and takes turns between the two.
/// They need no room in the mailbox, and are at most one message ahead of the actor.
///
/// They all end when a drain begins, and at a stop, a kill or a failure ([rule 4](crate::lifecycle#rule-4)). A source
/// that is set up after that is dropped at once, and its handle is not active. A panic in a source or in its destructor
/// is a panic of the actor.
///
/// ```
/// # use std::time::Duration;
/// # use tenure::prelude::*;
/// struct Cache { pages: Vec<u32> }
///
/// enum CacheMsg { Sweep, Count(ReplyTo<usize>) }
///
/// impl Actor for Cache {
///     type Msg = CacheMsg;
///
///     async fn on_start(&mut self, ctx: &mut Context<Self>) -> tenure::Result {
///         ctx.send_every(Duration::from_millis(5), || CacheMsg::Sweep);
///         Ok(())
///     }
///
///     async fn handle(&mut self, msg: CacheMsg, _: &mut Context<Self>) -> tenure::Result {
///         match msg {
///             CacheMsg::Sweep => self.pages.clear(),
///             CacheMsg::Count(reply) => reply.send(self.pages.len()),
///         }
///         Ok(())
///     }
/// }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), RunError> {
/// # tenure::scope(async |scope| {
/// #     let cache = scope.spawn(Cache { pages: vec![1] })?;
/// #     while cache.ask(CacheMsg::Count).await? != 0 { tokio::task::yield_now().await }
/// #     Ok(())
/// # }).await
/// # }
/// ```
impl<A: Actor> Context<A> {
    /// Gives the actor a message once this time has passed. With zero it is due at once; with a time too long for the
    /// clock it never comes.
    ///
    /// # Panics
    ///
    /// On a runtime that was built without its timer.
    pub fn send_after(&mut self, time: Duration, message: A::Msg) -> Timer {
        Timer::new(self.add_source(|| Once::new(time, message)))
    }

    /// Gives the actor a message each period, the first one after one period. Of the ticks that become due while the
    /// actor is busy, one is kept and the rest are skipped.
    ///
    /// The timer counts in milliseconds: a shorter period, including zero, becomes 1 ms. With a period too long for the
    /// clock no message comes.
    ///
    /// # Panics
    ///
    /// On a runtime that was built without its timer.
    pub fn send_every(
        &mut self,
        period: Duration,
        make: impl FnMut() -> A::Msg + Send + 'static,
    ) -> Timer {
        self.send_every_with(period, MissedTickBehavior::Skip, make)
    }

    /// As [`send_every`](Context::send_every), with another of tokio's policies for late ticks: those more than 5 ms
    /// behind. With [`Burst`](MissedTickBehavior::Burst), all of them are made up for, one after the other.
    ///
    /// # Panics
    ///
    /// On a runtime that was built without its timer.
    pub fn send_every_with(
        &mut self,
        period: Duration,
        missed: MissedTickBehavior,
        make: impl FnMut() -> A::Msg + Send + 'static,
    ) -> Timer {
        Timer::new(self.add_source(|| Every::new(period, missed, make)))
    }

    /// Makes each item of a stream into a message. The next item is polled only when the actor is ready for it, so a
    /// busy actor applies backpressure to the stream.
    ///
    /// An `Err` is an item like any other. The end of the stream gives no message: see
    /// [`attach_to_end`](Context::attach_to_end).
    pub fn attach<S>(
        &mut self,
        stream: S,
        to_message: impl FnMut(S::Item) -> A::Msg + Send + 'static,
    ) -> Attached
    where
        S: Stream + Send + 'static,
    {
        Attached::new(self.add_source(|| Items::new(stream, to_message)))
    }

    /// As [`attach`](Context::attach), but the end of the stream becomes a message as well: `to_message` gets `None`
    /// for it.
    pub fn attach_to_end<S>(
        &mut self,
        stream: S,
        to_message: impl FnMut(Option<S::Item>) -> A::Msg + Send + 'static,
    ) -> Attached
    where
        S: Stream + Send + 'static,
    {
        Attached::new(self.add_source(|| ItemsAndEnd::new(stream, to_message)))
    }

    /// Gives the actor a message whenever it has had none, from anywhere, for this time (in milliseconds, at least 1
    /// ms). The time counts from the moment at which the actor had nothing more to handle. Another call replaces the
    /// one before.
    ///
    /// # Panics
    ///
    /// On a runtime that was built without its timer.
    pub fn receive_timeout(
        &mut self,
        time: Duration,
        make: impl FnMut() -> A::Msg + Send + 'static,
    ) -> Timer {
        let Some(sources) = self.open_sources() else {
            return Timer::new(SourceHandle::done());
        };
        sources.forget_cancelled();
        let handle = SourceHandle::new(QUIET, &sources.ready);
        let quiet = Quiet::new(Arc::clone(&handle), time, make);
        sources.set_quiet(Some(quiet));
        Timer::new(handle)
    }

    /// Gives the actor one message when a node and everything beneath it have ended, in whatever way. The node may be
    /// an actor, a task (by its handle) or any other, in this tree or another one. For a node that has ended already,
    /// the message comes at once.
    ///
    /// # Errors
    ///
    /// [`StopError::WaitsForItself`] for the actor itself or a node above it, since the actor ends before they do
    /// ([rule 13](crate::lifecycle#rule-13)).
    pub fn watch(
        &mut self,
        node: impl Into<NodeRef>,
        to_message: impl FnOnce(Watched) -> A::Msg + Send + 'static,
    ) -> Result<Watch, StopError> {
        let node = node.into();
        let mut next = Some(self.node());
        while let Some(above) = next {
            if above == node {
                return Err(StopError::WaitsForItself);
            }
            next = above.owner();
        }
        Ok(Watch::new(
            self.add_source(|| NodeEnd::new(node, to_message)),
        ))
    }

    fn add_source<S: Source<A::Msg> + 'static>(
        &mut self,
        make: impl FnOnce() -> S,
    ) -> Arc<SourceHandle> {
        match self.open_sources() {
            Some(sources) => sources.add(make()),
            None => SourceHandle::done(),
        }
    }

    /// `None` if the actor is to end.
    fn open_sources(&mut self) -> Option<&mut Sources<A::Msg>> {
        if self.signals().load().ends_incarnation() {
            return None;
        }
        if self.sources.is_none() {
            let sources = Sources::new();
            self.my_node().set_sources(Some(Arc::clone(&sources.board)));
            self.sources = Some(Box::new(Mutex::new(sources)));
        }
        self.sources_mut()
    }

    /// Never locks: the mutex only makes a context `Sync`, whatever the sources are.
    fn sources_mut(&mut self) -> Option<&mut Sources<A::Msg>> {
        let sources = self.sources.as_mut()?;
        Some(sources.get_mut().unwrap_or_else(PoisonError::into_inner))
    }

    /// The next message, from the mailbox and the sources in turn.
    #[cold]
    pub(in crate::actor) fn next_in_turn(&mut self) -> Option<A::Msg> {
        if self.signals().load().is_from_source() {
            self.signals().end_from_source();
        }
        if self.signals().load().is_drained() {
            return self.next_of_drain();
        }
        let if_empty = self.signals().load().is_to_stop_if_empty();
        let sources = self.sources_mut()?;
        if !sources.mailbox_is_next {
            sources.mailbox_is_next = true;
            if let Some(message) = sources.next() {
                return Some(self.sourced(message));
            }
        }
        // The mailbox has to be checked here: while sources give messages, the loop does not wait for it.
        if self.is_ready()
            && let Some(message) = self.next_queued()
        {
            let sources = self.sources_mut()?;
            sources.mailbox_is_next = false;
            sources.restart_quiet();
            return Some(message);
        }
        // An actor that is to stop once its mailbox is empty ignores its sources.
        let sources = self.sources_mut().filter(|_| !if_empty)?;
        let message = sources.next()?;
        Some(self.sourced(message))
    }

    /// Ends the sources, because a drain has begun, and gives the next message of the drain.
    fn next_of_drain(&mut self) -> Option<A::Msg> {
        let last = self.sources_mut().and_then(|sources| sources.last());
        // A panic in a source's destructor is a panic of the actor.
        if let Some(panic) = self.end_sources() {
            std::panic::resume_unwind(panic);
        }
        match last {
            Some(message) => {
                self.show_label(&message);
                Some(message)
            }
            None => self.next_queued(),
        }
    }

    /// The mailbox still counts as asleep while a source's message is handled, so a signal tells others that the actor
    /// is busy.
    fn sourced(&mut self, message: A::Msg) -> A::Msg {
        self.signals().begin_from_source();
        self.note_sourced();
        self.show_label(&message);
        message
    }

    /// Ready when a source has given a message.
    #[cold]
    pub(in crate::actor) fn poll_sources(&mut self, cx: &mut task::Context<'_>) -> Poll<()> {
        match self.sources_mut() {
            Some(sources) => sources.poll_ready(cx),
            None => Poll::Pending,
        }
    }

    /// Drops all sources, at the end of an incarnation or at the begin of a drain. Returns the first panic of their
    /// destructors.
    pub(in crate::actor) fn end_sources(&mut self) -> Option<Box<dyn Any + Send>> {
        let panic = self.sources_mut()?.end();
        self.sources = None;
        self.my_node().set_sources(None);
        panic
    }
}
