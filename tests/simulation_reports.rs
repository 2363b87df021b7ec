//! What a simulation tells of a failure, what it counts, and what it bounds.

use std::cell::Cell;
use std::env;
use std::future::{Future, pending};
use std::pin::pin;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::task::{Wake, Waker};
use std::time::Duration;

use tenure::prelude::*;
use tenure::testing::{Fault, Faults, Finding, Schedule, Seeds, Sim, Simulation, simulate};
use tokio::task::yield_now;
use tokio::time::sleep;

struct Seven {
    yields: u32,
}

impl Actor for Seven {
    type Msg = ReplyTo<u32>;

    async fn handle(&mut self, reply: ReplyTo<u32>, _: &mut Context<Self>) -> tenure::Result {
        for _ in 0..self.yields {
            yield_now().await;
        }
        reply.send(7);
        Ok(())
    }
}

#[test]
#[expect(clippy::disallowed_methods, reason = "they are what is counted")]
fn raw_task_that_ends_at_once_is_counted() {
    let by_body = Simulation::new(Seeds::first(1)).run(async |_| {
        assert_eq!(tokio::spawn(async { 7 }).await.unwrap(), 7);
    });
    assert_eq!(by_body.outside.raw_tasks, 1);
    let by_task = Simulation::new(Seeds::first(1)).run(async |_| {
        tenure::scope(async |scope| {
            let raw = scope.task(async { tokio::spawn(async {}).await })?;
            Ok(raw.await?)
        })
        .await
    });
    assert_eq!(by_task.outside.raw_tasks, 1);
}

/// The two runs have the same events.
#[test]
fn failure_of_the_second_run_alone_is_told() {
    let runs = AtomicU32::new(0);
    let error = Simulation::new(Seeds::first(1))
        .twice()
        .try_run(async |_| assert_eq!(runs.fetch_add(1, Ordering::Relaxed), 0, "once more"))
        .unwrap_err();
    let panicked = matches!(error.finding(), Finding::Panicked(text) if text.contains("once more"));
    assert!(panicked, "{error}");
    assert!(error.to_string().contains("did not fail the first time"));
}

#[test]
fn access_to_an_earlier_run_of_the_same_seed_is_refused() {
    let kept = Cell::new(None);
    simulate(Seeds::only(3), async |sim| kept.set(Some(sim)));
    let error = Simulation::new(Seeds::only(3))
        .try_run(async |_| {
            assert_eq!(kept.get().unwrap().elapsed(), Duration::ZERO);
        })
        .unwrap_err();
    assert!(error.to_string().contains("outside of its run"), "{error}");
}

#[test]
fn each_attempt_has_the_whole_time() {
    simulate(Seeds::first(2), async |sim| {
        let polls = sim
            .at_each_await(Fault::stop("Seven"), async || {
                tenure::scope(async |scope| {
                    let seven = scope.spawn(Seven { yields: 10 })?;
                    // With a fault there may be none.
                    let _reply = seven.ask(|reply| reply).await;
                    sleep(Duration::from_secs(3 * 60 * 60)).await;
                    Ok(())
                })
                .await
            })
            .await;
        assert!(polls > 8, "{polls}");
        assert!(sim.elapsed() > Duration::from_secs(24 * 60 * 60));
    });
}

#[test]
fn what_goes_on_after_the_body_is_told_from_the_body() {
    struct Ticking;

    impl Actor for Ticking {
        type Msg = ();

        async fn on_start(&mut self, ctx: &mut Context<Self>) -> tenure::Result {
            ctx.send_every(Duration::from_secs(60), || ());
            Ok(())
        }

        async fn handle(&mut self, (): (), _: &mut Context<Self>) -> tenure::Result {
            Ok(())
        }
    }

    let simulation = Simulation::new(Seeds::first(1)).shortened_by(0);
    let error = simulation.clone().try_run(async |_| -> tenure::Result {
        let system = System::start()?;
        system.spawn(Ticking)?;
        std::mem::forget(system);
        Ok(())
    });
    let error = error.unwrap_err();
    assert!(matches!(error.finding(), Finding::OutOfTime(_)), "{error}");
    assert!(error.to_string().contains("the body is over"), "{error}");
    assert!(error.tree().contains("Ticking#2"), "{error}");

    let endless = simulation.try_run(async |_| sleep_for_ever().await);
    let endless = endless.unwrap_err().to_string();
    assert!(!endless.contains("the body is over"), "{endless}");
}

async fn sleep_for_ever() {
    loop {
        sleep(Duration::from_secs(1)).await;
    }
}

#[test]
fn wait_for_a_thread_is_not_called_lost() {
    let error = Simulation::new(Seeds::first(1))
        .try_run(async |_| pending::<()>().await)
        .unwrap_err();
    assert_eq!(*error.finding(), Finding::Stuck);
    assert!(error.to_string().contains("no thread is waited for"));
}

#[test]
fn report_of_many_nodes_with_odd_names_is_short_and_plain() {
    let error = Simulation::new(Seeds::first(1))
        .shortened_by(3)
        .try_run(async |sim: Sim| -> tenure::Result {
            let system = System::start()?;
            for number in 0..300 {
                let name = format!("\u{1b}[2J\n{number}{}", "x".repeat(500));
                system.spawn(ChildSpec::new(Seven { yields: 0 }).name(name))?;
            }
            sim.until_idle().await;
            Err("the report is wanted".into())
        })
        .unwrap_err();
    let text = error.to_string();
    assert!(!text.contains('\u{1b}') && text.lines().count() < 300);
    assert!(text.lines().all(|line| line.len() < 300), "{text}");
    assert!(text.contains("(and 181 more)"), "{text}");
    // Those who want all of it have it.
    assert_eq!(error.tree().lines().count(), 301);
}

/// The plainest run of all fails as well, of something else.
#[test]
fn failure_is_not_made_plain_into_another() {
    let error = Simulation::new(Seeds::first(100))
        .try_run(async |sim: Sim| {
            let number = sim.random(100);
            assert_ne!(number, 0, "nothing");
            assert!(number < 10, "it is {number}");
        })
        .unwrap_err();
    assert!(matches!(error.finding(), Finding::Panicked(text) if text.starts_with("it is ")));
    let text = error.to_string();
    assert!(!text.contains("nothing"), "{text}");
}

/// What is shown is another run than that of the seed.
#[test]
fn text_of_the_plain_run_is_shown_where_it_differs() {
    let error = Simulation::new(Seeds::only(0))
        .try_run(async |sim: Sim| {
            let (first, second) = (sim.random(1_000), sim.random(1_000));
            panic!("it is {first}, and then {second}");
        })
        .unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains("made plain, it says: it is 0, and then 0"),
        "{text}"
    );
}

#[test]
fn number_of_seeds_from_the_environment_counts_from_the_tests_first() {
    let seeds = |variables: &[(&str, &str)]| {
        let text = with_variables(variables);
        let seeds = text.split("seed:").skip(1);
        seeds.map(|text| text[..3].to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(seeds(&[("TENURE_SEEDS", "3")]), ["500", "501", "502"]);
    let one = [("TENURE_SEEDS", "3"), ("TENURE_SEED", "700")];
    assert_eq!(seeds(&one), ["700"]);
}

#[test]
fn environment_that_names_no_seed_is_refused() {
    let refused = |variable, value, why: &str| {
        let text = with_variables(&[(variable, value)]);
        assert!(text.contains(why), "{variable}={value}: {text}");
        assert!(!text.contains("seed:"), "{text}");
    };
    for value in ["", "x", "-1", "1.5", "99999999999999999999"] {
        refused("TENURE_SEED", value, "TENURE_SEED is no number");
        refused("TENURE_SEEDS", value, "TENURE_SEEDS is no number");
    }
    refused("TENURE_SEEDS", "0", "there are no seeds");
}

/// What the test below prints with these variables.
fn with_variables(variables: &[(&str, &str)]) -> String {
    let child = Command::new(env::current_exe().unwrap())
        .args(["--exact", "child_of_other_tests", "--nocapture"])
        .env_remove("TENURE_SEED")
        .env_remove("TENURE_SEEDS")
        .env("IS_CHILD", "1")
        .envs(variables.iter().copied())
        .output()
        .unwrap();
    String::from_utf8(child.stdout).unwrap() + &String::from_utf8_lossy(&child.stderr)
}

#[test]
fn child_of_other_tests() {
    if env::var_os("IS_CHILD").is_some() {
        simulate(Seeds::range(500..502), async |sim| {
            println!("seed:{}", sim.seed());
        });
    }
}

/// A waker whose destructor uses the run, as one may that owns its future.
struct Owning(Sim);

impl Wake for Owning {
    fn wake(self: Arc<Self>) {}
}

impl Drop for Owning {
    fn drop(&mut self) {
        assert!(self.0.random(3) < 3);
    }
}

#[test]
fn destructor_of_a_waker_may_use_the_run() {
    simulate(Seeds::first(5), async |sim| {
        let mut call = pin!(sim.call(pending::<()>()));
        let mut idle = pin!(sim.until_idle());
        for _ in 0..3 {
            let waker = Waker::from(Arc::new(Owning(sim)));
            let mut cx = std::task::Context::from_waker(&waker);
            assert!(call.as_mut().poll(&mut cx).is_pending());
            assert!(idle.as_mut().poll(&mut cx).is_pending());
        }
        sim.until_idle().await;
    });
}

#[test]
fn small_rate_is_not_never() {
    let gone = AtomicU32::new(0);
    Simulation::new(Seeds::first(10))
        .faults(Faults::none().dropped_callers(0.000_4))
        .run(async |sim| {
            for _ in 0..2_000 {
                let call = sim.call(async {
                    for _ in 0..4 {
                        yield_now().await;
                    }
                });
                gone.fetch_add(u32::from(call.await.is_none()), Ordering::Relaxed);
            }
        });
    let gone = gone.into_inner();
    assert!((1..=30).contains(&gone), "{gone}");
}

#[test]
fn blocking_job_can_be_made_to_panic() {
    simulate(Seeds::first(10), async |sim| {
        let panicked = Cell::new(0);
        sim.at_each_await(Fault::panic("job"), async || {
            let ran = tenure::scope(async |scope| {
                let job = TaskSpec::blocking(|_| ()).name("job");
                Ok(scope.task(job)?.await?)
            })
            .await;
            let is_that = matches!(&ran, Err(error) if error.to_string().contains("injected"));
            panicked.set(panicked.get() + u32::from(is_that));
        })
        .await;
        assert_eq!(panicked.get(), 1);
    });
}

/// No time passes while a job blocks the only thread.
#[test]
fn job_that_waits_for_one_that_is_delayed_goes_on() {
    Simulation::new(Seeds::first(100))
        .faults(Faults::none().delays(0.5, Duration::from_secs(1)))
        .run(async |_| {
            tenure::scope(async |scope| {
                let seven = scope.spawn(Seven { yields: 0 })?;
                let job = scope.blocking(move |_| seven.blocking_ask(|reply| reply))?;
                assert_eq!(job.await?, 7);
                Ok(())
            })
            .await
        });
}

/// A task of a hundred steps is over before another has begun its first.
#[test]
fn one_may_be_far_ahead_of_another_that_is_ready() {
    let error = Simulation::new(Seeds::first(100))
        .schedule(Schedule::Priority)
        .try_run(async |_| {
            tenure::scope(async |scope| {
                let has_begun = Arc::new(AtomicBool::new(false));
                scope.task({
                    let has_begun = Arc::clone(&has_begun);
                    async move { has_begun.store(true, Ordering::Relaxed) }
                })?;
                let ahead = scope.task(async move {
                    for _ in 0..100 {
                        yield_now().await;
                    }
                    Ok::<_, tenure::Error>(!has_begun.load(Ordering::Relaxed))
                })?;
                assert!(!ahead.await?, "far ahead");
                Ok(())
            })
            .await
        })
        .unwrap_err();
    assert!(error.to_string().contains("far ahead"), "{error}");
}
