//! All sorts of clients at once, of which nothing may be left.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use image::ImageFormat;
use images::service::Service;
use images::settings::{Limits, Settings};

use crate::client::head;
use crate::disk::{Dice, panic_quietly};
use crate::kills::{json, send};
use crate::pictures;
use crate::process::{Folder, Process, resident};
use crate::running::Running;

/// More than redb's cache and what the allocator keeps after pictures were unpacked.
const SLACK: u64 = 160 << 20;

/// One client, which does one thing after the other. Many of these requests end in the middle.
fn misbehave(address: SocketAddr, mut dice: Dice, is_over: &AtomicBool) {
    let (small, large) = (
        pictures::png(),
        pictures::encoded(ImageFormat::Png, 700, 500),
    );
    while !is_over.load(Ordering::Relaxed) {
        let posted = match dice.roll(7) {
            0 | 1 => send(address, "POST", "/jobs", &small),
            2 => send(address, "POST", "/jobs", &pictures::torn()),
            3 => send(address, "POST", "/jobs", &pictures::huge(90_000, 90_000)),
            4 => hang_up(address, "/jobs?with=client", &large, &mut dice),
            5 => hang_up(address, "/jobs", &large, &mut dice),
            _ => watch(address, &mut dice),
        };
        let Some(posted) = posted.filter(|answer| answer.status == 202) else {
            continue;
        };
        let id = posted.json()["id"].as_u64().unwrap();
        let (method, target) = match dice.roll(3) {
            0 => ("DELETE", format!("/jobs/{id}")),
            1 => ("GET", format!("/jobs/{id}/512")),
            _ => ("GET", format!("/jobs/{id}")),
        };
        send(address, method, &target, b"");
    }
}

/// Posts an image, and closes the connection in the middle of it or soon after.
fn hang_up(
    address: SocketAddr,
    target: &str,
    image: &[u8],
    dice: &mut Dice,
) -> Option<crate::client::Answer> {
    let mut stream = TcpStream::connect(address).ok()?;
    let fields = format!("Content-Length: {}\r\n", image.len());
    let sent = dice.roll(image.len() as u64 * 2).min(image.len() as u64);
    stream
        .write_all(head("POST", target, &fields).as_bytes())
        .ok()?;
    stream
        .write_all(&image[..usize::try_from(sent).ok()?])
        .ok()?;
    thread::sleep(Duration::from_millis(dice.roll(20)));
    None
}

fn watch(address: SocketAddr, dice: &mut Dice) -> Option<crate::client::Answer> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream
        .write_all(head("GET", "/events", "").as_bytes())
        .ok()?;
    stream.read_exact(&mut [0; 200]).ok()?;
    thread::sleep(Duration::from_millis(dice.roll(50)));
    None
}

/// How many nodes are alive, including those of this request.
fn alive(address: SocketAddr) -> usize {
    let tree = send(address, "GET", "/tree/tree.txt", b"").expect("it answers");
    tree.text().lines().count()
}

fn ended(address: SocketAddr) -> bool {
    let jobs = &json(address, "/stats")["jobs"];
    let number = |name: &str| jobs[name].as_u64().unwrap();
    number("accepted") == number("done") + number("failed") + number("cancelled")
}

/// Runs all sorts of clients for this long, and waits until nothing is left of them. Returns the memory half way and at
/// the end.
fn load(address: SocketAddr, time: Duration, resident: impl Fn() -> u64) -> (u64, u64) {
    let (before, is_over) = (alive(address), AtomicBool::new(false));
    let half_way = thread::scope(|scope| {
        for seed in 0..12 {
            let is_over = &is_over;
            scope.spawn(move || misbehave(address, Dice(seed), is_over));
        }
        thread::sleep(time / 2);
        let half_way = resident();
        thread::sleep(time / 2);
        is_over.store(true, Ordering::Relaxed);
        half_way
    });
    let begin = Instant::now();
    while !ended(address) || alive(address) > before {
        assert!(
            begin.elapsed() < Duration::from_secs(60),
            "something is left"
        );
        thread::sleep(Duration::from_millis(20));
    }
    let after = resident();
    println!(
        "{} MiB resident half way, {} after\n{}",
        half_way >> 20,
        after >> 20,
        json(address, "/stats")
    );
    (half_way, after)
}

/// `LOAD_SECONDS=600` runs for longer.
fn time() -> Duration {
    let time = std::env::var("LOAD_SECONDS").map_or(4, |time| time.parse().unwrap());
    Duration::from_secs(time)
}

#[test]
fn nothing_is_left_of_clients_that_come_and_go() {
    let folder = Folder::new("load");
    let process = Process::start(&folder);
    let (half_way, after) = load(process.address, time(), || process.resident());
    assert!(
        after < half_way + SLACK,
        "{half_way} bytes half way, {after} after"
    );
    process.signal("TERM");
    assert_eq!(process.ended(Duration::from_secs(20)).code(), Some(0));
}

/// The service runs in the test's own process, so its memory only says something in a long run.
#[tenure::test(flavor = "multi_thread", timeout = "60m", patience = "10s")]
async fn nothing_is_left_of_workers_that_panic() {
    let panics = Arc::new(AtomicU64::new(0));
    let (counted, turn) = (Arc::clone(&panics), AtomicU64::new(0));
    let shrink = move |bytes: &[u8], goes_on: &mut dyn FnMut(usize) -> bool| {
        let picture = image::load_from_memory(bytes)?;
        if turn.fetch_add(1, Ordering::Relaxed).is_multiple_of(3) {
            counted.fetch_add(1, Ordering::Relaxed);
            panic_quietly("a decoder that panics");
        }
        drop(picture.thumbnail(64, 64));
        Ok(goes_on(1).then(Vec::new))
    };
    let folder = Folder::new("panics");
    let service = Service::new(Settings {
        address: ([127, 0, 0, 1], 0).into(),
        names: Vec::new(),
        data: folder.path().to_owned(),
        limits: Limits::default(),
    });
    let running = Running::of(service.with_shrink(Arc::new(shrink))).await;
    let (half_way, after) = load(running.address, time(), resident);
    let panics = panics.load(Ordering::Relaxed);
    let failed = json(running.address, "/stats")["jobs"]["failed"].as_u64();
    assert!(
        panics > 0 && failed >= Some(panics),
        "{panics} panics, {failed:?} jobs failed"
    );
    if time() > Duration::from_secs(60) {
        assert!(
            after < half_way + SLACK,
            "{half_way} bytes half way, {after} after"
        );
    }
    running.drain().await;
}
