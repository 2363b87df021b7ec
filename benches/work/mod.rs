//! The workloads, each written once for all kits.

#![allow(dead_code, reason = "each bench uses a part of it")]
#![allow(
    clippy::disallowed_methods,
    reason = "what drives the actors is no part of any kit"
)]

pub(crate) mod latency;
pub(crate) mod lifecycle;
pub(crate) mod memory;
pub(crate) mod messages;

use std::future::Future;
use std::time::{Duration, Instant};

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).expect("no work takes centuries")
}

async fn timed(work: impl Future<Output = ()>) -> u64 {
    let start = Instant::now();
    work.await;
    nanos(start.elapsed())
}
