use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::Instant;

use super::start::{MsgOf, Starting, start_at};
use super::{ChildSpec, IntoChild};
use crate::actor::{ActorRef, Spawner};
use crate::error::{Cycle, SpawnError, StartError, StopError};
use crate::sync::limit_after;
use crate::tree::{NodeRef, Stopped};

impl Spawner {
    /// The live child with this name, or a new one from `make`, which gets the name. For sessions, rooms and other
    /// actors that are started on first use.
    ///
    /// If the child with this name is ending, it is waited for, and another one is started in its place. A live child
    /// is returned at once, even while it is starting or being restarted: its messages wait. `make` is called only if
    /// it is needed. If several callers ask for a name at the same time, one of them starts the child and all get it.
    ///
    /// ```
    /// # use tenure::prelude::*;
    /// struct Room { name: String, visits: u32 }
    ///
    /// impl Actor for Room {
    ///     type Msg = ReplyTo<u32>;
    ///     async fn handle(&mut self, reply: ReplyTo<u32>, _: &mut Context<Self>) -> tenure::Result {
    ///         self.visits += 1;
    ///         reply.send(self.visits);
    ///         Ok(())
    ///     }
    /// }
    ///
    /// async fn enter(rooms: &Spawner, name: &str) -> tenure::Result<u32> {
    ///     let make = || Room { name: name.into(), visits: 0 };
    ///     let room = rooms.child_or_start(name, make).await?;
    ///     Ok(room.ask(|reply| reply).await?)
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), RunError> {
    /// tenure::scope(async |scope| {
    ///     assert_eq!(enter(&scope, "lobby").await?, 1);
    ///     assert_eq!(enter(&scope, "lobby").await?, 2);
    ///     assert_eq!(enter(&scope, "attic").await?, 1);
    ///     Ok(())
    /// })
    /// .await
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`StartError::WrongType`] if the child with this name is not ending, and is a task or takes other messages;
    /// [`StartError::Refused`] if the owner takes no more children, or the name is empty or contains a slash; and the
    /// other errors of [`start`](Spawner::start).
    #[track_caller]
    pub fn child_or_start<C, F>(&self, name: impl Into<String>, make: F) -> ChildOrStart<C, F>
    where
        C: IntoChild,
        F: FnOnce() -> C,
    {
        ChildOrStart {
            spawner: self.spawner(),
            name: name.into(),
            make: Some(make),
            spec: None,
            progress: Progress::Look,
            limit: None,
            even_if_cyclic: false,
            site: Location::caller(),
        }
    }
}

/// A child that is looked up or started. Made by [`Spawner::child_or_start`].
///
/// # Errors
///
/// [`StartError`].
///
/// # Panics
///
/// With a [`timeout`](ChildOrStart::timeout), when it is awaited outside of a runtime with a timer; and when it
/// is polled again after it was ready.
///
/// # Cancel safety
///
/// If it is dropped before it is ready, a child that it has begun to start is killed. Nothing else happens.
#[must_use = "futures do nothing unless awaited"]
pub struct ChildOrStart<C: IntoChild, F> {
    spawner: Spawner,
    name: String,
    make: Option<F>,
    /// The spec that was made, until it is started.
    spec: Option<ChildSpec<C::Start>>,
    progress: Progress<C>,
    limit: Option<Instant>,
    even_if_cyclic: bool,
    site: &'static Location<'static>,
}

enum Progress<C: IntoChild> {
    Look,
    /// The node with this name is ending.
    Ends(NodeRef, Stopped),
    Starts(Starting<ChildSpec<C::Start>>),
}

type Found<C> = Result<ActorRef<MsgOf<C>>, StartError<ChildSpec<<C as IntoChild>::Start>>>;

impl<C: IntoChild, F: FnOnce() -> C> ChildOrStart<C, F> {
    /// Waits for at most this long from now, for an end or a start. The error is [`StartError::TimedOut`] then, and a
    /// child that it has begun to start is killed. For zero see [`Starting::timeout`].
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.limit = limit_after(limit);
        self
    }

    /// Waits even if that completes a cycle of nodes that wait for each other, as for
    /// [`Ask::even_if_cyclic`](crate::Ask::even_if_cyclic).
    pub fn even_if_cyclic(mut self) -> Self {
        self.even_if_cyclic = true;
        self
    }

    /// Looks up the name. Returns the child if it is alive.
    fn look(&mut self) -> Option<Found<C>> {
        let Some(node) = self.spawner.child(&self.name) else {
            self.progress = Progress::Starts(self.start());
            return None;
        };
        // A node that is ending will free the name, whatever it is.
        if !node.any().signals.load().is_told_to_end() {
            let actor = node.actor();
            return Some(actor.ok_or_else(|| StartError::WrongType { path: node.path() }));
        }
        let mut end = node.stopped();
        if let Some(left) = self.time_left() {
            end = end.timeout(left);
        }
        if self.even_if_cyclic {
            end = end.even_if_cyclic();
        }
        self.progress = Progress::Ends(node, end);
        None
    }

    fn start(&mut self) -> Starting<ChildSpec<C::Start>> {
        let made = self.spec.take();
        let spec = made.unwrap_or_else(|| {
            // It is taken once. If another caller was faster, the spec is kept.
            let make = self.make.take().expect("it is made once");
            make().into_spec().name(self.name.as_str())
        });
        let mut starting = start_at(&self.spawner, spec, self.site);
        if let Some(left) = self.time_left() {
            starting = starting.timeout(left);
        }
        if self.even_if_cyclic {
            starting = starting.even_if_cyclic();
        }
        starting
    }

    fn time_left(&self) -> Option<Duration> {
        let limit = self.limit?;
        Some(limit.saturating_duration_since(Instant::now()))
    }
}

/// Nothing in it is pinned.
impl<C: IntoChild, F> Unpin for ChildOrStart<C, F> {}

impl<C: IntoChild, F: FnOnce() -> C> Future for ChildOrStart<C, F> {
    type Output = Found<C>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        loop {
            match &mut this.progress {
                Progress::Look => {
                    if let Some(found) = this.look() {
                        return Poll::Ready(found);
                    }
                    continue;
                }
                Progress::Ends(node, end) => match ready!(Pin::new(end).poll(cx)) {
                    Err(StopError::TimedOut) => return Poll::Ready(Err(StartError::TimedOut)),
                    Err(StopError::Deadlock(cycle)) => {
                        return Poll::Ready(Err(StartError::Deadlock(cycle)));
                    }
                    Err(StopError::WaitsForItself) => {
                        let cycle = Cycle::new(vec![node.path()]);
                        return Poll::Ready(Err(StartError::Deadlock(cycle)));
                    }
                    // The owner has been told how it ended.
                    Ok(_) | Err(_) => {}
                },
                Progress::Starts(starting) => match ready!(Pin::new(starting).poll(cx)) {
                    Err(StartError::Refused(SpawnError::NameTaken(spec))) => {
                        this.spec = Some(spec.into_inner());
                    }
                    started => return Poll::Ready(started),
                },
            }
            this.progress = Progress::Look;
        }
    }
}

impl<C: IntoChild, F> fmt::Debug for ChildOrStart<C, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChildOrStart")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}
