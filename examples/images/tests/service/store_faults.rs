//! A store that is full, fails, or cannot be opened.

use std::io::ErrorKind;

use images::service::Service;
use images::settings::{Limits, Settings};
use tenure::prelude::*;

use crate::disk::Disk;
use crate::pictures;
use crate::process::Folder;
use crate::running::{Running, next, service};

#[tenure::test(flavor = "multi_thread", timeout = "120s", patience = "10s")]
async fn full_store_refuses_new_jobs_and_loses_none() {
    let image = pictures::png();
    let limits = Limits {
        store_bytes: image.len() as u64 + 10,
        ..Limits::default()
    };
    let (running, mut probe) = Running::with_probe(&Disk::default(), limits).await;
    let id = running.post(&image).await.id();
    let answer = running.post(&image).await;
    assert_eq!((answer.status, answer.has("retry-after")), (503, true));
    assert_eq!(answer.json()["error"], "the store is full");
    assert_eq!(running.refused("store_full").await, 1);
    // The job that is there is done, which makes room.
    next(&mut probe).await.finish(Ok(Vec::new()));
    running.job_that_is(id, "done").await;
    running.post(&image).await.id();
    running.drain().await;
}

#[tenure::test(flavor = "multi_thread", timeout = "120s", patience = "10s")]
async fn store_that_fails_refuses_new_jobs_and_loses_none() {
    for kind in [ErrorKind::StorageFull, ErrorKind::Other] {
        let disk = Disk::default();
        let (running, mut probe) = Running::with_probe(&disk, Limits::default()).await;
        let id = running.post(&pictures::png()).await.id();
        let work = next(&mut probe).await;

        disk.fail(kind);
        for _ in 0..3 {
            let answer = running.post(&pictures::png()).await;
            assert_eq!((answer.status, answer.has("retry-after")), (503, true));
        }
        // The work is done, and kept until its result can be stored.
        work.finish(Ok(Vec::new()));
        let answer = running.post(&pictures::png()).await;
        assert_eq!(answer.status, 503);
        assert_ne!(running.job(id).await["state"], "done");

        disk.heal();
        running.job_that_is(id, "done").await;
        let next = running.post(&pictures::png()).await.id();
        assert_eq!(running.refused("store_failed").await, 4);
        // The refused jobs leave no gap in the numbers.
        assert_eq!(next, id + 1);
        running.drain().await;
    }
}

#[tenure::test(flavor = "multi_thread", timeout = "120s", patience = "10s")]
async fn image_that_cannot_be_read_for_a_while_is_done_all_the_same() {
    let disk = Disk::default();
    let (running, mut probe) = Running::with_probe(&disk, Limits::default()).await;
    let id = running.post(&pictures::png()).await.id();
    let failed = images::store::StoreError::from(redb::StorageError::PreviousIo);
    next(&mut probe)
        .await
        .finish(Err(images::jobs::Unmade::Store(failed)));
    // The job is handed out again.
    next(&mut probe).await.finish(Ok(Vec::new()));
    running.job_that_is(id, "done").await;
    running.drain().await;
}

/// The error with which a start fails, as a text.
async fn why_not(service: Service) -> String {
    let system = System::start().unwrap();
    let error = system.start(service).await.unwrap_err();
    system.stop().await.unwrap();
    format!("{error:?}")
}

#[tenure::test(flavor = "multi_thread", timeout = "120s", patience = "10s")]
async fn store_that_cannot_be_opened_fails_the_start() {
    let disk = Disk::default();
    disk.fail(ErrorKind::PermissionDenied);
    let why = why_not(service(&disk, Limits::default())).await;
    assert!(why.contains("the store cannot be used"), "{why}");
}

#[tenure::test(flavor = "multi_thread", timeout = "120s", patience = "10s")]
async fn folder_that_another_service_uses_fails_the_start_and_is_left_alone() {
    let folder = Folder::new("shared");
    let settings = Settings {
        address: ([127, 0, 0, 1], 0).into(),
        names: Vec::new(),
        data: folder.path().to_owned(),
        limits: Limits::default(),
    };
    let running = Running::of(Service::new(settings.clone())).await;
    let why = why_not(Service::new(settings)).await;
    assert!(why.contains("already open"), "{why}");
    let id = running.post(&pictures::png()).await.id();
    running.job_that_is(id, "done").await;
    running.drain().await;
}

#[tenure::test(flavor = "multi_thread", timeout = "120s", patience = "10s")]
async fn port_in_use_fails_the_start_with_its_address() {
    let running = Running::start(&Disk::default(), Limits::default()).await;
    let folder = Folder::new("port");
    let settings = Settings {
        address: running.address,
        names: Vec::new(),
        data: folder.path().join("data"),
        limits: Limits::default(),
    };
    let why = why_not(Service::new(settings.clone())).await;
    let expected = format!("cannot listen to {}", running.address);
    assert!(why.contains(&expected), "{why}");
    assert!(!settings.data.exists());
    running.drain().await;
}
