//! A service that takes jobs over HTTP, and answers for each that it has taken.
//!
//! The tree: `/root` owns `/root/jobs`, which knows what has become of each job and owns a task for each that has not
//! ended, such as `/root/jobs/job-7`; and `/root/http`, which owns the listener and a task for each connection.
//!
//! - A job is its own node: it waits its turn there, works, and is tried again there. Whoever posted it may go.
//! - There are so many workers, and no more jobs work at a time. What computes is on a thread of its own.
//! - A job is cancelled by a stop of its node. Once that is answered, nothing of its work is left, on no thread.
//! - There is room for so many jobs. Any more are refused with 503.
//! - On SIGTERM the listener closes, and jobs that were accepted have a grace to end, retries and all. Those that have
//!   not ended by then, or when a second signal kills the service, are named.
//!
//! ```sh
//! cargo run --example 11-jobs
//! curl --data 'primes 1000000' http://127.0.0.1:3000/jobs    # or: wait 2000, flaky 2
//! curl http://127.0.0.1:3000/jobs/1
//! curl -X DELETE http://127.0.0.1:3000/jobs/1
//! ```

mod http;
mod jobs;
mod request;
mod server;
mod work;

use std::sync::mpsc;
use std::time::Duration;

use jobs::{Jobs, Limits};
use tenure::prelude::*;

fn main() -> tenure::Result {
    tracing_subscriber::fmt().with_target(false).init();
    let port = std::env::var("PORT").map_or(Ok(3000), |port| port.parse())?;
    let limits = Limits::default();
    let grace = limits.grace + server::GRACE + Duration::from_secs(1);
    let (lost, named) = mpsc::channel();
    let service = Group::new()
        .with(ChildSpec::new(Jobs::new(limits, lost)).name("jobs"))
        .with(ChildSpec::new(server::Server { port }).name("http"));
    let ended = System::builder()
        .name("jobs")
        .grace(grace)
        .on_signals()
        .block_on(service);
    for job in named.try_iter() {
        println!("lost: {job}");
    }
    ended?;
    println!("everything is joined");
    Ok(())
}
