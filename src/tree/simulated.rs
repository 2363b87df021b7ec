//! The seam at which a simulation replaces the runtime (`src/testing/simulation/`).
//!
//! A thread that simulates has a [`Simulator`], which is asked wherever the crate would hand something to the runtime
//! or use randomness. Without the feature `simulation` all of this compiles to nothing.

use std::any::Any;
use std::future::Future;
use std::pin::Pin;
use std::task::{Poll, Waker};

use tokio::runtime::Handle;
use tokio::time::Instant;

#[cfg(feature = "simulation")]
use on::ask;
#[cfg(feature = "simulation")]
pub(crate) use on::install;

/// What runs a node: its shell, or its blocking job.
pub(crate) type Shell = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Replaces the runtime on a thread that simulates.
pub(crate) trait Simulator {
    /// Whether it replaces the runtime with this handle.
    fn is_for(&self, handle: &Handle) -> bool;

    /// Runs the shell of a node at some time. The node is an `Arc<dyn AnyNode>`, a type that this module does not know.
    fn launch(&self, node: Box<dyn Any>, shell: Shell);

    /// Polls another node, because the code here blocks the thread and waits for others. `false` if there is nothing to
    /// poll.
    fn step(&self) -> bool;

    /// Wakes a wait at this moment for a look. Unlike a timer of users, this does not count as something that is going
    /// on.
    fn look_later(&self, at: Instant, waker: &Waker);

    /// Whether the code that is about to be polled is to panic instead.
    fn panics(&self) -> bool;

    /// Whether the start that is about to begin is to fail instead.
    fn fails_start(&self) -> bool;

    /// Whether a mailbox is to have room for one message only.
    fn narrows_mailbox(&self) -> bool;

    /// A random number between 0 and 1.
    fn random(&self) -> f64;
}

/// Whether what is started on this runtime is to be simulated.
#[inline(always)]
pub(super) fn is_for(handle: &Handle) -> bool {
    ask(|simulator| simulator.is_for(handle)).unwrap_or(false)
}

/// Whether the code here is simulated.
pub(crate) fn is_here() -> bool {
    ask(|_| ()).is_some()
}

pub(super) fn launch(node: impl Any, shell: Shell) {
    ask(|simulator| simulator.launch(Box::new(node), shell));
}

/// Blocks the thread until others have done something.
///
/// # Panics
///
/// In a simulation, if nothing else can go on: the thread is the only one there is.
pub(crate) fn block(park: impl FnOnce()) {
    match ask(|simulator| simulator.step()) {
        None => park(),
        Some(true) => {}
        Some(false) => panic!(
            "code blocks the one thread of its simulation, and waits for what needs time or that thread"
        ),
    }
}

/// Ready once it is time to look at a wait that lasts.
pub(super) fn poll_look(at: Instant, waker: &Waker) -> Poll<()> {
    if at <= Instant::now() {
        return Poll::Ready(());
    }
    ask(|simulator| simulator.look_later(at, waker));
    Poll::Pending
}

/// Called before code of a node is polled. See [`Simulator::panics`].
#[inline(always)]
pub(crate) fn at_poll() {
    if ask(|simulator| simulator.panics()).unwrap_or(false) {
        panic!("a panic that the simulation has injected");
    }
}

#[inline(always)]
pub(crate) fn fails_start() -> bool {
    ask(|simulator| simulator.fails_start()).unwrap_or(false)
}

#[inline(always)]
pub(crate) fn narrows_mailbox() -> bool {
    ask(|simulator| simulator.narrows_mailbox()).unwrap_or(false)
}

/// A random number between 0 and 1, if the code here is simulated.
pub(crate) fn random() -> Option<f64> {
    ask(|simulator| simulator.random())
}

#[cfg(not(feature = "simulation"))]
#[inline(always)]
fn ask<R>(_: impl FnOnce(&(dyn Simulator + 'static)) -> R) -> Option<R> {
    None
}

#[cfg(feature = "simulation")]
mod on {
    use std::cell::RefCell;
    use std::rc::Rc;

    use crate::tree::simulated::Simulator;

    thread_local! {
        static SIMULATOR: RefCell<Option<Rc<dyn Simulator>>> = const { RefCell::new(None) };
    }

    #[inline]
    pub(super) fn ask<R>(question: impl FnOnce(&(dyn Simulator + 'static)) -> R) -> Option<R> {
        // While a thread ends, its locals may be gone.
        let simulator = SIMULATOR.try_with(|simulator| simulator.borrow().clone());
        let simulator = simulator.ok().flatten();
        simulator.map(|simulator| question(&*simulator))
    }

    /// Sets or removes the simulator of this thread. Returns the one before.
    pub(crate) fn install(simulator: Option<Rc<dyn Simulator>>) -> Option<Rc<dyn Simulator>> {
        SIMULATOR.replace(simulator)
    }
}
