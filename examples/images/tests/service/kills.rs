//! Whether the process ends in good order or is killed, each job that was accepted is there at the next start, and is
//! done.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::client::{Answer, head, parse};
use crate::disk::Dice;
use crate::pictures;
use crate::process::{Folder, Process};

/// `None` if the connection broke before the whole answer had come.
pub(crate) fn send(address: SocketAddr, method: &str, target: &str, body: &[u8]) -> Option<Answer> {
    let fields = format!("Content-Length: {}\r\n", body.len());
    let mut stream = TcpStream::connect(address).ok()?;
    stream
        .set_read_timeout(Some(Duration::from_secs(30)))
        .ok()?;
    stream
        .write_all(head(method, target, &fields).as_bytes())
        .ok()?;
    stream.write_all(body).ok()?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).ok()?;
    let has_head = bytes.windows(4).any(|four| four == b"\r\n\r\n");
    has_head.then(|| parse(&bytes))
}

/// Several threads that post jobs until they are told to end.
#[derive(Default)]
struct Posting {
    is_over: AtomicBool,
    accepted: AtomicUsize,
}

impl Posting {
    /// Returns the jobs that were accepted.
    fn run(&self, address: SocketAddr) -> Vec<u64> {
        thread::scope(|scope| {
            let clients: Vec<_> = (0..4).map(|_| scope.spawn(|| self.post(address))).collect();
            clients
                .into_iter()
                .flat_map(|it| it.join().unwrap())
                .collect()
        })
    }

    fn post(&self, address: SocketAddr) -> Vec<u64> {
        let image = pictures::png();
        let mut accepted = Vec::new();
        while !self.is_over.load(Ordering::Relaxed) {
            match send(address, "POST", "/jobs", &image) {
                Some(answer) if answer.status == 202 => {
                    // The head of the answer is the promise.
                    let id = answer.head.split("/jobs/").nth(1).unwrap();
                    let id = id.split("\r\n").next().unwrap();
                    accepted.push(id.parse().unwrap());
                    self.accepted.fetch_add(1, Ordering::Relaxed);
                }
                Some(answer) => assert!([429, 503].contains(&answer.status), "{answer:?}"),
                None => break,
            }
        }
        accepted
    }

    /// Waits until this many jobs were accepted, however fast the machine is.
    fn until_accepted(&self, jobs: u64) {
        let begin = Instant::now();
        while (self.accepted.load(Ordering::Relaxed) as u64) < jobs {
            assert!(
                begin.elapsed() < Duration::from_secs(60),
                "nothing is accepted"
            );
            thread::sleep(Duration::from_millis(1));
        }
    }

    fn end(&self) {
        self.is_over.store(true, Ordering::Relaxed);
    }
}

pub(crate) fn json(address: SocketAddr, target: &str) -> serde_json::Value {
    send(address, "GET", target, b"")
        .expect("it answers")
        .json()
}

/// Waits until every job has ended, and looks for all that were accepted.
fn check(address: SocketAddr, accepted: &[u64]) {
    let begin = Instant::now();
    loop {
        let jobs = &json(address, "/stats")["jobs"];
        if jobs["done"] == jobs["accepted"] {
            break;
        }
        assert!(
            begin.elapsed() < Duration::from_secs(60),
            "never all done: {jobs}"
        );
        thread::sleep(Duration::from_millis(10));
    }
    for id in accepted {
        let job = json(address, &format!("/jobs/{id}"));
        assert_eq!(job["state"], "done", "{job}");
        assert_eq!(job["thumbnails"].as_array().unwrap().len(), 3);
        let thumbnail = send(address, "GET", &format!("/jobs/{id}/128"), b"");
        assert_eq!(thumbnail.unwrap().status, 200);
    }
}

/// `KILLS=100` runs many more.
#[test]
fn accepted_jobs_outlive_a_kill_at_any_moment() {
    let kills = std::env::var("KILLS").map_or(5, |kills| kills.parse().unwrap());
    let folder = Folder::new("kills");
    let mut dice = Dice(7);
    let mut all = 0;
    for kill in 0..kills {
        let process = Process::start(&folder);
        let (address, posting) = (process.address, Posting::default());
        let accepted = thread::scope(|scope| {
            let posted = scope.spawn(|| posting.run(address));
            posting.until_accepted(dice.roll(20));
            thread::sleep(Duration::from_millis(dice.roll(30)));
            process.kill();
            posting.end();
            posted.join().unwrap()
        });
        println!("kill {kill}: {} accepted", accepted.len());
        all += accepted.len();
        let process = Process::start(&folder);
        check(process.address, &accepted);
        process.kill();
    }
    assert!(all > 0, "nothing was accepted");
}

#[test]
fn sigterm_under_load_ends_well_and_loses_nothing() {
    let folder = Folder::new("sigterm");
    let process = Process::start(&folder);
    let (address, posting) = (process.address, Posting::default());
    let accepted = thread::scope(|scope| {
        let posted = scope.spawn(|| posting.run(address));
        posting.until_accepted(20);
        process.signal("TERM");
        let status = process.ended(Duration::from_secs(25));
        assert_eq!(status.code(), Some(0));
        posting.end();
        posted.join().unwrap()
    });
    assert!(!accepted.is_empty());
    let process = Process::start(&folder);
    check(process.address, &accepted);
    process.kill();
}

#[test]
fn second_signal_ends_it_at_once() {
    let folder = Folder::new("twice");
    let process = Process::start(&folder);
    // This client keeps its request from ending for longer than the test waits.
    let mut slow = TcpStream::connect(process.address).unwrap();
    let fields = "Content-Length: 100\r\nExpect: 100-continue\r\n";
    slow.write_all(head("POST", "/jobs", fields).as_bytes())
        .unwrap();
    let mut answer = [0; 12];
    slow.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 100");

    process.signal("TERM");
    // Once it is told to end, it accepts no more connections.
    let begin = Instant::now();
    while TcpStream::connect(process.address).is_ok() {
        assert!(
            begin.elapsed() < Duration::from_secs(10),
            "it still listens"
        );
        thread::sleep(Duration::from_millis(5));
    }
    process.signal("TERM");
    let status = process.ended(Duration::from_secs(10));
    assert_ne!(status.code(), Some(0));
}
