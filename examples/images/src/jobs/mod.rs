//! All jobs that are known, and the work at those that have not ended.
//!
//! A job that waits or is worked at is a task, such as `/root/jobs/job-7`. One that is to end with its client is a task
//! of its client's request, such as `/root/http/…/job-7`. It asks the pool for its thumbnails; what has become of it is
//! recorded by a task of this actor's own, which outlives the job.

mod actor;
mod run;
mod worker;

pub(crate) use actor::{JobsMsg, JobsOptions, Refusal, Submission, Watching};
pub(crate) use worker::workers;
pub use worker::{Shrink, Unmade, Work};
