//! A pipeline whose last part fails now and then, and that loses nothing of what it has accepted.
//!
//! The tree: `/root` owns `/root/sink`, `/root/batcher` and `/root/source`. The source gives items to the
//! batcher, which asks the sink to store them: so many at once, or what there is after a while.
//!
//! - The sink's disk fails. It is restarted, with a backoff; what was asked of it waits, or is asked again, and
//!   the number of a batch keeps it from being stored twice.
//! - Whoever is slow slows down those before: the mailboxes are bounded, and a tell waits its turn.
//! - A signal drains the root, and that begins with its `on_drain`: the source ends, then the batcher, which
//!   flushes, and only then the sink. Until that hook returns a sink that fails is restarted. A drain of the whole
//!   system (`on_signals`) would leave it as it is: what it had accepted would be named, but not stored.
//! - What may not have been stored is named, whatever happens: by the batcher as it is dropped, and by the
//!   hook for dead letters. At the end the books are audited.
//!
//! `cargo run --example 10-pipeline`, and Ctrl-C to end it.

mod batcher;
mod books;
mod pipeline;
mod sink;
mod source;

use std::sync::Arc;
use std::time::Duration;

use batcher::BatcherMsg;
use books::Books;
use pipeline::Plan;
use sink::Disk;
use tenure::prelude::*;
use tokio::signal::ctrl_c;
use tokio::signal::unix::{SignalKind, signal};

#[tokio::main]
async fn main() -> tenure::Result {
    tracing_subscriber::fmt().with_target(false).init();
    let books = Arc::new(Books::default());
    let disk = Arc::new(Disk::failing_each(5));
    let plan = Plan {
        period: Duration::from_millis(10),
        books: Arc::clone(&books),
        disk: Arc::clone(&disk),
    };
    let dead = Arc::clone(&books);
    let system = System::builder()
        .name("pipeline")
        .on_dead_letter(move |letter| {
            if let Some(BatcherMsg::Item(item)) = letter.downcast_ref() {
                dead.miss(&[*item]);
            }
        })
        .start()?;
    let ended = run(&system, plan).await;
    let stopped = system.stop().await;
    books.audit(&disk.stored())?;
    ended?;
    stopped?;
    Ok(())
}

async fn run(system: &System, plan: Plan) -> tenure::Result {
    // It has to last for two drains, one after the other.
    let pipeline = ChildSpec::new(plan).grace(Duration::from_secs(20));
    let pipeline = system.start(pipeline.name("root")).await?;
    // `on_signals` would drain the system from its root, and nothing in it would be restarted after that.
    let mut terminate = signal(SignalKind::terminate())?;
    println!("ready");
    tokio::select! {
        _ = terminate.recv() => {}
        interrupt = ctrl_c() => interrupt?,
        _ = pipeline.stopped() => {}
    }
    pipeline.drain().await?;
    Ok(())
}
