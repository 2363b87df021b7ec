//! Graceful shutdown on a signal.
//!
//! Press Ctrl-C, or send SIGTERM: the system drains. Jobs that were accepted are done, nothing new
//! is taken, and the program ends when the last actor is joined. A second signal kills what is left;
//! a third ends the process.

use std::convert::Infallible;
use std::time::Duration;

use tenure::prelude::*;
use tokio::time::{interval, sleep};

struct Worker {
    done: u32,
}

struct Job(u32);

impl Actor for Worker {
    type Msg = Job;

    async fn handle(&mut self, Job(number): Job, _ctx: &mut Context<Self>) -> tenure::Result {
        sleep(Duration::from_millis(100)).await;
        println!("job {number} is done");
        self.done += 1;
        Ok(())
    }

    async fn on_stop(&mut self, _ctx: &mut Context<Self>) -> tenure::Result {
        println!(
            "the worker has done {} jobs and closes its books",
            self.done
        );
        Ok(())
    }
}

/// Gives the worker a job now and then.
struct Office;

impl Actor for Office {
    type Msg = Infallible;

    async fn on_start(&mut self, ctx: &mut Context<Self>) -> tenure::Result {
        let worker = ctx.spawn(ChildSpec::new(Worker { done: 0 }).name("worker"))?;
        ctx.task_with(|token| async move {
            let mut ticks = interval(Duration::from_millis(60));
            let mut number = 0;
            while token.run_until_cancelled(ticks.tick()).await.is_some() {
                number += 1;
                worker.tell(Job(number)).await?;
            }
            println!("no more jobs");
            tenure::Ok(())
        })?;
        println!("ready: press Ctrl-C to end");
        Ok(())
    }

    async fn handle(&mut self, msg: Infallible, _ctx: &mut Context<Self>) -> tenure::Result {
        match msg {}
    }
}

fn main() -> Result<(), RunError> {
    tracing_subscriber::fmt().with_target(false).init();
    System::builder()
        .name("office")
        .grace(Duration::from_secs(10))
        .on_signals()
        .block_on(Office)?;
    println!("everything is joined");
    Ok(())
}
