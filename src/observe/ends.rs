//! Listens to the ends of nodes.

use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use futures_core::Stream;

use super::ended::{EndKind, Ended};
use super::places::Places;
use crate::error::{Phase, StopReason};
use crate::sync::{KeptWaker, lock, wake};
use crate::system::System;
use crate::tree::{AnyNode, EndListener, NodeId, NodeRef, Shared};

/// The ends of all nodes at and beneath a node, from the call of [`NodeRef::ends`] on: how each ended and, if something
/// went wrong, the tree of causes.
///
/// It has room for as many ends as were asked for. When it is full, further ends are only [counted](Ends::missed), so a
/// slow listener costs no memory and hardly any time. A quarter of the room is reserved for failures and cuts, even if
/// many other nodes end. Normal ends are included, and so are ends of incarnations that are [followed](Ended::goes_on)
/// by another.
///
/// It is a [`Stream`], so an actor can attach it ([`Context::attach`](crate::Context::attach)). It ends once the node
/// has ended and all items are taken. It does not affect the nodes and holds no reference to them. While nobody
/// listens, an end costs nothing.
///
/// ```
/// # use tenure::prelude::*;
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let system = System::start()?;
/// let mut ends = system.ends(1_000);
/// system.task(async { Ok::<_, tenure::Error>(()) })?.await?;
/// let spec = TaskSpec::new(async { Err::<(), _>(tenure::Error::from("out of paper")) });
/// system.task(spec.name("printer").contain())?;
///
/// let first = ends.recv().await.expect("the system goes on");
/// assert_eq!(first.how.word(), "finished");
/// let second = ends.recv().await.expect("the system goes on");
/// assert_eq!(second.path, "/printer");
/// assert_eq!(second.causes[0].text, "out of paper");
/// system.stop().await?;
/// assert_eq!(ends.recv().await.expect("that of the system").path, "/");
/// assert!(ends.recv().await.is_none());
/// # Ok(())
/// # }
/// ```
#[must_use = "ends are kept for whoever listens"]
pub struct Ends {
    listener: Arc<Listener>,
    shared: Arc<Shared>,
}

impl NodeRef {
    /// Listens to the ends of this node and of everything beneath it. `room` is how many ends are kept until they are
    /// taken, at least one. For a node that has ended, there are none.
    pub fn ends(&self, room: usize) -> Ends {
        let node = self.any();
        let listener = Arc::new(Listener {
            root: node.id(),
            hears_all: node.owner().is_none(),
            places: Places::new(node.id()),
            room: room.max(1),
            state: Mutex::default(),
        });
        let shared = Arc::clone(&node.shared);
        shared.ends.listen(Arc::clone(&listener) as _);
        if node.phase() == Phase::Stopped {
            // Its end may have come before this listener was added.
            lock(&listener.state).is_over = true;
        }
        Ends { listener, shared }
    }
}

impl System {
    /// Listens to the ends of this system's nodes, and its own: [`NodeRef::ends`] of its root.
    pub fn ends(&self, room: usize) -> Ends {
        self.node().ends(room)
    }
}

impl Ends {
    /// The next end; `None` once the node itself has ended and all ends are taken.
    ///
    /// # Cancel safety
    ///
    /// If it is dropped, no end is taken.
    pub async fn recv(&mut self) -> Option<Ended> {
        poll_fn(|cx| self.listener.poll(cx)).await
    }

    /// The next end, if there is one now.
    pub fn try_recv(&mut self) -> Option<Ended> {
        lock(&self.listener.state).kept.pop_front()
    }

    /// How many ends were not kept, because there was no room.
    #[must_use]
    pub fn missed(&self) -> u64 {
        lock(&self.listener.state).missed
    }
}

impl Stream for Ends {
    type Item = Ended;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Ended>> {
        self.listener.poll(cx)
    }
}

impl Drop for Ends {
    fn drop(&mut self) {
        let listener: Arc<dyn EndListener> = Arc::clone(&self.listener) as _;
        self.shared.ends.leave(&listener);
    }
}

impl fmt::Debug for Ends {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ends")
            .field("of", &self.listener.root)
            .finish_non_exhaustive()
    }
}

struct Listener {
    root: NodeId,
    /// The node is the root of its tree.
    hears_all: bool,
    places: Places,
    room: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    kept: VecDeque<Ended>,
    missed: u64,
    /// The node itself has ended.
    is_over: bool,
    waker: Option<KeptWaker>,
}

impl Listener {
    fn poll(&self, cx: &Context<'_>) -> Poll<Option<Ended>> {
        let waker = KeptWaker::clone_of(cx.waker());
        let mut state = lock(&self.state);
        if let Some(ended) = state.kept.pop_front() {
            return Poll::Ready(Some(ended));
        }
        if state.is_over {
            return Poll::Ready(None);
        }
        let stale = state.waker.replace(waker);
        drop(state);
        drop(stale);
        Poll::Pending
    }
}

impl State {
    fn has_room(&self, room: usize, how: EndKind) -> bool {
        let kept_free = if how.is_trouble() { 0 } else { room / 4 };
        self.kept.len() < room - kept_free
    }
}

impl EndListener for Listener {
    fn hear(&self, node: &Arc<dyn AnyNode>, reason: &StopReason, goes_on: bool) {
        let how = EndKind::of(reason);
        let has_room = lock(&self.state).has_room(self.room, how);
        let place = (has_room || !self.hears_all).then(|| self.places.of(node));
        if !goes_on {
            self.places.forget(node);
        }
        if place.as_ref().is_some_and(|place| !place.is_beneath) {
            return;
        }
        let place = place.filter(|_| has_room);
        let ended = place.map(|place| Ended::of(node, &place, reason, goes_on));
        let mut state = lock(&self.state);
        if state.is_over {
            // If the listener was added while the node ended, it may have reported the end of the stream already.
            return;
        }
        match ended.filter(|_| state.has_room(self.room, how)) {
            Some(ended) => state.kept.push_back(ended),
            None => state.missed += 1,
        }
        state.is_over |= node.id() == self.root && !goes_on;
        let waker = state.waker.take();
        drop(state);
        if let Some(waker) = waker {
            wake(waker.into_inner());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn nothing_comes_after_the_end_of_the_stream_also_if_that_began_as_the_node_ended() {
        let system = System::start().unwrap();
        let task = system.task(async {}).unwrap();
        let node = task.node();
        task.await.unwrap();
        // The node counts as ended a little before those who listen are told.
        let mut ends = node.ends(4);
        assert!(ends.recv().await.is_none());
        let shared = &node.any().shared;
        shared.ends.note(node.any(), &StopReason::Finished, false);
        assert!(ends.recv().await.is_none());
        assert_eq!(ends.missed(), 0);
        system.stop().await.unwrap();
    }
}
