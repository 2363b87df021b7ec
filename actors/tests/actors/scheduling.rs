//! When jobs run, and what happens to runs that are missed, overlap or fail.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use tenure::prelude::*;
use tenure_actors::scheduler::{
    Job, JobInfo, Missed, Overlap, Schedule, SchedulerError, SchedulerMsg, SchedulerOptions,
};
use tokio::time::{Instant, advance, sleep};

use crate::common::{Log, paused};
use crate::gauge::{Gauge, ms};

const SECOND: Duration = Duration::from_secs(1);

/// A job that logs at which second it runs, and takes this many seconds.
fn job(name: &str, schedule: Schedule, log: &Log, seconds: u32) -> Job {
    let (log, start, of) = (log.clone(), Instant::now(), name.to_owned());
    Job::new(name, schedule, move || {
        log.push(format!("{of} at {}", start.elapsed().as_secs()));
        async move {
            sleep(seconds * SECOND).await;
            Ok(())
        }
    })
}

async fn list(scheduler: &ActorRef<SchedulerMsg>) -> Vec<JobInfo> {
    scheduler.ask(SchedulerMsg::List).await.unwrap()
}

async fn add(scheduler: &ActorRef<SchedulerMsg>, job: Job) -> Result<(), SchedulerError> {
    scheduler
        .ask(|reply| SchedulerMsg::Add(job, reply))
        .await
        .unwrap()
}

fn epoch(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

#[test]
fn jobs_run_at_a_time_after_one_and_every_so_often() {
    paused(async |check| {
        let log = Log::default();
        tenure::scope(async |scope| {
            let scheduler = SchedulerOptions::new()
                .clock_from(epoch(1_000))
                .job(job("at", Schedule::at(epoch(1_007)), &log, 0))
                .job(job("after", Schedule::after(3 * SECOND), &log, 0))
                .job(job("every", Schedule::every(4 * SECOND), &log, 0));
            let scheduler = scope.start(scheduler.spec()).await?;
            check.node(scheduler.node());
            let names: Vec<_> = list(&scheduler)
                .await
                .into_iter()
                .map(|job| job.name)
                .collect();
            assert_eq!(names, ["after", "at", "every"]);
            sleep(10 * SECOND).await;
            let jobs = list(&scheduler).await;
            assert_eq!(jobs.len(), 1, "those that are over are forgotten");
            assert_eq!((jobs[0].runs, jobs[0].next), (2, Some(epoch(1_012))));
            Ok(())
        })
        .await
        .unwrap();
        assert_eq!(
            log.entries(),
            ["after at 3", "every at 4", "at at 7", "every at 8"]
        );
    });
}

#[test]
fn run_is_a_task_of_the_schedulers_and_a_drain_waits_for_it() {
    paused(async |_| {
        let log = Log::default();
        let start = Instant::now();
        tenure::scope(async |scope| {
            let long = job("long", Schedule::after(SECOND), &log, 3);
            let never = job("never", Schedule::every(2 * SECOND), &log, 0);
            let scheduler = SchedulerOptions::new().job(long).job(never);
            let scheduler = scope.start(scheduler.spec().name("jobs")).await?;
            sleep(SECOND * 3 / 2).await;
            assert!(scope.find("/jobs/long-1").is_some());
            scheduler.drain().await?;
            Ok(())
        })
        .await
        .unwrap();
        assert_eq!(start.elapsed(), 4 * SECOND);
        assert_eq!(log.entries(), ["long at 1"]);
    });
}

#[test]
fn names_that_make_no_sense_or_are_taken_are_refused() {
    paused(async |_| {
        tenure::scope(async |scope| {
            let log = Log::default();
            let one = |name| job(name, Schedule::every(SECOND), &log, 0);
            let scheduler = scope.spawn(SchedulerOptions::new().job(one("one")).spec())?;
            let bad = |name: &str| SchedulerError::BadName(name.to_owned());
            assert_eq!(add(&scheduler, one("")).await, Err(bad("")));
            assert_eq!(add(&scheduler, one("a/b")).await, Err(bad("a/b")));
            let taken = SchedulerError::NameTaken("one".to_owned());
            assert_eq!(add(&scheduler, one("one")).await, Err(taken));
            let remove = |reply| SchedulerMsg::Remove("one".to_owned(), reply);
            assert!(scheduler.ask(remove).await?);
            assert!(!scheduler.ask(remove).await?);
            assert_eq!(add(&scheduler, one("one")).await, Ok(()));
            let twice = SchedulerOptions::new().job(one("x")).job(one("x"));
            assert!(scope.start(twice.spec()).await.is_err());
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn name_of_a_job_that_was_removed_may_be_taken_while_its_runs_go_on() {
    paused(async |_| {
        let log = Log::default();
        tenure::scope(async |scope| {
            let scheduler = scope.start(SchedulerOptions::new().spec()).await?;
            for runs in 1..4 {
                add(
                    &scheduler,
                    job("sweep", Schedule::every(2 * SECOND), &log, 60),
                )
                .await?;
                sleep(3 * SECOND).await;
                let jobs = list(&scheduler).await;
                assert_eq!((jobs[0].runs, jobs[0].running), (1, 1));
                let run = scheduler.node().find(&format!("sweep-{runs}"));
                assert!(run.is_some());
                let removed =
                    scheduler.ask(|reply| SchedulerMsg::Remove("sweep".to_owned(), reply));
                assert!(removed.await?);
            }
            scheduler.kill().await?;
            Ok(())
        })
        .await
        .unwrap();
        assert_eq!(log.entries(), ["sweep at 2"; 3]);
    });
}

#[test]
fn extreme_times_neither_spin_nor_overflow() {
    paused(async |_| {
        let log = Log::default();
        tenure::scope(async |scope| {
            let scheduler = SchedulerOptions::new()
                .clock_from(epoch(1_000))
                .job(job("never", Schedule::after(Duration::MAX), &log, 0))
                .job(job("hardly", Schedule::every(Duration::MAX), &log, 0))
                .job(job("once", Schedule::after(Duration::ZERO), &log, 0))
                .job(job("past", Schedule::at(epoch(0)), &log, 0))
                .job(job("left-out", Schedule::at(epoch(0)), &log, 0).missed(Missed::Skip))
                .job(job("shaken", Schedule::after(SECOND), &log, 0).jitter(Duration::MAX));
            let scheduler = scope.start(scheduler.spec()).await?;
            sleep(ms(10)).await;
            let quick = Arc::new(AtomicU64::new(0));
            let counted = Arc::clone(&quick);
            let often = Job::new("often", Schedule::every(Duration::ZERO), move || {
                counted.fetch_add(1, Ordering::Relaxed);
                async { Ok(()) }
            });
            add(&scheduler, often).await?;
            sleep(ms(100)).await;
            assert!((50..=101).contains(&quick.load(Ordering::Relaxed)));
            scheduler.stop().await?;
            Ok(())
        })
        .await
        .unwrap();
        let mut entries = log.entries();
        entries.sort();
        assert_eq!(entries, ["once at 0", "past at 0"]);
    });
}

/// How many runs are made up for and how many are left out, after ten runs of a job that is due every minute were
/// missed.
async fn after_a_sleep(missed: Missed) -> (u64, u64) {
    let log = Log::default();
    let info = tenure::scope(async |scope| {
        let minutely = job("minutely", Schedule::every(60 * SECOND), &log, 1).missed(missed);
        let scheduler = scope
            .start(SchedulerOptions::new().job(minutely).spec())
            .await?;
        // Time passes while nothing of the scheduler runs.
        advance(630 * SECOND).await;
        sleep(25 * SECOND).await;
        Ok(list(&scheduler).await.remove(0))
    });
    let info = info.await.unwrap();
    (info.runs, info.left_out)
}

#[test]
fn missed_runs_are_made_good_as_the_job_says() {
    paused(async |_| {
        assert_eq!(after_a_sleep(Missed::Once).await, (1, 9));
        assert_eq!(after_a_sleep(Missed::Skip).await, (0, 10));
        assert_eq!(after_a_sleep(Missed::Each).await, (10, 0));
    });
}

/// How many runs there are in ten seconds, and how many at a time, of a job that takes three seconds and is due each
/// second.
async fn overlapping(overlap: Overlap) -> (u64, usize) {
    let log = Log::default();
    let info = tenure::scope(async |scope| {
        let slow = job("slow", Schedule::every(SECOND), &log, 3).overlap(overlap);
        let scheduler = scope
            .start(SchedulerOptions::new().job(slow).spec())
            .await?;
        sleep(SECOND * 21 / 2).await;
        let info = list(&scheduler).await.remove(0);
        scheduler.stop().await?;
        Ok(info)
    });
    let info = info.await.unwrap();
    (info.runs, info.running)
}

#[test]
fn runs_that_overlap_are_left_out_queued_or_begun() {
    paused(async |_| {
        // It runs at 1 s, and is due again at 4 s, just when the first run ends.
        let (left_out, _) = overlapping(Overlap::Skip).await;
        assert!((3..=4).contains(&left_out), "{left_out}");
        assert_eq!(overlapping(Overlap::Queue).await, (4, 1));
        assert_eq!(overlapping(Overlap::Allow).await, (10, 3));
    });
}

#[test]
fn run_that_fails_or_panics_is_counted_and_fails_nobody() {
    paused(async |_| {
        tenure::scope(async |scope| {
            let failing = Job::new("failing", Schedule::every(SECOND), || async {
                Err("no disk".into())
            });
            let panicking = Job::new("panicking", Schedule::every(SECOND), || async {
                panic!("a run that panics")
            });
            let begins = Job::new(
                "begins",
                Schedule::every(SECOND),
                || -> std::future::Ready<_> { panic!("a closure that panics") },
            );
            let jobs = SchedulerOptions::new()
                .job(failing)
                .job(panicking)
                .job(begins);
            let scheduler = scope.start(jobs.spec()).await?;
            sleep(SECOND * 5 / 2).await;
            let infos = list(&scheduler).await;
            let said = |info: &JobInfo| info.last_failure.clone().unwrap();
            assert!(
                infos
                    .iter()
                    .all(|info| (info.runs, info.failures) == (2, 2)),
                "{infos:?}"
            );
            assert!(said(&infos[0]).contains("a closure that panics"));
            assert!(said(&infos[1]).contains("no disk"));
            assert!(said(&infos[2]).contains("a run that panics"));
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn job_may_tell_somebody_and_may_be_run_at_once() {
    paused(async |_| {
        let gauge = Gauge::open();
        tenure::scope(async |scope| {
            let to = scope.spawn(gauge.clone())?;
            let tell = Job::tell("tell", Schedule::every(60 * SECOND), to.recipient(), || {
                7_u32
            });
            let scheduler = scope.spawn(SchedulerOptions::new().job(tell).spec())?;
            let run = |name: &'static str| {
                scheduler.ask(move |reply| SchedulerMsg::Run(name.to_owned(), reply))
            };
            assert!(run("tell").await?);
            assert!(!run("other").await?);
            sleep(61 * SECOND).await;
            Ok(())
        })
        .await
        .unwrap();
        assert_eq!(gauge.timed(), ["7 at 0", "7 at 60000"]);
    });
}

#[test]
fn jitter_delays_each_run_by_a_part_of_it() {
    paused(async |_| {
        let gauge = Gauge::open();
        tenure::scope(async |scope| {
            let to = scope.spawn(gauge.clone())?;
            let tell = Job::tell("tell", Schedule::every(10 * SECOND), to.recipient(), || {
                7_u32
            });
            let jobs = SchedulerOptions::new().job(tell.jitter(5 * SECOND));
            let scheduler = scope.spawn(jobs.spec())?;
            sleep(106 * SECOND).await;
            scheduler.stop().await?;
            Ok(())
        })
        .await
        .unwrap();
        let timed = gauge.timed();
        assert_eq!(timed.len(), 10);
        let late =
            |entry: &String| entry.split(" at ").nth(1).unwrap().parse::<u64>().unwrap() % 10_000;
        assert!(timed.iter().all(|entry| late(entry) <= 5_001), "{timed:?}");
        assert!(timed.iter().any(|entry| late(entry) > 50), "{timed:?}");
    });
}

#[cfg(feature = "cron")]
mod cron {
    use super::*;

    /// 2026-03-28 22:59:00 UTC, before the night in which the clocks in Berlin are put forward, at 1:00 UTC on the
    /// 29th.
    const BEFORE_SPRING: u64 = 1_774_738_740;

    /// At which minutes after that a job with this expression runs, within a day.
    async fn minutes(expression: &str, zone: &str) -> Vec<u64> {
        let minutes = Arc::new(std::sync::Mutex::new(Vec::new()));
        let (seen, start) = (Arc::clone(&minutes), Instant::now());
        let schedule = Schedule::cron(expression, zone).unwrap();
        tenure::scope(async |scope| {
            let job = Job::new("job", schedule, move || {
                seen.lock().unwrap().push(start.elapsed().as_secs() / 60);
                async { Ok(()) }
            });
            let scheduler = SchedulerOptions::new()
                .clock_from(epoch(BEFORE_SPRING))
                .job(job);
            let scheduler = scope.spawn(scheduler.spec())?;
            sleep(86_400 * SECOND).await;
            scheduler.stop().await?;
            Ok(())
        })
        .await
        .unwrap();
        Arc::into_inner(minutes).unwrap().into_inner().unwrap()
    }

    #[test]
    fn expressions_go_by_the_clock_of_their_zone() {
        paused(async |_| {
            assert_eq!(minutes("0 12 * * *", "UTC").await, [781]);
            assert_eq!(minutes("0 12 * * *", "Asia/Tokyo").await, [241]);
            // The hour from two to three does not exist in that night.
            assert_eq!(minutes("0 12 * * *", "Europe/Berlin").await, [661]);
            let in_the_gap = minutes("30 2 * * *", "Europe/Berlin").await;
            assert_eq!(in_the_gap, [121], "at the end of the gap");
            assert_eq!(minutes("0 */6 * * *", "UTC").await, [61, 421, 781, 1_141]);
        });
    }

    #[test]
    fn expressions_and_zones_that_make_no_sense_are_refused() {
        for bad in [
            "",
            "* * *",
            "61 * * * *",
            "* * * * * * *",
            "tomorrow",
            "0 0 30 2 *",
            "* * 0 * *",
        ] {
            let refused = Schedule::cron(bad, "UTC").unwrap_err();
            assert!(
                matches!(refused, SchedulerError::BadCron { .. }),
                "{bad}: {refused}"
            );
        }
        let refused = Schedule::cron("* * * * *", "Europe/Atlantis").unwrap_err();
        assert_eq!(
            refused,
            SchedulerError::BadZone("Europe/Atlantis".to_owned())
        );
        assert!(Schedule::cron("* * * * *", "").is_err());
    }
}
