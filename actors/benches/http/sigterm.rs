//! What a SIGTERM under load loses, as its clients count it.
//!
//! A request is lost if its bytes were sent on a connection that was made, and no whole response came. Where the
//! connection was refused nothing was lost: the client knows. On a kept connection a request that was sent after the
//! server had closed it is not lost, either, if nothing of it can have arrived before the signal: those are told apart by
//! the clients' counting only what they had sent before the signal was sent.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::Which;
use crate::server::Server;

const THREADS: u64 = 16;

#[derive(Default)]
struct Counts {
    sent: AtomicU64,
    answered: AtomicU64,
    lost: AtomicU64,
    refused: AtomicU64,
}

fn add(counter: &AtomicU64) -> u64 {
    counter.fetch_add(1, Ordering::Relaxed)
}

fn connect(address: SocketAddr) -> std::io::Result<TcpStream> {
    let stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// One request for each connection, until the server refuses them.
pub(crate) fn one_each(address: &str, most: u64) {
    let address = address.parse().unwrap();
    let counts = Arc::new(Counts::default());
    let clients = (0..THREADS).map(|_| {
        let counts = Arc::clone(&counts);
        let client = move || {
            while counts.sent.load(Ordering::Relaxed) < most {
                let Ok(mut stream) = connect(address) else {
                    add(&counts.refused);
                    return;
                };
                add(&counts.sent);
                let request = b"GET /wait HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
                let mut answer = Vec::new();
                let done = stream
                    .write_all(request)
                    .and_then(|()| stream.read_to_end(&mut answer));
                match done {
                    Ok(_) if answer.ends_with(b"hello\n") => add(&counts.answered),
                    _ => add(&counts.lost),
                };
            }
        };
        thread::Builder::new().spawn(client).unwrap()
    });
    let clients: Vec<_> = clients.collect();
    clients
        .into_iter()
        .for_each(|client| client.join().unwrap());
    report(&counts);
}

/// Many requests on each connection. The signal comes after all have sent one that is not answered yet.
pub(crate) fn kept(address: &str, most: u64) {
    let address = address.parse().unwrap();
    let counts = Arc::new(Counts::default());
    let is_told = Arc::new(AtomicBool::new(false));
    let clients = (0..most).map(|_| {
        let (counts, is_told) = (Arc::clone(&counts), Arc::clone(&is_told));
        let mut stream = connect(address).unwrap();
        let client = move || loop {
            // What is sent from now on may come after the server has closed.
            let is_late = is_told.load(Ordering::SeqCst);
            let sent = stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n");
            add(&counts.sent);
            let mut answer = [0; 512];
            match sent.and_then(|()| stream.read(&mut answer)) {
                Ok(read) if answer[..read].ends_with(b"hello\n") => {
                    add(&counts.answered);
                    if answer[..read]
                        .windows(17)
                        .any(|text| text == b"connection: close")
                    {
                        return;
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    add(&counts.lost);
                    return;
                }
                _ if is_late => {
                    add(&counts.refused);
                    return;
                }
                _ => {
                    add(&counts.lost);
                    return;
                }
            }
        };
        thread::Builder::new()
            .stack_size(64 << 10)
            .spawn(client)
            .unwrap()
    });
    let clients: Vec<_> = clients.collect();
    let mut line = String::new();
    // The sender of the signal writes a line first.
    std::io::stdin().read_line(&mut line).unwrap();
    is_told.store(true, Ordering::SeqCst);
    println!("told");
    clients
        .into_iter()
        .for_each(|client| client.join().unwrap());
    report(&counts);
}

fn report(counts: &Counts) {
    let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    println!(
        "{} {} {} {}",
        of(&counts.sent),
        of(&counts.answered),
        of(&counts.lost),
        of(&counts.refused)
    );
}

/// What the clients counted, how long the server took to exit, and its exit code.
fn measure(
    which: Which,
    mode: &str,
    most: u64,
    after: Duration,
) -> (Vec<u64>, Duration, Option<i32>) {
    let mut server = Server::start(which);
    let mut clients = Command::new(std::env::current_exe().unwrap())
        .args([mode, &server.address.to_string(), &most.to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    thread::sleep(after);
    let mut output = clients.stdout.take().unwrap();
    if mode == "--kept" {
        clients.stdin.take().unwrap().write_all(b"now\n").unwrap();
        output.read_exact(&mut [0; 5]).unwrap();
    }
    let begin = Instant::now();
    server.signal("TERM");
    let code = server.process.wait().unwrap().code();
    let took = begin.elapsed();
    let mut text = String::new();
    output.read_to_string(&mut text).unwrap();
    clients.wait().unwrap();
    let counts = text.split_whitespace().map(|word| word.parse().unwrap());
    (counts.collect(), took, code)
}

pub(crate) fn run(is_quick: bool) {
    let wanted = if is_quick { 4_000 } else { 40_000 };
    println!("| SIGTERM under load | sent | answered | lost | exit within | exit code |");
    println!("|---|---|---|---|---|---|");
    for (name, mode, most) in [
        ("one request for each connection", "--one-each", wanted),
        ("64 kept connections", "--kept", 64),
    ] {
        for which in Which::ALL {
            let (mut sums, mut longest, mut codes) = ([0; 4], Duration::ZERO, Vec::new());
            let mut rounds = 0;
            while sums[0] < wanted {
                let after = Duration::from_millis(200 + 37 * (rounds % 20));
                let (counts, took, code) = measure(which, mode, most, after);
                rounds += 1;
                for (sum, count) in sums.iter_mut().zip(counts) {
                    *sum += count;
                }
                longest = longest.max(took);
                codes.push(code);
            }
            codes.dedup();
            let [sent, answered, lost, _] = sums;
            let name = format!("{name}, {rounds} times, {}", which.name());
            println!("| {name} | {sent} | {answered} | {lost} | {longest:.1?} | {codes:?} |");
        }
    }
    println!();
}
