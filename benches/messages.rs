//! What does a message cost, told and asked, beside a task with a channel written by hand?

#![allow(
    clippy::disallowed_methods,
    reason = "the rows by hand use tokio as it comes"
)]
#![allow(missing_docs, reason = "a bench has no readers of its items")]

mod harness;

use std::time::Duration;

use harness::{compare, header, runtimes, timed};
use tenure::prelude::*;
use tokio::sync::{mpsc, oneshot};

const TELLS: u64 = 400_000;
const ASKS: u64 = 50_000;
const PRODUCERS: u64 = 4;

fn main() {
    header();
    for runtime in &runtimes() {
        for producers in [1, PRODUCERS] {
            let work = format!("tell, {producers} producer(s)");
            compare(
                runtime,
                &work,
                TELLS,
                move || tell(producers),
                move || tell_by_hand(producers),
            );
        }
        compare(
            runtime,
            "ask, one after the other",
            ASKS,
            || ask(1),
            || ask_by_hand(1),
        );
        compare(
            runtime,
            "ask, from 64 tasks",
            ASKS,
            || ask(64),
            || ask_by_hand(64),
        );
    }
}

#[derive(Default)]
struct Sum(u64);

enum SumMsg {
    Add(u64),
    Get(ReplyTo<u64>),
}

impl Actor for Sum {
    type Msg = SumMsg;

    async fn handle(&mut self, msg: SumMsg, _ctx: &mut Context<Self>) -> tenure::Result {
        match msg {
            SumMsg::Add(n) => self.0 += n,
            SumMsg::Get(reply) => reply.send(self.0),
        }
        Ok(())
    }
}

async fn tell(producers: u64) -> Duration {
    tenure::scope(async |scope| {
        let sum = scope.spawn(Sum::default())?;
        let time = timed(async {
            let mut tasks = Vec::new();
            for _ in 0..producers {
                let sum = sum.clone();
                tasks.push(tokio::spawn(async move {
                    for n in 0..TELLS / producers {
                        sum.tell(SumMsg::Add(n)).await.expect("it is alive");
                    }
                }));
            }
            for task in tasks {
                task.await.expect("a producer does not panic");
            }
            let total = sum.ask(SumMsg::Get).await.expect("it is alive");
            assert_eq!(total, expected(producers));
        })
        .await;
        Ok(time)
    })
    .await
    .expect("nothing fails")
}

enum HandMsg {
    Add(u64),
    Get(oneshot::Sender<u64>),
}

/// The careful engineer's actor: a bounded channel, and a task that loops over it.
fn spawn_by_hand() -> (mpsc::Sender<HandMsg>, tokio::task::JoinHandle<()>) {
    let (sender, mut messages) = mpsc::channel(1_024);
    let task = tokio::spawn(async move {
        let mut sum = 0;
        while let Some(message) = messages.recv().await {
            match message {
                HandMsg::Add(n) => sum += n,
                HandMsg::Get(reply) => drop(reply.send(sum)),
            }
        }
    });
    (sender, task)
}

async fn tell_by_hand(producers: u64) -> Duration {
    let (sum, task) = spawn_by_hand();
    let time = timed(async {
        let mut tasks = Vec::new();
        for _ in 0..producers {
            let sum = sum.clone();
            tasks.push(tokio::spawn(async move {
                for n in 0..TELLS / producers {
                    sum.send(HandMsg::Add(n)).await.expect("it is alive");
                }
            }));
        }
        for task in tasks {
            task.await.expect("a producer does not panic");
        }
        let (reply, total) = oneshot::channel();
        sum.send(HandMsg::Get(reply)).await.expect("it is alive");
        assert_eq!(total.await, Ok(expected(producers)));
    })
    .await;
    drop(sum);
    task.await.expect("the task does not panic");
    time
}

fn expected(producers: u64) -> u64 {
    producers * (0..TELLS / producers).sum::<u64>()
}

async fn ask(askers: u64) -> Duration {
    tenure::scope(async |scope| {
        let sum = scope.spawn(Sum(7))?;
        let time = timed(async {
            let mut tasks = Vec::new();
            for _ in 0..askers {
                let sum = sum.clone();
                tasks.push(tokio::spawn(async move {
                    for _ in 0..ASKS / askers {
                        assert_eq!(sum.ask(SumMsg::Get).await, Ok(7));
                    }
                }));
            }
            for task in tasks {
                task.await.expect("an asker does not panic");
            }
        })
        .await;
        Ok(time)
    })
    .await
    .expect("nothing fails")
}

async fn ask_by_hand(askers: u64) -> Duration {
    let (sum, task) = spawn_by_hand();
    sum.send(HandMsg::Add(7)).await.expect("it is alive");
    let time = timed(async {
        let mut tasks = Vec::new();
        for _ in 0..askers {
            let sum = sum.clone();
            tasks.push(tokio::spawn(async move {
                for _ in 0..ASKS / askers {
                    let (reply, total) = oneshot::channel();
                    sum.send(HandMsg::Get(reply)).await.expect("it is alive");
                    assert_eq!(total.await, Ok(7));
                }
            }));
        }
        for task in tasks {
            task.await.expect("an asker does not panic");
        }
    })
    .await;
    drop(sum);
    task.await.expect("the task does not panic");
    time
}
