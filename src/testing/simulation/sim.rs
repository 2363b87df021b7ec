use std::future::{Future, poll_fn};
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Poll, Waker};
use std::time::Duration;

use tokio::time::Instant;

use super::attempt::{Attempt, Outcome};
use super::fault::Fault;
use super::world::World;

/// A caller that is to go does so after at most this many polls of others.
const MOST_POLLS_OF_A_CALL: u32 = 8;

/// A simulated body's access to its run. It can be copied into whatever the body starts.
///
/// # Panics
///
/// All of its methods but [`seed`](Sim::seed) panic if they are called outside of its run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sim {
    seed: u64,
    /// The number of the run in this process, as a seed may be run more than once.
    run: u64,
}

impl Sim {
    pub(super) fn new(seed: u64) -> Self {
        static RUNS: AtomicU64 = AtomicU64::new(0);
        let run = RUNS.fetch_add(1, Ordering::Relaxed);
        Self { seed, run }
    }

    /// The seed of this run.
    #[must_use]
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// How much virtual time has passed in this run.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.world().elapsed()
    }

    /// A random number below `bound`, determined by the seed. With a bound of 0 or 1 it is 0. When a failure is
    /// shortened, smaller numbers are tried.
    #[must_use]
    pub fn random(&self, bound: u32) -> u32 {
        self.world().state.borrow_mut().choices.below(bound)
    }

    /// Waits until everybody else waits, for time, for the caller or for ever. No virtual time passes meanwhile. Use it
    /// instead of a few yields, which in most orders do not give the others enough turns.
    ///
    /// Raw tasks and threads are not considered.
    ///
    /// ```
    /// use tenure::prelude::*;
    /// use tenure::testing::{Seeds, simulate};
    ///
    /// simulate(Seeds::first(10), async |sim| {
    ///     tenure::scope(async |scope| {
    ///         let (send, mut sent) = tokio::sync::mpsc::unbounded_channel();
    ///         scope.task(async move { drop(send.send(7)) })?;
    ///         sim.until_idle().await;
    ///         assert_eq!(sent.try_recv(), Ok(7));
    ///         Ok(())
    ///     })
    ///     .await
    /// });
    /// ```
    ///
    /// # Cancel safety
    ///
    /// Dropping it loses nothing.
    pub async fn until_idle(&self) {
        let (sim, mut begun) = (*self, None);
        poll_fn(move |cx| {
            let (world, waker) = (sim.world(), cx.waker().clone());
            let rounds = world.state.borrow().idle.rounds();
            if rounds != *begun.get_or_insert(rounds) {
                return Poll::Ready(());
            }
            let spare = world.state.borrow_mut().idle.add(waker);
            drop(spare);
            Poll::Pending
        })
        .await
    }

    /// Makes a call that its caller may give up, by the rate of
    /// [`Faults::dropped_callers`](super::Faults::dropped_callers) or by [`Fault::caller_gone`]. The call is dropped
    /// then, and the value is `None`.
    ///
    /// # Cancel safety
    ///
    /// That of the call: dropping this drops it.
    pub async fn call<F: Future>(&self, call: F) -> Option<F::Output> {
        let mut call = Some(Box::pin(call));
        let mut entered: Option<Entered> = None;
        let sim = *self;
        poll_fn(move |cx| {
            let world = sim.world();
            let number = entered.as_ref().map(|entered| entered.number);
            if number.is_some_and(|number| has_gone(&world, number, cx.waker())) {
                call = None;
            }
            let Some(running) = &mut call else {
                return Poll::Ready(None);
            };
            if let Poll::Ready(output) = running.as_mut().poll(cx) {
                return Poll::Ready(Some(output));
            }
            let entered = entered.get_or_insert_with(|| Entered::new(&world));
            if has_gone(&world, entered.number, cx.waker()) {
                call = None;
                return Poll::Ready(None);
            }
            Poll::Pending
        })
        .await
    }

    /// Runs `body` again and again, each time with this fault one poll later: at the first poll of the target, at the
    /// second, and so on, until a run ends before that poll. Returns at how many polls the fault was tried.
    ///
    /// A poll of an actor begins where its code was suspended, so this covers all awaits at which it is suspended in
    /// this order of events; other seeds give other orders. After each run, everything that was started in it must end,
    /// or the simulation fails. The result of `body` is dropped, since with a fault an error may be right. Assert in
    /// the body what must hold in any case.
    ///
    /// ```
    /// use tenure::prelude::*;
    /// use tenure::testing::{Fault, Seeds, simulate};
    ///
    /// struct Store(u32);
    ///
    /// impl Actor for Store {
    ///     type Msg = ReplyTo<u32>;
    ///
    ///     async fn handle(&mut self, reply: ReplyTo<u32>, _: &mut Context<Self>) -> tenure::Result {
    ///         tokio::task::yield_now().await;
    ///         reply.send(self.0);
    ///         Ok(())
    ///     }
    /// }
    ///
    /// simulate(Seeds::first(10), async |sim| {
    ///     let polls = sim
    ///         .at_each_await(Fault::kill("Store"), async || {
    ///             tenure::scope(async |scope| {
    ///                 let store = scope.spawn(Store(7))?;
    ///                 match store.ask(|reply| reply).await {
    ///                     Ok(value) => assert_eq!(value, 7),
    ///                     Err(error) => println!("no reply: {error}"),
    ///                 }
    ///                 Ok(())
    ///             })
    ///             .await
    ///         })
    ///         .await;
    ///     assert!(polls > 1);
    /// });
    /// ```
    ///
    /// # Panics
    ///
    /// If the fault was never injected (no actor matches, no call was open, no ask had a deadline), as the test would
    /// prove nothing; and if another call of this method is under way in the same run.
    ///
    /// # Cancel safety
    ///
    /// If it is dropped, the body is dropped, and no more faults are injected.
    pub async fn at_each_await<T>(&self, fault: Fault, body: impl AsyncFn() -> T) -> u64 {
        let mut was_done = false;
        let mut at = 1;
        loop {
            let under_way = UnderWay::begin(*self, &fault, at);
            drop(body().await);
            under_way.all_ended().await;
            match under_way.end() {
                Some(Outcome::Done) => was_done = true,
                Some(Outcome::NothingThere) => {}
                Some(Outcome::NotReached) | None => break,
            }
            at += 1;
        }
        assert!(was_done, "{}", Attempt::why_never(&fault));
        at - 1
    }

    fn world(&self) -> Rc<World> {
        // Using it elsewhere is a bug of the test.
        self.find_world()
            .expect("a `Sim` is used outside of its run")
    }

    /// Its world; `None` if the run is over, or goes on in another thread.
    fn find_world(&self) -> Option<Rc<World>> {
        World::current().filter(|world| world.sim == *self)
    }
}

/// Whether the caller of this call has gone. A waker is cloned and dropped where the state of the run is free, as that runs
/// a user's code.
fn has_gone(world: &World, number: u64, waker: &Waker) -> bool {
    let waker = waker.clone();
    let (has_gone, spare) = world.state.borrow_mut().calls.poll(number, waker);
    drop(spare);
    has_gone
}

/// An open call.
struct Entered {
    sim: Sim,
    number: u64,
}

impl Entered {
    fn new(world: &World) -> Self {
        let goes = world.draws(world.dropped_callers());
        let state = &mut *world.state.borrow_mut();
        let goes_after = goes.then(|| state.choices.below(MOST_POLLS_OF_A_CALL));
        Self {
            sim: world.sim,
            number: state.calls.enter(goes_after),
        }
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        if let Some(world) = self.sim.find_world() {
            let waker = world.state.borrow_mut().calls.leave(self.number);
            drop(waker);
        }
    }
}

/// Removes an attempt on drop.
struct UnderWay {
    sim: Sim,
}

impl UnderWay {
    fn begin(sim: Sim, fault: &Fault, at: u64) -> Self {
        let world = sim.world();
        let state = &mut *world.state.borrow_mut();
        assert!(
            state.attempt.is_none(),
            "two calls of `at_each_await` at a time"
        );
        state.polls = 0;
        state.limited_from = Instant::now();
        state.attempt = Some(Attempt::new(fault.clone(), at, state.nodes.len()));
        Self { sim }
    }

    /// Waits until everything that was started in the attempt has ended.
    async fn all_ended(&self) {
        poll_fn(|cx| {
            // It is dropped after the borrow of the state.
            let mut waker = Some(cx.waker().clone());
            let world = self.sim.world();
            let state = &mut *world.state.borrow_mut();
            let Some(attempt) = &mut state.attempt else {
                return Poll::Ready(());
            };
            if !state.nodes.are_alive_since(attempt.first()) {
                return Poll::Ready(());
            }
            attempt.swap_waiter(&mut waker);
            Poll::Pending
        })
        .await;
    }

    fn end(self) -> Option<Outcome> {
        let world = self.sim.world();
        let attempt = world.state.borrow_mut().attempt.take();
        attempt.map(|attempt| attempt.outcome())
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        // In a panic the attempt is kept for the report.
        let world = self.sim.find_world();
        if let Some(world) = world.filter(|_| !std::thread::panicking()) {
            let attempt = world.state.borrow_mut().attempt.take();
            drop(attempt);
        }
    }
}
