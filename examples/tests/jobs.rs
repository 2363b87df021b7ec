//! The job service of `11-jobs`, over streams in memory.

#[path = "../../tests/common/mod.rs"]
mod common;
#[path = "../11-jobs/http.rs"]
mod http;
#[path = "../11-jobs/jobs.rs"]
mod jobs;
#[path = "../11-jobs/request.rs"]
mod request;
#[path = "../11-jobs/work.rs"]
mod work;

use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use common::paused;
use jobs::{Jobs, JobsMsg, Limits};
use tenure::StopError;
use tenure::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::time::{Instant, advance, sleep};

/// How long the service waits after a first failure.
const BACKOFF: Duration = Duration::from_millis(200);
/// A job that computes for longer than any test takes.
const ENDLESS: &str = "primes 18446744073709551615";

struct Service {
    system: System,
    jobs: ActorRef<JobsMsg>,
    lost: Receiver<String>,
}

impl Service {
    fn open(mut limits: Limits) -> Self {
        limits.backoff = limits.backoff.jitter(0.0);
        let (sender, lost) = mpsc::channel();
        // The tests move the clock by hand, which leaves a thread no time to see its token.
        let system = System::builder()
            .grace(Duration::from_secs(60))
            .patience(Duration::from_secs(3_600));
        let system = system.start().unwrap();
        let jobs = ChildSpec::new(Jobs::new(limits, sender)).name("jobs");
        let jobs = system.spawn(jobs).unwrap();
        Self { system, jobs, lost }
    }

    /// A connection over which these bytes were sent.
    async fn connect(&self, sent: &str) -> DuplexStream {
        let (mut ours, theirs) = duplex(64);
        let jobs = self.jobs.clone();
        let serve = |token| http::serve(theirs, jobs, token);
        self.system.task_with(serve).unwrap();
        ours.write_all(sent.as_bytes()).await.unwrap();
        ours
    }

    /// The status and the text of the answer.
    async fn send(&self, request: &str, body: &str) -> (u16, String) {
        let length = body.len();
        let sent = format!("{request} HTTP/1.1\r\nContent-Length: {length}\r\n\r\n{body}");
        answer(self.connect(&sent).await).await
    }

    async fn post(&self, work: &str) -> u64 {
        let (status, text) = self.send("POST /jobs", work).await;
        assert_eq!(status, 202, "{text}");
        text.parse().unwrap()
    }

    async fn state(&self, id: u64) -> String {
        self.send(&format!("GET /jobs/{id}"), "").await.1
    }

    async fn cancel(&self, id: u64) -> String {
        self.send(&format!("DELETE /jobs/{id}"), "").await.1
    }

    /// How the job has ended.
    async fn end_of(&self, id: u64) -> String {
        if let Some(job) = self.system.find(&format!("/jobs/job-{id}")) {
            job.stopped().await.unwrap();
        }
        self.state(id).await
    }
}

async fn answer(mut connection: DuplexStream) -> (u16, String) {
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await.unwrap();
    let (head, text) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, text.trim_end().to_owned())
}

#[test]
fn a_job_is_accepted_and_done_and_its_result_is_kept() {
    paused(async |_check| {
        let service = Service::open(Limits::default());
        let primes = service.post("primes 10000").await;
        let wait = service.post("wait 250").await;
        assert_eq!(service.end_of(primes).await, "done: 1229 primes");
        assert_eq!(service.end_of(wait).await, "done: waited 250 ms");
        assert_eq!(service.state(primes).await, "done: 1229 primes");
        assert_eq!(service.send("GET /jobs/99", "").await.0, 404);
        service.system.drain().await.unwrap();
        assert_eq!(service.lost.iter().count(), 0);
    });
}

#[test]
fn no_more_jobs_work_at_a_time_than_there_are_workers() {
    paused(async |_check| {
        let service = Service::open(Limits {
            workers: 2,
            ..Limits::default()
        });
        let began = Instant::now();
        for _ in 0..5 {
            service.post("wait 1000").await;
        }
        sleep(Duration::from_millis(500)).await;
        for (id, state) in [(2, "running, attempt 1"), (3, "queued"), (5, "queued")] {
            assert_eq!(service.state(id).await, state);
        }
        assert_eq!(service.end_of(5).await, "done: waited 1000 ms");
        assert_eq!(began.elapsed().as_secs(), 3);
        service.system.drain().await.unwrap();
    });
}

#[test]
fn a_job_that_fails_is_tried_again_and_given_up_after_so_many_attempts() {
    paused(async |_check| {
        let service = Service::open(Limits {
            attempts: 3,
            ..Limits::default()
        });
        let began = Instant::now();
        let lucky = service.post("flaky 2").await;
        let hopeless = service.post("flaky 3").await;
        sleep(BACKOFF / 2).await;
        assert_eq!(service.state(lucky).await, "to be tried again: no luck");
        assert_eq!(service.end_of(lucky).await, "done: worked at attempt 3");
        assert_eq!(service.end_of(hopeless).await, "failed: no luck");
        assert_eq!(began.elapsed().as_millis(), (3 * BACKOFF).as_millis());
        service.system.drain().await.unwrap();
    });
}

#[test]
fn a_panic_fails_the_attempt_and_nothing_else() {
    paused(async |_check| {
        let service = Service::open(Limits {
            attempts: 2,
            ..Limits::default()
        });
        let job = service.post("flaky 2").await;
        assert_eq!(
            service.end_of(job).await,
            "failed: panicked: no luck at all"
        );
        service.system.drain().await.unwrap();
    });
}

#[test]
fn a_cancelled_job_has_ended_wherever_it_was() {
    paused(async |_check| {
        let service = Service::open(Limits {
            workers: 1,
            ..Limits::default()
        });
        let retried = service.post("flaky 9").await;
        sleep(BACKOFF / 2).await;
        let computes = service.post(ENDLESS).await;
        let queued = service.post("wait 1").await;
        assert_eq!(service.state(computes).await, "running, attempt 1");
        for id in [queued, retried, computes] {
            assert_eq!(service.cancel(id).await, "cancelled");
            assert!(service.system.find(&format!("/jobs/job-{id}")).is_none());
        }
        // The thread has ended, too, and the worker is free.
        assert_eq!(service.jobs.node().children().len(), 0);
        let next = service.post("wait 1").await;
        assert_eq!(service.end_of(next).await, "done: waited 1 ms");
        assert_eq!(service.cancel(next).await, "done: waited 1 ms");
        assert_eq!(service.cancel(99).await, "no such job");
        service.system.drain().await.unwrap();
        assert_eq!(service.lost.iter().count(), 0);
    });
}

#[test]
fn a_job_for_which_there_is_no_room_is_refused() {
    paused(async |_check| {
        let service = Service::open(Limits {
            room: 2,
            ..Limits::default()
        });
        let first = service.post("wait 10").await;
        service.post("wait 20").await;
        let refused = service.send("POST /jobs", "wait 30").await;
        assert_eq!(refused, (503, "too many jobs".into()));
        service.end_of(first).await;
        service.post("wait 30").await;
        service.system.drain().await.unwrap();
    });
}

#[test]
fn a_job_outlives_the_connection_of_its_client() {
    paused(async |_check| {
        let service = Service::open(Limits::default());
        let request = "POST /jobs HTTP/1.1\r\nContent-Length: 9\r\n\r\nwait 1000";
        let mut connection = service.connect(request).await;
        connection.read_u8().await.unwrap();
        drop(connection);
        assert_eq!(service.end_of(1).await, "done: waited 1000 ms");
        service.system.drain().await.unwrap();
    });
}

#[test]
fn what_was_accepted_is_done_in_a_drain_with_its_retries() {
    paused(async |_check| {
        let service = Service::open(Limits {
            workers: 1,
            ..Limits::default()
        });
        for work in ["wait 1000", "primes 100000", "flaky 3", "wait 1000"] {
            service.post(work).await;
        }
        let began = Instant::now();
        service.system.drain().await.unwrap();
        assert!(began.elapsed() >= Duration::from_secs(2));
        assert_eq!(service.lost.iter().count(), 0);
    });
}

#[test]
fn what_does_not_end_within_the_grace_is_named() {
    paused(async |_check| {
        let service = Service::open(Limits {
            workers: 2,
            ..Limits::default()
        });
        for work in ["wait 1000", ENDLESS, "wait 60000", "wait 1"] {
            service.post(work).await;
        }
        // By hand, because the clock stands still while a thread computes.
        advance(Duration::from_secs(1)).await;
        assert_eq!(service.end_of(1).await, "done: waited 1000 ms");
        let time_passes = async {
            for _ in 0..2 * Limits::default().grace.as_secs() {
                advance(Duration::from_secs(1)).await;
            }
        };
        let (drained, ()) = tokio::join!(service.system.drain(), time_passes);
        assert!(
            matches!(drained, Err(StopError::CutShort(_))),
            "{drained:?}"
        );
        let expected = [
            format!("job-2, {ENDLESS}: running, attempt 1"),
            "job-3, wait 60000: running, attempt 1".into(),
            "job-4, wait 1: queued".into(),
        ];
        assert_eq!(Vec::from_iter(service.lost.iter()), expected);
    });
}

#[test]
fn what_is_killed_is_named() {
    paused(async |_check| {
        let service = Service::open(Limits::default());
        service.post("wait 1000").await;
        service.system.kill().await.unwrap();
        let lost = Vec::from_iter(service.lost.iter());
        assert_eq!(lost, ["job-1, wait 1000: running, attempt 1"]);
    });
}

#[test]
fn what_is_no_request_is_answered_all_the_same() {
    paused(async |_check| {
        let service = Service::open(Limits::default());
        let too_long = format!("GET /{} HTTP/1.1\r\n", "x".repeat(5_000));
        for request in [
            "nonsense\r\n\r\n",
            "POST /jobs\r\nContent-Length: x\r\n",
            &too_long,
        ] {
            let (mut ours, theirs) = duplex(8_192);
            ours.write_all(request.as_bytes()).await.unwrap();
            let jobs = service.jobs.clone();
            let serve = |token| http::serve(theirs, jobs, token);
            service.system.task_with(serve).unwrap();
            assert_eq!(answer(ours).await.0, 400, "{request:.20}");
        }
        assert_eq!(service.send("POST /jobs", "dance 7").await.0, 400);
        assert_eq!(service.send("PUT /jobs/1", "").await.0, 404);
        let began = Instant::now();
        let slow = service.connect("GET /jo").await;
        assert_eq!(answer(slow).await.0, 408);
        assert_eq!(began.elapsed().as_secs(), 5);
        assert!(service.send("GET /tree", "").await.1.contains("/jobs"));
        service.system.drain().await.unwrap();
    });
}
