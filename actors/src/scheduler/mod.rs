//! Runs jobs at certain times: at a time, after a time, periodically, or by a cron expression.
//!
//! A [`Scheduler`] is an actor that owns its jobs and their runs. A [`Job`] has a name, a [`Schedule`] and something to
//! do. Each run is a task beneath the scheduler, so it is listed, drained, stopped and joined with it. A run that fails
//! is traced and counted, and fails nobody. Each job says what to do about runs that were missed ([`Missed`]), and when
//! the previous run took too long ([`Overlap`]).
//!
//! [`Schedule::after`] and [`Schedule::every`] use the monotonic clock. [`Schedule::at`] and `Schedule::cron` (feature
//! `cron`) use the system clock; the scheduler reads it at least once a minute, so they stay right when it is set. In a
//! test both can run with tokio's clock, which may be paused, from a given time on ([`SchedulerOptions::clock_from`]).
//!
//! ```
//! # use std::time::Duration;
//! use tenure::prelude::*;
//! use tenure_actors::scheduler::{Job, Schedule, SchedulerMsg, SchedulerOptions};
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> Result<(), RunError> {
//! tenure::scope(async |scope| {
//!     let sweep = Job::new("sweep", Schedule::every(Duration::from_secs(60)), || async {
//!         // remove what is too old
//!         Ok(())
//!     });
//!     let scheduler = scope.spawn(SchedulerOptions::new().job(sweep).spec().name("jobs"))?;
//!
//!     let once = Job::new("hello", Schedule::after(Duration::from_secs(5)), || async { Ok(()) });
//!     scheduler.ask(|reply| SchedulerMsg::Add(once, reply)).await??;
//!     tokio::time::sleep(Duration::from_secs(121)).await;
//!     let jobs = scheduler.ask(SchedulerMsg::List).await?;
//!     assert_eq!((jobs.len(), jobs[0].name.as_str(), jobs[0].runs), (1, "sweep", 2));
//!     Ok(())
//! })
//! .await
//! # }
//! ```

mod actor;
mod clock;
#[cfg(feature = "cron")]
mod cron;
mod entry;
mod error;
mod job;
mod options;
mod schedule;

pub use actor::{Scheduler, SchedulerMsg};
pub use entry::JobInfo;
pub use error::SchedulerError;
pub use job::{Job, Missed, Overlap};
pub use options::SchedulerOptions;
pub use schedule::Schedule;
