//! How much memory does an idle actor keep, beside a task with a channel written by hand?
//!
//! Each row is a process of its own, so that what one has freed is not found again by the next.

#![allow(
    clippy::disallowed_methods,
    reason = "the row by hand uses tokio as it comes"
)]
#![allow(missing_docs, reason = "a bench has no readers of its items")]

use std::process::Command;
use std::time::Duration;

use tenure::prelude::*;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

const ACTORS: u64 = 100_000;

#[tokio::main]
async fn main() {
    match std::env::args()
        .find(|row| row.starts_with("row:"))
        .as_deref()
    {
        Some("row:idle") => println!("{}", resident(idle()).await),
        Some("row:asked") => println!("{}", resident(asked()).await),
        Some(_) => println!("{}", resident(by_hand()).await),
        None => {
            println!("resident bytes for each of {ACTORS}:");
            for (row, what) in [
                ("row:idle", "tenure, idle"),
                ("row:asked", "tenure, after its first ask"),
                ("row:by hand", "by hand, idle"),
            ] {
                println!("{what:<30} {}", run(row));
            }
        }
    }
}

fn run(row: &str) -> String {
    let program = std::env::current_exe().expect("this program has a path");
    let output = Command::new(program)
        .arg(row)
        .output()
        .expect("it runs again");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// How much the resident memory grows for each of what `start` starts and gives to be kept.
async fn resident<T>(start: impl Future<Output = T>) -> u64 {
    let before = resident_now();
    let kept = start.await;
    // All have been polled, and are idle, once the queues of the runtime are empty.
    tokio::time::sleep(Duration::from_millis(300)).await;
    let bytes = (resident_now() - before) / ACTORS;
    drop(kept);
    bytes
}

fn resident_now() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = statm
        .split(' ')
        .nth(1)
        .and_then(|pages| pages.parse::<u64>().ok());
    pages.unwrap_or_default() * 4_096
}

struct Idle;

impl Actor for Idle {
    type Msg = ReplyTo<u64>;

    async fn handle(&mut self, reply: ReplyTo<u64>, _ctx: &mut Context<Self>) -> tenure::Result {
        reply.send(1);
        Ok(())
    }
}

async fn idle() -> (System, Vec<ActorRef<ReplyTo<u64>>>) {
    let system = System::start().expect("a runtime runs");
    let actors = (0..ACTORS)
        .map(|_| system.spawn(Idle).expect("it is open"))
        .collect();
    (system, actors)
}

async fn asked() -> (System, Vec<ActorRef<ReplyTo<u64>>>) {
    let (system, actors) = idle().await;
    for actor in &actors {
        assert_eq!(actor.ask(|reply| reply).await, Ok(1));
    }
    (system, actors)
}

async fn by_hand() -> Vec<(mpsc::Sender<u64>, JoinHandle<()>)> {
    (0..ACTORS)
        .map(|_| {
            let (sender, mut messages) = mpsc::channel(1_024);
            let task = tokio::spawn(async move { while messages.recv().await.is_some() {} });
            (sender, task)
        })
        .collect()
}
