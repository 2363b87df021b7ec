//! Jobs at certain times: every so often, after a time, and by a cron expression in a time zone.

use std::time::{Duration, SystemTime};

use tenure::prelude::*;
use tenure_actors::scheduler::{Job, Missed, Schedule, SchedulerMsg, SchedulerOptions};
use tokio::time::sleep;

#[tokio::main]
async fn main() -> Result<(), RunError> {
    tenure::scope(async |scope| {
        let sweep = Job::new(
            "sweep",
            Schedule::every(Duration::from_millis(200)),
            || async {
                println!("swept");
                Ok(())
            },
        );
        let hello = Job::new(
            "hello",
            Schedule::after(Duration::from_millis(500)),
            || async {
                println!("hello, once");
                Ok(())
            },
        );
        // It fails. That is counted, and fails nothing else.
        let backup = Job::new(
            "backup",
            Schedule::every(Duration::from_millis(700)),
            || async { Err("no disk".into()) },
        );
        // In the time zone of the readers. A report that was missed is not made later.
        let report = Schedule::cron("30 8 * * MON-FRI", "Europe/Berlin")?;
        let report = Job::new("report", report, || async { Ok(()) }).missed(Missed::Skip);

        let jobs = [sweep, hello, backup, report];
        let scheduler = jobs
            .into_iter()
            .fold(SchedulerOptions::new(), SchedulerOptions::job);
        let scheduler = scope.spawn(scheduler.spec().name("jobs"))?;
        sleep(Duration::from_millis(1_500)).await;
        for job in scheduler.ask(SchedulerMsg::List).await? {
            let next = job
                .next
                .and_then(|at| at.duration_since(SystemTime::now()).ok());
            let next = next.map_or(0, |time| time.as_secs());
            let failure = job.last_failure.map(|failure| format!(" ({failure})"));
            let failure = failure.unwrap_or_default();
            println!(
                "{}: {} runs, {} failed{failure}, next in {next} s",
                job.name, job.runs, job.failures
            );
        }
        Ok(())
    })
    .await
}
