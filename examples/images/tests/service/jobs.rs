//! Jobs from their post to their end.

use std::time::Duration;

use image::ImageFormat;
use images::jobs::{Unmade, Work};
use images::settings::Limits;
use tenure::prelude::*;
use tenure_actors::pool::{Blocking, Pool};
use tokio::io::AsyncWriteExt;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::client::{head, open, parse, read_until, send, send_raw};
use crate::disk::Disk;
use crate::pictures;
use crate::running::{Running, next, service};

#[tenure::test(flavor = "multi_thread", timeout = "120s", patience = "10s")]
async fn each_format_becomes_thumbnails_of_all_sizes() {
    let running = Running::start(&Disk::default(), Limits::default()).await;
    let formats = [
        (ImageFormat::Png, "png"),
        (ImageFormat::Jpeg, "jpg"),
        (ImageFormat::Gif, "gif"),
        (ImageFormat::WebP, "webp"),
    ];
    for (format, name) in formats {
        let image = pictures::encoded(format, 300, 150);
        let id = running.post(&image).await.id();
        let job = running.job_that_is(id, "done").await;
        assert_eq!(job["format"], name);
        assert_eq!((&job["width"], &job["height"]), (&300.into(), &150.into()));
        // A picture is never enlarged.
        for (size, width, height) in [(128, 128, 64), (512, 300, 150), (1024, 300, 150)] {
            let answer = running.get(&format!("/jobs/{id}/{size}")).await;
            assert_eq!(answer.status, 200);
            assert!(answer.has("content-type: image/jpeg"));
            let thumbnail = image::load_from_memory(&answer.body).unwrap();
            assert_eq!((thumbnail.width(), thumbnail.height()), (width, height));
        }
    }
    running.drain().await;
}

#[tenure::test(flavor = "multi_thread", timeout = "120s", patience = "10s")]
async fn what_can_be_seen_through_stays_so() {
    let running = Running::start(&Disk::default(), Limits::default()).await;
    let id = running.post(&pictures::see_through()).await.id();
    running.job_that_is(id, "done").await;
    let answer = running.get(&format!("/jobs/{id}/128")).await;
    assert!(answer.has("content-type: image/png"));
    running.drain().await;
}

#[tenure::test(flavor = "multi_thread", timeout = "120s", patience = "10s")]
async fn file_of_a_form_brings_its_name_and_a_query_goes_before_it() {
    let running = Running::start(&Disk::default(), Limits::default()).await;
    let mut body = b"--X\r\nContent-Disposition: form-data; name=\"note\"\r\n\r\nhi\r\n--X\r\n\
        Content-Disposition: form-data; name=\"image\"; filename=\"cat.png\"\r\n\r\n"
        .to_vec();
    body.extend(pictures::png());
    body.extend(b"\r\n--X--\r\n");
    let length = body.len();
    let fields =
        format!("Content-Type: multipart/form-data; boundary=X\r\nContent-Length: {length}\r\n");
    for (target, name) in [("/jobs", "cat.png"), ("/jobs?name=dog", "dog")] {
        let answer = send_raw(running.address, &head("POST", target, &fields), &body).await;
        assert_eq!(answer.json()["name"], name);
        assert!(answer.has("location: /jobs/"));
    }
    running.drain().await;
}

#[tenure::test(flavor = "multi_thread", timeout = "120s", patience = "10s")]
async fn cancel_is_answered_when_the_work_has_ended() {
    let (running, mut probe) = Running::with_probe(&Disk::default(), Limits::default()).await;
    let id = running.post(&pictures::png()).await.id();
    let work = next(&mut probe).await;
    work.made(1);
    let job = running.job_that_is(id, "working").await;
    assert_eq!(job["made"], 1);

    let cancel = head("DELETE", &format!("/jobs/{id}"), "");
    let mut cancel = open(running.address, &cancel).await;
    while work.is_wanted() {
        sleep(Duration::from_millis(1)).await;
    }
    // The job was told to end and has not ended, so it is still shown as working.
    assert_eq!(running.job(id).await["state"], "working");
    work.finish(Err(Unmade::Cancelled));
    let answer = read_until(&mut cancel, "}").await;
    assert_eq!(parse(answer.as_bytes()).json()["state"], "cancelled");
    let stats = running.get("/stats").await.json();
    assert_eq!(stats["jobs"]["cancelled"], 1);
    running.drain().await;
}

/// The same with a thread that works until it sees that it should end.
#[tenure::test(flavor = "multi_thread", timeout = "120s", patience = "10s")]
async fn cancel_ends_the_work_on_its_thread() {
    let thread = Blocking::new(|work: Work, token: &CancellationToken| {
        work.begin();
        work.made(1);
        while work.is_wanted() && !token.is_cancelled() {
            std::thread::sleep(Duration::from_millis(1));
        }
        work.finish(Err(Unmade::Cancelled));
        Ok(())
    });
    let system = System::start().unwrap();
    let workers = system.spawn(Pool::of(1, move |_| thread.clone())).unwrap();
    let service = service(&Disk::default(), Limits::default()).with_workers(workers);
    let running = Running::on(system, service).await;
    // The second job only has its turn once the thread of the first is free.
    for _ in 0..2 {
        let id = running.post(&pictures::png()).await.id();
        running.job_that_is(id, "working").await;
        let answer = running.delete(&format!("/jobs/{id}")).await;
        assert_eq!(answer.json()["state"], "cancelled");
        let tree = running.system.snapshot().to_string();
        assert!(!tree.contains("/job-"), "{tree}");
    }
    running.drain().await;
}

#[tenure::test(flavor = "multi_thread", timeout = "120s", patience = "10s")]
async fn job_that_was_asked_for_so_ends_with_its_client() {
    let (running, mut probe) = Running::with_probe(&Disk::default(), Limits::default()).await;
    let image = pictures::png();
    let length = format!("Content-Length: {}\r\n", image.len());
    let mut client = open(running.address, &head("POST", "/jobs?with=client", &length)).await;
    client.write_all(&image).await.unwrap();
    let came = read_until(&mut client, "\"queued\"").await;
    assert!(came.starts_with("HTTP/1.1 202"), "{came}");
    let work = next(&mut probe).await;
    let tree = running.system.snapshot().to_string();
    assert!(tree.contains(&format!("/job-{}", work.id())), "{tree}");

    drop(client);
    let job = running.job_that_is(work.id(), "cancelled").await;
    assert_eq!(job["why"], "its client has gone");
    assert!(!work.is_wanted());
    drop(work);
    running.drain().await;
}

#[tenure::test(flavor = "multi_thread", timeout = "120s", patience = "10s")]
async fn crash_ends_what_was_to_end_with_its_client_and_nothing_else() {
    let disk = Disk::default();
    let (running, _probe) = Running::with_probe(&disk, Limits::default()).await;
    let image = pictures::png();
    let length = format!("Content-Length: {}\r\n", image.len());
    let bound = head("POST", "/jobs?with=client", &length);
    let mut client = open(running.address, &bound).await;
    client.write_all(&image).await.unwrap();
    read_until(&mut client, "\"queued\"").await;
    let other = running.post(&image).await.id();

    // The disk as it is in the middle of the work.
    let after = Running::start(&disk.after_the_cut(), Limits::default()).await;
    let job = after.job_that_is(other - 1, "cancelled").await;
    assert_eq!(job["why"], "its client has gone");
    after.job_that_is(other, "done").await;
    after.drain().await;
    drop(client);
    running.drain().await;
}

#[tenure::test(flavor = "multi_thread", timeout = "120s", patience = "10s")]
async fn job_outlives_its_client_unless_that_was_asked_for() {
    let (running, mut probe) = Running::with_probe(&Disk::default(), Limits::default()).await;
    // The client closes its connection after the answer.
    let id = running.post(&pictures::png()).await.id();
    let work = next(&mut probe).await;
    assert!(work.is_wanted());
    work.finish(Ok(Vec::new()));
    running.job_that_is(id, "done").await;
    running.drain().await;
}

#[tenure::test(flavor = "multi_thread", timeout = "120s", patience = "10s")]
async fn client_that_stays_is_told_all_that_becomes_of_its_job() {
    let (running, mut probe) = Running::with_probe(&Disk::default(), Limits::default()).await;
    let image = pictures::png();
    let length = format!("Content-Length: {}\r\n", image.len());
    let mut client = open(running.address, &head("POST", "/jobs?with=client", &length)).await;
    client.write_all(&image).await.unwrap();
    let work = next(&mut probe).await;
    work.made(2);
    read_until(&mut client, "\"made\":2").await;
    work.finish(Ok(Vec::new()));
    // The stream ends with the job.
    let last = read_until(&mut client, "\r\n0\r\n\r\n").await;
    assert!(last.contains("\"done\""), "{last}");
    // A client that keeps its connection open makes the server linger.
    drop(client);
    running.drain().await;
}

#[tenure::test(flavor = "multi_thread", timeout = "120s", patience = "10s")]
async fn viewer_is_sent_all_jobs_and_then_what_changes() {
    let (running, mut probe) = Running::with_probe(&Disk::default(), Limits::default()).await;
    let first = running.post(&pictures::png()).await.id();
    let work = next(&mut probe).await;
    let mut viewer = open(running.address, &head("GET", "/events", "")).await;
    read_until(&mut viewer, "event: jobs\ndata: [{").await;
    let mut one = open(
        running.address,
        &head("GET", &format!("/jobs/{first}/events"), ""),
    )
    .await;
    read_until(&mut one, "event: job\n").await;
    let second = running.post(&pictures::png()).await.id();
    read_until(&mut viewer, &format!("\"id\":{second}")).await;
    work.finish(Ok(Vec::new()));
    read_until(&mut viewer, "\"done\"").await;
    let came = read_until(&mut one, "\"done\"").await;
    assert!(!came.contains(&format!("\"id\":{second}")));
    running.drain().await;
}

#[tenure::test(flavor = "multi_thread", timeout = "120s", patience = "10s")]
async fn drain_tells_viewers_and_leaves_what_waits_for_the_next_start() {
    let disk = Disk::default();
    let (running, mut probe) = Running::with_probe(&disk, Limits::default()).await;
    let worked_at = running.post(&pictures::png()).await.id();
    let work = next(&mut probe).await;
    let waits = running.post(&pictures::png()).await.id();
    let mut viewer = open(running.address, &head("GET", "/events", "")).await;
    read_until(&mut viewer, "event: jobs").await;

    let drained = running.system.drain();
    read_until(&mut viewer, "event: closing").await;
    // A job that is being worked at may come to its end.
    work.finish(Ok(Vec::new()));
    drained.await.unwrap();

    let running = Running::start(&disk, Limits::default()).await;
    assert_eq!(running.job(worked_at).await["state"], "done");
    running.job_that_is(waits, "done").await;
    running.drain().await;
}

#[tenure::test(flavor = "multi_thread", timeout = "120s", patience = "10s")]
async fn work_that_takes_longer_than_a_drain_has_is_left_for_the_next_start() {
    let limits = Limits {
        finish: Duration::from_millis(50),
        ..Limits::default()
    };
    let disk = Disk::default();
    let (running, mut probe) = Running::with_probe(&disk, limits).await;
    let id = running.post(&pictures::png()).await.id();
    let work = next(&mut probe).await;
    running.system.drain().await.unwrap();
    assert!(!work.is_wanted());
    drop(work);
    let running = Running::start(&disk, limits).await;
    running.job_that_is(id, "done").await;
    running.drain().await;
}

#[tenure::test(flavor = "multi_thread", timeout = "120s", patience = "10s")]
async fn oldest_jobs_make_room() {
    let limits = Limits {
        kept: 1,
        ..Limits::default()
    };
    let running = Running::start(&Disk::default(), limits).await;
    for _ in 0..4 {
        let id = running.post(&pictures::png()).await.id();
        running.job_that_is(id, "done").await;
    }
    // The job of the last post, and the one that is kept. Room is made when a post comes.
    let jobs = running.get("/jobs").await.json();
    let ids: Vec<_> = jobs
        .as_array()
        .unwrap()
        .iter()
        .map(|job| job["id"].clone())
        .collect();
    assert_eq!(ids, [3, 4]);
    assert_eq!(running.get("/jobs/1/128").await.status, 404);
    assert_eq!(running.get("/stats").await.json()["jobs"]["done"], 4);
    running.drain().await;
}

#[tenure::test(flavor = "multi_thread", timeout = "120s", patience = "10s")]
async fn page_and_dashboard_are_served_with_a_strict_policy() {
    let running = Running::start(&Disk::default(), Limits::default()).await;
    for target in [
        "/",
        "/page.css",
        "/page.js",
        "/icon.svg",
        "/tree/index.html",
    ] {
        let answer = running.get(target).await;
        assert_eq!(answer.status, 200, "{target}");
        assert!(answer.has("content-security-policy: default-src 'none'"));
        assert!(answer.has("x-content-type-options: nosniff"));
    }
    let tree = running.get("/tree/tree.txt").await.text();
    assert!(tree.contains("/root/store"), "{tree}");
    let other = send(running.address, "PUT", "/jobs", b"x").await;
    assert_eq!(other.status, 405);
    running.drain().await;
}

#[tenure::test(flavor = "multi_thread", timeout = "120s", patience = "10s")]
async fn work_that_its_worker_gives_up_is_handed_out_again() {
    let (running, mut probe) = Running::with_probe(&Disk::default(), Limits::default()).await;
    let id = running.post(&pictures::png()).await.id();
    next(&mut probe).await.finish(Err(Unmade::Cancelled));
    next(&mut probe).await.finish(Ok(Vec::new()));
    running.job_that_is(id, "done").await;
    running.drain().await;
}
