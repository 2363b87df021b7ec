//! All jobs, and the work on those that have not ended.
//!
//! A job that has not ended is a task, such as `/root/jobs/job-7`. A job that is to end with its client is a task of
//! the client's request, such as `/root/http/…/job-7`. It asks the pool for its thumbnails. Another task, of the actor
//! here, outlives it and records how it ends.

mod actor;
mod run;
mod worker;

pub(crate) use actor::{JobsMsg, JobsOptions, Refusal, Submission, Watching};
pub(crate) use worker::workers;
pub use worker::{Shrink, Unmade, Work};
