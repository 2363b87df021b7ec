//! A simulation runs code in many orders of events by seed. It finds what only some orders show, and says how to repeat
//! it.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tenure::prelude::*;
use tenure::testing::{Event, Finding, Schedule, Seeds, Sim, Simulation, SimulationError};
use tokio::sync::{Notify, oneshot};
use tokio::task::yield_now;
use tokio::time::sleep;

/// What a thousand seeds find with each schedule.
fn find(body: impl AsyncFn(Sim) -> Result<(), RunError>) -> [SimulationError; 2] {
    [Schedule::Uniform, Schedule::Priority].map(|schedule| {
        let simulation = Simulation::new(Seeds::first(1_000)).schedule(schedule);
        simulation.try_run(&body).unwrap_err()
    })
}

#[track_caller]
fn assert_panicked(error: &SimulationError, with: &str) {
    let panicked = matches!(error.finding(), Finding::Panicked(text) if text.contains(with));
    assert!(panicked, "{error}");
}

struct Register(u32);

enum RegisterMsg {
    Get(ReplyTo<u32>),
    Set(u32),
}

impl Actor for Register {
    type Msg = RegisterMsg;

    async fn handle(&mut self, msg: RegisterMsg, _: &mut Context<Self>) -> tenure::Result {
        match msg {
            RegisterMsg::Get(reply) => reply.send(self.0),
            RegisterMsg::Set(value) => self.0 = value,
        }
        Ok(())
    }

    fn label(msg: &RegisterMsg) -> &'static str {
        match msg {
            RegisterMsg::Get(_) => "Get",
            RegisterMsg::Set(_) => "Set",
        }
    }
}

async fn add_one(register: ActorRef<RegisterMsg>) -> tenure::Result {
    let value = register.ask(RegisterMsg::Get).await?;
    register.tell(RegisterMsg::Set(value + 1)).await?;
    Ok(())
}

/// Reads a number and writes one more. Between the two, the other task may do the same.
async fn lost_update(_: Sim) -> Result<(), RunError> {
    tenure::scope(async |scope| {
        let register = scope.spawn(ChildSpec::new(Register(0)).name("register"))?;
        let first = scope.task(add_one(register.clone()))?;
        // In the order of a runtime of one thread, the first task is over before the second begins.
        let second = scope.task({
            let register = register.clone();
            async move {
                for _ in 0..4 {
                    yield_now().await;
                }
                add_one(register).await
            }
        })?;
        first.await?;
        second.await?;
        let value = register.ask(RegisterMsg::Get).await?;
        assert_eq!(value, 2, "an update is lost");
        Ok(())
    })
    .await
}

#[test]
fn update_that_is_lost_across_an_await_is_found() {
    for error in find(lost_update) {
        assert_panicked(&error, "an update is lost");
        assert!(
            error.to_string().contains("register#2 begins Set"),
            "{error}"
        );
    }
}

/// Replies once the disk has written. A stop that comes before that finds nothing to flush.
struct Journal {
    written: u32,
    confirmed: u32,
}

enum JournalMsg {
    Append(ReplyTo<()>),
}

impl Actor for Journal {
    type Msg = JournalMsg;

    async fn handle(
        &mut self,
        JournalMsg::Append(reply): JournalMsg,
        ctx: &mut Context<Self>,
    ) -> tenure::Result {
        self.written += 1;
        let me = ctx.spawner();
        // A task sends the reply, perhaps after a stop has closed the journal.
        me.task(async move {
            yield_now().await;
            reply.send(());
        })?;
        Ok(())
    }

    async fn on_stop(&mut self, _: &mut Context<Self>) -> tenure::Result {
        self.confirmed = self.written;
        Ok(())
    }
}

/// Assumes that a promised reply has come before a stop.
async fn reply_after_a_stop(_: Sim) -> Result<(), RunError> {
    tenure::scope(async |scope| {
        let journal = scope.spawn(Journal {
            written: 0,
            confirmed: 0,
        })?;
        let append = scope.task({
            let journal = journal.clone();
            async move { Ok::<_, tenure::Error>(journal.ask(JournalMsg::Append).await.is_ok()) }
        })?;
        for _ in 0..6 {
            yield_now().await;
        }
        journal.stop().await?;
        assert!(append.await?, "the reply was overtaken by the stop");
        Ok(())
    })
    .await
}

#[test]
fn reply_that_is_overtaken_by_a_stop_is_found() {
    for error in find(reply_after_a_stop) {
        assert_panicked(&error, "overtaken");
    }
}

/// Two phases of a start-up that assume an order: the reader relies on the writer having begun.
async fn phases_that_assume_an_order(_: Sim) -> Result<(), RunError> {
    let table = Arc::new(AtomicU32::new(0));
    tenure::scope(async |scope| {
        scope.task({
            let table = Arc::clone(&table);
            async move { table.store(7, Ordering::Relaxed) }
        })?;
        let reader =
            scope.task(async move { Ok::<_, tenure::Error>(table.load(Ordering::Relaxed)) })?;
        assert_eq!(reader.await?, 7, "the table is not there");
        Ok(())
    })
    .await
}

#[test]
fn phases_that_assume_an_order_are_found() {
    for error in find(phases_that_assume_an_order) {
        assert_panicked(&error, "the table is not there");
        // One choice is enough to show it, and all others were removed.
        assert!(
            error.to_string().contains("1 choices out of turn"),
            "{error}"
        );
    }
}

/// One of many tasks must be late for long: the last one has to come before the first goes on.
async fn late_one_of_many(_: Sim) -> Result<(), RunError> {
    tenure::scope(async |scope| {
        let register = scope.spawn(Register(0))?;
        let slow = scope.task({
            let register = register.clone();
            async move { register.ask(RegisterMsg::Get).await }
        })?;
        for value in 1..=12 {
            register.tell(RegisterMsg::Set(value)).await?;
            yield_now().await;
        }
        assert_ne!(slow.await?, 12, "it came last");
        Ok(())
    })
    .await
}

#[test]
fn priorities_find_one_that_is_late_for_long() {
    let seeds = Simulation::new(Seeds::first(1_000)).schedule(Schedule::Priority);
    let error = seeds.try_run(late_one_of_many).unwrap_err();
    assert_panicked(&error, "it came last");
}

/// A task that yields through tokio is among the ready ones at the next choice, and not behind all others.
#[test]
fn one_that_yields_may_go_on_at_once() {
    let simulation = Simulation::new(Seeds::first(1_000)).schedule(Schedule::Uniform);
    let error = simulation
        .try_run(async |_| {
            let (began, has_begun) = oneshot::channel();
            tenure::scope(async |scope| {
                scope.task(async move {
                    yield_now().await;
                    began.send(()).unwrap_or_default();
                })?;
                let other =
                    scope.task(async move { Ok::<_, tenure::Error>(has_begun.await.is_ok()) })?;
                yield_now().await;
                assert!(
                    scope.node().children().len() < 2
                        || !other.node().phase().eq(&tenure::Phase::Starting)
                );
                other.await?;
                Ok(())
            })
            .await
        })
        .unwrap_err();
    assert!(matches!(error.finding(), Finding::Panicked(_)), "{error}");
}

#[test]
fn equal_seeds_are_equal_runs_and_others_are_not() {
    let body = async |sim: Sim| {
        lost_update(sim).await?;
        Err::<(), _>(RunError::Closed)
    };
    let trace = |seed| {
        let simulation = Simulation::new(Seeds::only(seed)).shortened_by(0);
        simulation.try_run(body).unwrap_err().trace().to_vec()
    };
    let traces: Vec<_> = (0..20).map(trace).collect();
    for (seed, known) in (0..20).zip(&traces) {
        assert_eq!(trace(seed), *known);
    }
    let texts: HashSet<_> = traces.iter().map(|trace| format!("{trace:?}")).collect();
    assert!(texts.len() > 10, "{} different runs", texts.len());
}

#[test]
fn each_run_can_be_run_twice() {
    let summary = Simulation::new(Seeds::first(100))
        .twice()
        .run(phases_in_order);
    assert_eq!(summary.runs, 100);
}

async fn phases_in_order(_: Sim) -> Result<(), RunError> {
    tenure::scope(async |scope| {
        let register = scope.start(Register(0)).await?;
        let mut adders = Vec::new();
        for _ in 0..3 {
            adders.push(scope.task(add_one(register.clone()))?);
        }
        for adder in adders {
            adder.await?;
        }
        Ok(())
    })
    .await
}

#[test]
fn what_leaks_in_from_outside_is_shown_by_the_first_event_that_differs() {
    static RUNS: AtomicU32 = AtomicU32::new(0);
    let error = Simulation::new(Seeds::first(1))
        .twice()
        .try_run(async |_| {
            let run = RUNS.fetch_add(1, Ordering::Relaxed);
            tenure::scope(async |scope| {
                let register = scope.spawn(ChildSpec::new(Register(0)).name("register"))?;
                for _ in 0..=run {
                    register.tell(RegisterMsg::Set(1)).await?;
                }
                Ok(())
            })
            .await
        })
        .unwrap_err();
    let Finding::Differs { first, second, .. } = error.finding() else {
        panic!("{error}");
    };
    let told = |event: &Option<Event>, number| matches!(event, Some(Event::Told { messages, .. }) if *messages == number);
    assert!(told(first, 1) && told(second, 2), "{error}");
}

#[test]
fn wake_that_never_comes_is_shown_with_who_waits_for_whom() {
    let error = Simulation::new(Seeds::first(1))
        .try_run(async |_| {
            tenure::scope(async |scope| {
                let forgetful =
                    scope.spawn(ChildSpec::new(Forgetful(Vec::new())).name("forgetful"))?;
                scope.task(async move { forgetful.ask(|reply| reply).await })?;
                Ok(())
            })
            .await
        })
        .unwrap_err();
    assert_eq!(*error.finding(), Finding::Stuck, "{error}");
    assert!(
        error.tree().contains("waits for a reply of forgetful#2"),
        "{error}"
    );
}

/// Keeps all replies and sends none.
struct Forgetful(Vec<ReplyTo<()>>);

impl Actor for Forgetful {
    type Msg = ReplyTo<()>;

    async fn handle(&mut self, reply: ReplyTo<()>, _: &mut Context<Self>) -> tenure::Result {
        self.0.push(reply);
        Ok(())
    }
}

/// `notify_waiters` only wakes those who wait already. One that begins to wait a moment later sleeps for ever.
#[test]
fn wake_that_comes_too_early_is_found() {
    for error in find(async |_| {
        let news = Arc::new(Notify::new());
        tenure::scope(async |scope| {
            let waits = Arc::clone(&news);
            let waiter = scope.task(async move { waits.notified().await })?;
            scope.task(async move {
                for _ in 0..3 {
                    yield_now().await;
                }
                news.notify_waiters();
            })?;
            waiter.await?;
            Ok(())
        })
        .await
    }) {
        assert_eq!(*error.finding(), Finding::Stuck, "{error}");
    }
}

/// All others have done what they can by then, and no time has passed; even twice in a row, and for several callers at
/// once.
#[test]
fn until_idle_waits_for_all_others_and_for_no_time() {
    let run = async |sim: Sim| {
        tenure::scope(async |scope| {
            let register = scope.spawn(Register(0))?;
            for _ in 0..3 {
                let register = register.clone();
                scope.task(async move {
                    sim.until_idle().await;
                    add_one(register).await
                })?;
            }
            let late = register.clone();
            scope.task(async move {
                sleep(Duration::from_secs(1)).await;
                late.tell(RegisterMsg::Set(100)).await
            })?;
            for value in 1..=2 {
                register.tell(RegisterMsg::Set(10 * value)).await?;
                sim.until_idle().await;
                sim.until_idle().await;
                assert_eq!(sim.elapsed(), Duration::ZERO);
                let seen = register.ask(RegisterMsg::Get).await?;
                assert!(
                    seen == 10 * value || (value == 1 && (11..=13).contains(&seen)),
                    "{seen}"
                );
            }
            Ok(())
        })
        .await
    };
    let summary = Simulation::new(Seeds::first(1_000)).run(run);
    assert_eq!(summary.runs, 1_000);
}

#[test]
fn timers_go_by_only_when_nobody_is_ready() {
    let run = Simulation::new(Seeds::first(50)).twice().run(async |sim| {
        let limit = Duration::from_secs(3);
        tenure::scope(async |scope| {
            let slow = scope.task(async move { sleep(limit).await })?;
            for _ in 0..20 {
                yield_now().await;
                assert_eq!(sim.elapsed(), Duration::ZERO);
            }
            slow.await?;
            assert_eq!(sim.elapsed(), limit);
            Ok(())
        })
        .await
    });
    assert_eq!(run.runs, 50);
}

#[test]
fn failure_is_shortened_to_what_it_needs() {
    let error = Simulation::new(Seeds::range(0..1_000))
        .try_run(async |sim| {
            // Tasks that have nothing to do with the failure, and run in any order.
            phases_in_order(sim).await?;
            phases_that_assume_an_order(sim).await
        })
        .unwrap_err();
    assert!(
        error.to_string().contains("1 choices out of turn"),
        "{error}"
    );
}

#[test]
fn jitter_is_chosen_by_the_seed() {
    let backoff = Backoff::fixed(Duration::from_secs(1)).jitter(1.0);
    let delays = || {
        let found = std::sync::Mutex::new(Vec::new());
        tenure::testing::simulate(Seeds::first(20), async |_| {
            let delays: Vec<_> = (1..=5).map(|attempt| backoff.delay(attempt)).collect();
            assert!(delays.iter().all(|delay| *delay <= Duration::from_secs(1)));
            found.lock().unwrap().push(delays);
            Ok::<(), RunError>(())
        });
        found.into_inner().unwrap()
    };
    let first = delays();
    assert_eq!(first, delays());
    let different: HashSet<_> = first.iter().flatten().collect();
    assert!(different.len() > 50, "{different:?}");
}
