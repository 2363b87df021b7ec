//! Faults that a simulation injects on purpose, and what a simulation refuses.

use std::cell::Cell;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tenure::prelude::*;
use tenure::testing::{Event, Fault, Faults, Finding, Seeds, Sim, Simulation, simulate};
use tokio::task::yield_now;
use tokio::time::sleep;

/// Moves money in two steps, with an await in between.
struct Bank {
    from: u32,
    to: u32,
    in_one_step: bool,
}

enum BankMsg {
    Move(ReplyTo<()>),
}

/// The balances survive the bank itself, like those in a file.
static BOOKS: [AtomicU32; 2] = [const { AtomicU32::new(0) }; 2];

impl Actor for Bank {
    type Msg = BankMsg;

    async fn handle(
        &mut self,
        BankMsg::Move(reply): BankMsg,
        _: &mut Context<Self>,
    ) -> tenure::Result {
        self.from -= 1;
        if !self.in_one_step {
            BOOKS[0].store(self.from, Ordering::Relaxed);
        }
        yield_now().await;
        self.to += 1;
        BOOKS[0].store(self.from, Ordering::Relaxed);
        BOOKS[1].store(self.to, Ordering::Relaxed);
        reply.send(());
        Ok(())
    }
}

async fn move_one(in_one_step: bool) {
    BOOKS[0].store(10, Ordering::Relaxed);
    BOOKS[1].store(0, Ordering::Relaxed);
    let moved = tenure::scope(async |scope| {
        let bank = Bank {
            from: 10,
            to: 0,
            in_one_step,
        };
        let bank = scope.spawn(ChildSpec::new(bank).name("bank"))?;
        Ok(bank
            .ask(BankMsg::Move)
            .timeout(Duration::from_secs(1))
            .await
            .is_ok())
    })
    .await;
    let sum: u32 = BOOKS.iter().map(|book| book.load(Ordering::Relaxed)).sum();
    assert_eq!(sum, 10, "money is lost: {moved:?}");
}

/// A single test, because both parts share the balances.
#[test]
fn kill_and_panic_at_each_await_find_what_is_left_half_way() {
    for fault in [Fault::kill("bank"), Fault::panic("Bank")] {
        let simulation = Simulation::new(Seeds::first(10));
        let error = simulation
            .try_run(async |sim| {
                sim.at_each_await(fault.clone(), async || move_one(false).await)
                    .await;
            })
            .unwrap_err();
        let is_found = matches!(error.finding(), Finding::Panicked(text) if text.contains("money"));
        assert!(is_found, "{error}");
        assert!(
            error.to_string().contains("at its poll number 2"),
            "{error}"
        );
        // A stop lets the handler finish, so no transfer is left half done.
        simulate(Seeds::first(10), async |sim| {
            let polls = sim
                .at_each_await(Fault::stop("bank"), async || move_one(false).await)
                .await;
            assert!(polls >= 2, "{polls}");
            sim.at_each_await(fault.clone(), async || move_one(true).await)
                .await;
        });
    }
}

/// Works until its caller has gone.
struct Worker;

impl Actor for Worker {
    type Msg = ReplyTo<u32>;

    async fn handle(&mut self, reply: ReplyTo<u32>, ctx: &mut Context<Self>) -> tenure::Result {
        let work = async {
            for _ in 0..3 {
                yield_now().await;
            }
            7
        };
        if let Some(value) = ctx.until_caller_gone(work).await {
            reply.send(value);
        }
        Ok(())
    }
}

#[test]
fn caller_goes_at_each_await() {
    simulate(Seeds::first(20), async |sim| {
        let gone = Cell::new(0);
        let polls = sim
            .at_each_await(Fault::caller_gone("Worker"), async || {
                tenure::scope(async |scope| {
                    let worker = scope.spawn(Worker)?;
                    match sim.call(worker.ask(|reply| reply)).await {
                        None => gone.set(gone.get() + 1),
                        Some(reply) => assert_eq!(reply?, 7),
                    }
                    // It takes the next message as if nothing had happened.
                    assert_eq!(worker.ask(|reply| reply).await?, 7);
                    Ok(())
                })
                .await
                .unwrap();
            })
            .await;
        assert!(
            gone.get() >= 3 && polls >= gone.get(),
            "{} of {polls}",
            gone.get()
        );
    });
}

#[test]
fn deadline_passes_at_each_await() {
    simulate(Seeds::first(20), async |sim| {
        let timed_out = Cell::new(0);
        sim.at_each_await(Fault::deadline("Worker"), async || {
            tenure::scope(async |scope| {
                let worker = scope.spawn(Worker)?;
                let reply = worker
                    .ask(|reply| reply)
                    .timeout(Duration::from_secs(1))
                    .await;
                match reply {
                    Ok(value) => assert_eq!(value, 7),
                    Err(AskError::TimedOut { started, .. }) => {
                        assert!(started);
                        timed_out.set(timed_out.get() + 1);
                    }
                    Err(error) => panic!("{error}"),
                }
                Ok(())
            })
            .await
            .unwrap();
        })
        .await;
        assert!(timed_out.get() >= 2, "{}", timed_out.get());
    });
}

#[test]
fn fault_that_never_happens_fails_the_test() {
    let run = |fault: Fault| {
        let simulation = Simulation::new(Seeds::first(1)).shortened_by(0);
        let error = simulation
            .try_run(async |sim| {
                sim.at_each_await(fault.clone(), async || move_nothing().await)
                    .await;
            })
            .unwrap_err();
        error.to_string()
    };
    assert!(run(Fault::kill("Nobody")).contains("no actor of this name or type"));
    assert!(run(Fault::caller_gone("Worker")).contains("no call made with `Sim::call`"));
    assert!(run(Fault::deadline("Worker")).contains("no ask with a deadline"));
}

async fn move_nothing() {
    tenure::scope(async |scope| {
        let worker = scope.spawn(Worker)?;
        Ok(worker.ask(|reply| reply).await?)
    })
    .await
    .unwrap();
}

#[test]
fn starts_fail_by_rate() {
    let run = |rate| {
        let (failed, number) = (AtomicU32::new(0), 200);
        Simulation::new(Seeds::first(number))
            .faults(Faults::none().failing_starts(rate))
            .run(async |_| {
                let started =
                    tenure::scope(async |scope| Ok(scope.start(Worker).await.is_ok())).await;
                failed.fetch_add(u32::from(!started.unwrap()), Ordering::Relaxed);
            });
        failed.into_inner()
    };
    assert_eq!(
        [run(0.0), run(1.0), run(2.0), run(f64::NAN)],
        [0, 200, 200, 0]
    );
    assert!((60..140).contains(&run(0.5)));
}

#[test]
fn full_mailboxes_have_room_for_one() {
    Simulation::new(Seeds::first(20))
        .faults(Faults::none().full_mailboxes(1.0))
        .run(async |_| {
            tenure::scope(async |scope| {
                let worker = scope.spawn(Worker)?;
                let held = worker.reserve().await?;
                let second = worker.reserve().timeout(Duration::from_millis(1)).await;
                assert!(second.is_err());
                drop(held);
                drop(second);
                Ok(())
            })
            .await
        });
}

#[test]
fn callers_go_by_rate() {
    let gone = AtomicU32::new(0);
    Simulation::new(Seeds::first(200))
        .faults(Faults::none().dropped_callers(0.5))
        .run(async |sim| {
            tenure::scope(async |scope| {
                let worker = scope.spawn(Worker)?;
                if sim.call(worker.ask(|reply| reply)).await.is_none() {
                    gone.fetch_add(1, Ordering::Relaxed);
                }
                Ok(())
            })
            .await
        });
    // A caller that is to go after so many polls of others may be answered before that.
    let gone = gone.load(Ordering::Relaxed);
    assert!((20..=130).contains(&gone), "{gone}");
}

#[test]
fn delays_let_virtual_time_pass() {
    let most = Duration::from_secs(2);
    let error = Simulation::new(Seeds::first(200))
        .faults(Faults::none().delays(0.3, most))
        .try_run(async |_| {
            tenure::scope(async |scope| {
                let worker = scope.spawn(Worker)?;
                worker
                    .ask(|reply| reply)
                    .timeout(Duration::from_secs(1))
                    .await?;
                Ok(())
            })
            .await
        })
        .unwrap_err();
    assert!(matches!(error.finding(), Finding::Failed(_)), "{error}");
    let is_held = |event: &Event| matches!(event, Event::Held { time, .. } if *time <= most);
    assert!(error.trace().iter().any(is_held), "{error}");
}

#[test]
fn poll_that_is_always_delayed_comes_after_all() {
    for (rate, longest) in [(1.0, Duration::ZERO), (1.0, Duration::from_millis(100))] {
        let summary = Simulation::new(Seeds::first(20))
            .faults(Faults::none().delays(rate, longest))
            .run(async |sim: Sim| {
                tenure::scope(async |scope| {
                    let worker = scope.spawn(Worker)?;
                    worker.ask(|reply| reply).no_deadline().await?;
                    // That of the ask, at least, came late.
                    assert!(sim.elapsed() >= Duration::from_millis(1));
                    Ok(())
                })
                .await
            });
        assert!(summary.polls < 1_000, "{summary:?}");
    }
}

#[test]
fn what_an_end_discards_is_not_handled_in_the_trace() {
    struct Idle;

    impl Actor for Idle {
        type Msg = ();

        async fn handle(&mut self, (): (), _: &mut Context<Self>) -> tenure::Result {
            Ok(())
        }
    }

    let error = Simulation::new(Seeds::first(1))
        .try_run(async |_| -> tenure::Result {
            let system = System::start()?;
            let idle = system.spawn(Idle)?;
            idle.try_tell(())?;
            // It has not begun.
            idle.kill().await?;
            system.stop().await?;
            Err("the trace is wanted".into())
        })
        .unwrap_err();
    let trace = error.trace();
    let is_told = |event: &Event| matches!(event, Event::Told { messages: 1, .. });
    assert!(trace.iter().any(is_told), "{error}");
    let is_handled = |event: &Event| matches!(event, Event::Handled { .. });
    assert!(!trace.iter().any(is_handled), "{error}");
}

#[test]
fn body_that_never_ends_is_bounded_by_polls_and_by_time() {
    let spins = Simulation::new(Seeds::first(1))
        .most_polls(1_000)
        .shortened_by(0);
    let error = spins.try_run(async |_| loop_for_ever().await).unwrap_err();
    assert_eq!(*error.finding(), Finding::OutOfPolls(1_000));
    let sleeps = Simulation::new(Seeds::first(1)).most_time(Duration::from_secs(60));
    let error = sleeps
        .shortened_by(0)
        .try_run(async |_| {
            loop {
                sleep(Duration::from_secs(1)).await;
            }
        })
        .unwrap_err();
    assert_eq!(
        *error.finding(),
        Finding::OutOfTime(Duration::from_secs(60))
    );
}

async fn loop_for_ever() {
    loop {
        yield_now().await;
    }
}

/// A check that comes after the waiter has ended does not mean that nobody waits for a timer.
#[test]
fn look_that_comes_too_late_hides_no_timer() {
    simulate(Seeds::first(100), async |sim| {
        tenure::scope(async |scope| {
            for _ in 0..3 {
                let slow = scope.task_with(|_| sleep(Duration::from_millis(1_500)))?;
                slow.node().stop().await?;
            }
            sleep(Duration::from_secs(60)).await;
            assert!(sim.elapsed() >= Duration::from_secs(60));
            Ok(())
        })
        .await
    });
}

#[test]
fn what_outlives_the_body_is_shown() {
    let error = Simulation::new(Seeds::first(1))
        .try_run(async |_| {
            // Nothing ever ends this system.
            std::mem::forget(tenure::System::start().unwrap());
        })
        .unwrap_err();
    assert_eq!(*error.finding(), Finding::Outlived, "{error}");
    assert!(error.tree().contains("system#1 running"), "{error}");
}

#[test]
fn no_seeds_and_no_place_to_run_are_refused() {
    let refused = |simulation: Simulation| {
        let error = simulation.try_run(async |_| ()).unwrap_err();
        assert!(matches!(error.finding(), Finding::Refused(_)), "{error}");
        error.to_string()
    };
    assert!(refused(Simulation::new(Seeds::first(0))).contains("no seeds"));
    assert!(refused(Simulation::new(Seeds::range(7..7))).contains("no seeds"));
    simulate(Seeds::only(0), async |sim| assert_eq!(sim.seed(), 0));
    simulate(Seeds::only(1), async |_| {
        assert!(refused(Simulation::new(Seeds::first(1))).contains("runtime already"));
    });
}

#[test]
fn panic_of_the_body_comes_with_its_seed_and_the_line_that_replays_it() {
    let panicked = std::panic::catch_unwind(|| {
        simulate(Seeds::only(9), async |_| panic!("by itself"));
    });
    let text = *panicked.unwrap_err().downcast::<String>().unwrap();
    assert!(
        text.contains("seed 9") && text.contains("by itself"),
        "{text}"
    );
    let test = "panic_of_the_body_comes_with_its_seed_and_the_line_that_replays_it";
    assert!(
        text.contains(&format!("TENURE_SEED=9 cargo test {test}")),
        "{text}"
    );
}

#[test]
#[expect(clippy::disallowed_methods, reason = "they are what is counted")]
fn raw_tasks_and_threads_are_counted() {
    let summary = Simulation::new(Seeds::first(3)).run(async |_| {
        let raw = tokio::spawn(async { yield_now().await });
        raw.await.unwrap();
    });
    assert_eq!(summary.outside.raw_tasks, 1);
}

struct Seven;

impl Actor for Seven {
    type Msg = ReplyTo<u32>;

    async fn handle(&mut self, reply: ReplyTo<u32>, _: &mut Context<Self>) -> tenure::Result {
        reply.send(7);
        Ok(())
    }
}

#[test]
fn blocking_job_asks_while_others_run() {
    Simulation::new(Seeds::first(50)).twice().run(async |_| {
        tenure::scope(async |scope| {
            let seven = scope.spawn(Seven)?;
            let job = scope.blocking(move |_| seven.blocking_ask(|reply| reply))?;
            assert_eq!(job.await?, 7);
            Ok(())
        })
        .await
    });
}
