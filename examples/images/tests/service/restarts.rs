//! Parts of the service that fail or panic, and what their restart policies do then.

use std::io::ErrorKind;
use std::sync::{Arc, Mutex, mpsc};

use images::settings::Limits;
use tokio::io::AsyncWriteExt;

use crate::client::{head, open};
use crate::disk::{Disk, panic_quietly};
use crate::pictures;
use crate::running::{Running, next, service};

fn with_workers(workers: usize) -> Limits {
    Limits {
        workers,
        ..Limits::default()
    }
}

#[tenure::test(flavor = "multi_thread", timeout = "120s", patience = "10s")]
async fn decoder_that_panics_costs_one_job_and_its_worker_however_often() {
    // The worker panics at images of this size only.
    let bad = pictures::encoded(image::ImageFormat::Png, 13, 13);
    let panics_on = bad.clone();
    let decoder = Arc::new(move |bytes: &[u8], _: &mut dyn FnMut(usize) -> bool| {
        if bytes == panics_on {
            panic_quietly("a decoder that panics");
        }
        Ok(Some(Vec::new()))
    });
    let service = service(&Disk::default(), with_workers(2)).with_shrink(decoder);
    let running = Running::of(service).await;
    // More panics than the restart policy of any single child allows.
    let mut posted = Vec::new();
    for _ in 0..10 {
        posted.push((running.post(&bad).await.id(), "failed"));
        posted.push((running.post(&pictures::png()).await.id(), "done"));
    }
    for (id, state) in posted {
        let job = running.job_that_is(id, state).await;
        if state == "failed" {
            assert_eq!(job["why"], "its worker has failed");
        }
    }
    let jobs = &running.get("/stats").await.json()["jobs"];
    assert_eq!((&jobs["failed"], &jobs["done"]), (&10.into(), &10.into()));
    running.drain().await;
}

#[tenure::test(flavor = "multi_thread", timeout = "120s", patience = "10s")]
async fn jobs_that_wait_for_the_only_worker_are_done_although_it_panics() {
    let (let_go, gate) = mpsc::channel::<()>();
    let gate = Mutex::new(Some(gate));
    // The first job panics when it is told to. The others are done.
    let decoder = Arc::new(move |_: &[u8], goes_on: &mut dyn FnMut(usize) -> bool| {
        goes_on(0);
        let first = gate.lock().unwrap().take();
        if let Some(gate) = first {
            gate.recv().unwrap_or_default();
            panic_quietly("a decoder that panics");
        }
        Ok(Some(Vec::new()))
    });
    let service = service(&Disk::default(), with_workers(1)).with_shrink(decoder);
    let running = Running::of(service).await;
    let panics = running.post(&pictures::png()).await.id();
    running.job_that_is(panics, "working").await;
    let mut wait = Vec::new();
    for _ in 0..5 {
        wait.push(running.post(&pictures::png()).await.id());
    }
    let_go.send(()).unwrap();
    running.job_that_is(panics, "failed").await;
    for id in wait {
        running.job_that_is(id, "done").await;
    }
    running.drain().await;
}

/// Has the store open its database again, and panic at that this many times.
async fn panic_in_the_store(running: &Running, disk: &Disk, times: u32) {
    disk.fail(ErrorKind::Other);
    assert_eq!(running.post(&pictures::png()).await.status, 503);
    disk.heal();
    disk.panic(times);
}

#[tenure::test(flavor = "multi_thread", timeout = "120s", patience = "10s")]
async fn store_that_panics_is_restarted_and_loses_no_job() {
    let disk = Disk::default();
    let (running, mut probe) = Running::with_probe(&disk, Limits::default()).await;
    let id = running.post(&pictures::png()).await.id();
    let work = next(&mut probe).await;
    // The thread panics, and then two of the starts that the policy allows.
    panic_in_the_store(&running, &disk, 3).await;
    let answer = running.post(&pictures::png()).await;
    assert_eq!(answer.status, 500, "{}", answer.text());
    assert_eq!(running.refused("unanswered").await, 1);
    assert_eq!(disk.panics_left(), 0);

    work.finish(Ok(Vec::new()));
    running.job_that_is(id, "done").await;
    let next = running.post(&pictures::png()).await.id();
    assert_eq!(
        next,
        id + 1,
        "those that were refused have never been there"
    );
    running.drain().await;
}

#[tenure::test(flavor = "multi_thread", timeout = "120s", patience = "10s")]
async fn store_that_panics_again_and_again_ends_the_service_and_loses_no_job() {
    let disk = Disk::default();
    let (running, mut probe) = Running::with_probe(&disk, Limits::default()).await;
    let id = running.post(&pictures::png()).await.id();
    let work = next(&mut probe).await;
    panic_in_the_store(&running, &disk, u32::MAX).await;
    let image = pictures::png();
    let length = format!("Content-Length: {}\r\n", image.len());
    let mut client = open(running.address, &head("POST", "/jobs", &length)).await;
    client.write_all(&image).await.unwrap();

    let failure = running.system.stopped().await.unwrap_err();
    let text = format!("{failure:?}");
    assert!(text.contains("/root/store"), "{text}");
    assert!(text.contains("restart"), "{text}");
    assert!(text.contains("a disk that panics"), "{text}");
    // The thread, and each of the starts that the policy allows.
    assert_eq!(u32::MAX - disk.panics_left(), 4);
    drop((work, client));

    disk.heal();
    let running = Running::start(&disk, Limits::default()).await;
    running.job_that_is(id, "done").await;
    running.drain().await;
}
