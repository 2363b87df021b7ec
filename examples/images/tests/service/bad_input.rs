//! Each row of the table in `README.md`: what the client is told, and what is counted.

use images::settings::Limits;
use tokio::io::AsyncWriteExt;

use crate::client::{Answer, head, open, read_until, send, send_raw};
use crate::disk::Disk;
use crate::pictures;
use crate::running::{Running, next};

async fn assert_refused(running: &Running, answer: &Answer, status: u16, reason: &str) {
    assert_eq!(answer.status, status, "{}", answer.text());
    assert!(answer.json()["error"].is_string());
    assert_eq!(running.refused(reason).await, 1, "{reason}");
    let is_temporary = [429, 503].contains(&status);
    assert_eq!(
        answer.has("retry-after"),
        is_temporary || reason == "not_done"
    );
}

#[tenure::test(flavor = "multi_thread", timeout = "120s", patience = "10s")]
async fn what_is_no_image() {
    let running = Running::start(&Disk::default(), Limits::default()).await;
    let answer = running.post(b"hello").await;
    assert_refused(&running, &answer, 415, "not_an_image").await;
    // An empty body, and a format that is not served.
    assert_eq!(running.post(b"").await.status, 415);
    assert_eq!(
        running
            .post(b"BM000000000000000000000000000000000000")
            .await
            .status,
        415
    );
    running.drain().await;
}

#[tenure::test(flavor = "multi_thread", timeout = "120s", patience = "10s")]
async fn image_whose_head_is_cut_off() {
    let running = Running::start(&Disk::default(), Limits::default()).await;
    let answer = running.post(&pictures::png()[..20]).await;
    assert_refused(&running, &answer, 422, "broken_image").await;
    running.drain().await;
}

#[tenure::test(flavor = "multi_thread", timeout = "120s", patience = "10s")]
async fn image_that_is_broken_behind_its_head_fails_its_job() {
    let running = Running::start(&Disk::default(), Limits::default()).await;
    let id = running.post(&pictures::torn()).await.id();
    let job = running.job_that_is(id, "failed").await;
    assert!(job["why"].is_string());
    let answer = running.get(&format!("/jobs/{id}/128")).await;
    assert_refused(&running, &answer, 410, "failed").await;
    running.drain().await;
}

#[tenure::test(flavor = "multi_thread", timeout = "120s", patience = "10s")]
async fn small_file_that_unpacks_to_too_many_pixels() {
    let running = Running::start(&Disk::default(), Limits::default()).await;
    let answer = running.post(&pictures::huge(100_000, 100_000)).await;
    assert_refused(&running, &answer, 413, "too_many_pixels").await;
    let none = serde_json::json!([]);
    assert_eq!(running.get("/jobs").await.json(), none);
    running.drain().await;
}

#[tenure::test(flavor = "multi_thread", timeout = "120s", patience = "10s")]
async fn body_that_is_too_large() {
    let limits = Limits {
        body_bytes: 100_000,
        ..Limits::default()
    };
    let running = Running::start(&Disk::default(), limits).await;
    // Refused for its declared length before it is sent, and for what comes.
    let declared = head("POST", "/jobs", "Content-Length: 100001\r\n");
    assert_eq!(send_raw(running.address, &declared, b"").await.status, 413);
    let chunked = head("POST", "/jobs", "Transfer-Encoding: chunked\r\n");
    let mut body = b"186a1\r\n".to_vec();
    body.extend([0; 100_001]);
    assert_eq!(send_raw(running.address, &chunked, &body).await.status, 413);
    assert_eq!(running.http("bodies_too_large").await, 2);
    running.drain().await;
}

#[tenure::test(flavor = "multi_thread", timeout = "120s", patience = "10s")]
async fn forms_without_a_file_or_without_an_end() {
    let running = Running::start(&Disk::default(), Limits::default()).await;
    let form = async |body: &str| {
        let kind = "Content-Type: multipart/form-data; boundary=X\r\n";
        let fields = format!("{kind}Content-Length: {}\r\n", body.len());
        send_raw(
            running.address,
            &head("POST", "/jobs", &fields),
            body.as_bytes(),
        )
        .await
    };
    let text = "--X\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nb\r\n--X--\r\n";
    assert_refused(&running, &form(text).await, 400, "no_file").await;
    assert_refused(
        &running,
        &form("--X\r\nContent-Disp").await,
        400,
        "bad_body",
    )
    .await;
    running.drain().await;
}

#[tenure::test(flavor = "multi_thread", timeout = "120s", patience = "10s")]
async fn query_that_makes_no_sense() {
    let running = Running::start(&Disk::default(), Limits::default()).await;
    let post = async |query: &str| {
        let target = format!("/jobs?{query}");
        send(running.address, "POST", &target, &pictures::png()).await
    };
    assert_refused(&running, &post("with=nobody").await, 400, "bad_query").await;
    assert_eq!(post("wiht=client").await.status, 400);
    running.drain().await;
}

#[tenure::test(flavor = "multi_thread", timeout = "120s", patience = "10s")]
async fn unknown_jobs_thumbnails_and_pages() {
    let running = Running::start(&Disk::default(), Limits::default()).await;
    let answer = running.get("/jobs/7").await;
    assert_refused(&running, &answer, 404, "no_job").await;
    for target in ["/jobs/seven", "/jobs/-1", "/jobs/7/128", "/jobs/7/events"] {
        assert_eq!(running.get(target).await.status, 404, "{target}");
    }
    assert_eq!(running.delete("/jobs/7").await.status, 404);
    let answer = running.get("/elsewhere").await;
    assert_refused(&running, &answer, 404, "no_page").await;
    let id = running.post(&pictures::png()).await.id();
    running.job_that_is(id, "done").await;
    let answer = running.get(&format!("/jobs/{id}/129")).await;
    assert_refused(&running, &answer, 404, "no_thumbnail").await;
    running.drain().await;
}

#[tenure::test(flavor = "multi_thread", timeout = "120s", patience = "10s")]
async fn job_that_is_not_done_yet_or_was_cancelled_has_no_thumbnails() {
    let (running, mut probe) = Running::with_probe(&Disk::default(), Limits::default()).await;
    let id = running.post(&pictures::png()).await.id();
    let thumbnail = format!("/jobs/{id}/128");
    let answer = running.get(&thumbnail).await;
    assert_refused(&running, &answer, 409, "not_done").await;

    let waits = probe.recv().await; // not begun: it is only given up
    assert_eq!(running.delete(&format!("/jobs/{id}")).await.status, 200);
    assert!(!waits.is_wanted());
    let answer = running.get(&thumbnail).await;
    assert_refused(&running, &answer, 410, "cancelled").await;
    drop(waits);
    running.drain().await;
}

#[tenure::test(flavor = "multi_thread", timeout = "120s", patience = "10s")]
async fn job_that_has_ended_cannot_be_cancelled_but_one_that_was_can() {
    let (running, mut probe) = Running::with_probe(&Disk::default(), Limits::default()).await;
    let id = running.post(&pictures::png()).await.id();
    next(&mut probe).await.finish(Ok(Vec::new()));
    running.job_that_is(id, "done").await;
    let answer = running.delete(&format!("/jobs/{id}")).await;
    assert_refused(&running, &answer, 409, "ended").await;

    let other = running.post(&pictures::png()).await.id();
    for _ in 0..2 {
        let answer = running.delete(&format!("/jobs/{other}")).await;
        assert_eq!(answer.json()["state"], "cancelled");
    }
    running.drain().await;
}

#[tenure::test(flavor = "multi_thread", timeout = "120s", patience = "10s")]
async fn more_jobs_than_there_is_room_for() {
    let limits = Limits {
        jobs: 2,
        ..Limits::default()
    };
    let (running, mut probe) = Running::with_probe(&Disk::default(), limits).await;
    let first = running.post(&pictures::png()).await.id();
    // If there were a second job, either could be handed out first.
    let work = next(&mut probe).await;
    running.post(&pictures::png()).await.id();
    let answer = running.post(&pictures::png()).await;
    assert_refused(&running, &answer, 503, "too_many_jobs").await;
    // A job that has ended makes room.
    work.finish(Ok(Vec::new()));
    running.job_that_is(first, "done").await;
    running.post(&pictures::png()).await.id();
    running.drain().await;
}

#[tenure::test(flavor = "multi_thread", timeout = "120s", patience = "10s")]
async fn more_jobs_of_one_client_than_it_may_have() {
    let limits = Limits {
        jobs_of_client: 1,
        ..Limits::default()
    };
    let (running, _probe) = Running::with_probe(&Disk::default(), limits).await;
    let id = running.post(&pictures::png()).await.id();
    let answer = running.post(&pictures::png()).await;
    assert_refused(&running, &answer, 429, "too_many_jobs_of_client").await;
    running.delete(&format!("/jobs/{id}")).await;
    running.post(&pictures::png()).await.id();
    running.drain().await;
}

#[tenure::test(flavor = "multi_thread", timeout = "120s", patience = "10s")]
async fn more_images_at_once_than_there_is_memory_for() {
    let limits = Limits {
        uploads: 1,
        ..Limits::default()
    };
    let running = Running::start(&Disk::default(), limits).await;
    let image = pictures::png();
    let length = format!(
        "Content-Length: {}\r\nExpect: 100-continue\r\n",
        image.len()
    );
    let mut slow = open(running.address, &head("POST", "/jobs", &length)).await;
    // Its handler is reading by now.
    read_until(&mut slow, "100 Continue").await;
    let answer = running.post(&image).await;
    assert_refused(&running, &answer, 503, "too_many_uploads").await;
    slow.write_all(&image).await.unwrap();
    read_until(&mut slow, "202 Accepted").await;
    // A client that keeps its connection open makes the server linger.
    drop(slow);
    running.post(&image).await.id();
    running.drain().await;
}

#[tenure::test(flavor = "multi_thread", timeout = "120s", patience = "10s")]
async fn page_of_another_site() {
    let running = Running::start(&Disk::default(), Limits::default()).await;
    let image = pictures::png();
    let fields = |site: &str| {
        let length = image.len();
        format!("Sec-Fetch-Site: {site}\r\nContent-Length: {length}\r\n")
    };
    let post = async |site: &str| {
        send_raw(
            running.address,
            &head("POST", "/jobs", &fields(site)),
            &image,
        )
        .await
    };
    assert_refused(&running, &post("cross-site").await, 403, "from_elsewhere").await;
    assert_eq!(post("same-origin").await.status, 202);
    running.drain().await;
}

#[tenure::test(flavor = "multi_thread", timeout = "120s", patience = "10s")]
async fn page_whose_own_name_leads_here() {
    let running = Running::start(&Disk::default(), Limits::default()).await;
    let get = async |target: &str, host: &str| {
        let head = format!("GET {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        send_raw(running.address, &head, b"").await
    };
    for (refused, target) in (1..).zip(["/", "/jobs", "/tree/", "/events"]) {
        assert_eq!(
            get(target, "elsewhere.example:3000").await.status,
            421,
            "{target}"
        );
        assert_eq!(running.refused("other_host").await, refused);
    }
    for host in [
        "LOCALHOST:3000",
        "images.localhost",
        "192.0.2.7",
        "[::1]:3000",
        "images.example",
    ] {
        assert_eq!(get("/", host).await.status, 200, "{host}");
    }
    running.drain().await;
}

#[tenure::test(flavor = "multi_thread", timeout = "120s", patience = "10s")]
async fn worker_that_fails_costs_one_job() {
    let (running, mut probe) = Running::with_probe(&Disk::default(), Limits::default()).await;
    let id = running.post(&pictures::png()).await.id();
    drop(next(&mut probe).await); // as when it panics
    let job = running.job_that_is(id, "failed").await;
    assert_eq!(job["why"], "its worker has failed");
    running.drain().await;
}
