//! What it costs to look: the time and the memory of a snapshot, what it does to a tell from elsewhere meanwhile, and
//! what timings, spans, a watchdog and whoever listens to ends add to tells, asks, and starts with ends.
//!
//! ```sh
//! cargo bench --bench observe                 # with 100,000 nodes
//! cargo bench --bench observe -- --million    # with 1,000,000 as well
//! ```

#![allow(missing_docs, reason = "a bench has no readers of its items")]

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tenure::Builder;
use tenure::observe::{Ends, SnapshotOptions, Watchdog};
use tenure::prelude::*;
use tokio::runtime::Runtime;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

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

fn main() {
    let is_asked = |word: &str| std::env::args().any(|arg| arg == word);
    snapshots(100_000);
    if is_asked("--million") {
        snapshots(1_000_000);
    }
    on_the_way();
}

fn runtime() -> Runtime {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let built = builder.worker_threads(2).enable_all().build();
    built.expect("a runtime can be built")
}

/// An owner with this many children.
async fn tree(system: &System, nodes: u64) -> Vec<ActorRef<SumMsg>> {
    let mut all = Vec::new();
    for _ in 0..nodes {
        all.push(system.spawn(Sum(0)).expect("it is open"));
    }
    let last = all.last().expect("there are some");
    last.ask(SumMsg::Get).await.expect("it is alive");
    all
}

fn snapshots(nodes: u64) {
    let runtime = runtime();
    let system = runtime.block_on(async { System::start().expect("a runtime runs") });
    let all = runtime.block_on(tree(&system, nodes));
    println!("{nodes} idle actors");
    let most = usize::try_from(nodes).expect("it fits") + 10;
    let options = SnapshotOptions::new().nodes(most);
    let take = || system.node().snapshot_with(&options);
    let before = resident();
    let first = take();
    println!(
        "  a snapshot keeps {} MB",
        (resident() - before) / 1_000_000
    );
    assert!(first.nodes.len() > all.len());
    drop(first);
    let times = median((0..9).map(|_| timed(|| drop(take()))).collect());
    println!("  a snapshot takes {times:?}");
    let limited = median((0..9).map(|_| timed(|| drop(system.snapshot()))).collect());
    println!("  one of at most 100,000 nodes takes {limited:?}");
    let before = resident();
    let some = system.snapshot();
    println!(
        "  it has {} nodes, says that {} are left out, and keeps {} MB",
        some.nodes.len(),
        some.left_out.total(),
        (resident() - before) / 1_000_000
    );
    drop(some);
    let groups = take();
    println!("  groups of it take {:?}", timed(|| drop(groups.groups())));

    let quiet = tells(&runtime, &system);
    let is_over = Arc::new(AtomicBool::new(false));
    let loud = std::thread::scope(|threads| {
        let looks = threads.spawn(|| {
            let mut count = 0_u32;
            while !is_over.load(Ordering::Relaxed) {
                drop(take());
                count += 1;
            }
            count
        });
        let loud = tells(&runtime, &system);
        is_over.store(true, Ordering::Relaxed);
        println!("  {} snapshots meanwhile", looks.join().expect("it ends"));
        loud
    });
    for (name, at) in [("median", 0.5), ("99th", 0.99), ("99.9th", 0.999)] {
        let (quiet, loud) = (percentile(&quiet, at), percentile(&loud, at));
        println!(
            "  a tell and an ask from elsewhere, {name}: {quiet:?}, beside snapshots {loud:?}"
        );
    }
    runtime.block_on(async { system.stop().await.expect("it stops") });
}

/// The times of asks of an actor, one after the other.
fn tells(runtime: &Runtime, system: &System) -> Vec<Duration> {
    let sum = system.spawn(Sum(0)).expect("it is open");
    let times = runtime.block_on(async {
        let mut times = Vec::new();
        for n in 0..100_000 {
            let begin = Instant::now();
            sum.tell(SumMsg::Add(n)).await.expect("it is alive");
            sum.ask(SumMsg::Get).await.expect("it is alive");
            times.push(begin.elapsed());
        }
        times
    });
    let mut times = times;
    times.sort_unstable();
    times
}

/// What is added where it is on, as ratios.
fn on_the_way() {
    let plain = System::builder;
    let watched = || System::builder().watchdog(Watchdog::new());
    let timed = || System::builder().timings();
    let traced = || System::builder().spans();
    type Row = (&'static str, fn() -> Builder, Beside);
    let rows: [Row; 6] = [
        ("nothing", plain, Beside::Nothing),
        ("a watchdog", watched, Beside::Nothing),
        ("timings", timed, Beside::Nothing),
        ("spans that nobody takes", traced, Beside::Nothing),
        ("spans", traced, Beside::Subscriber),
        ("somebody who listens to ends", plain, Beside::Listener),
    ];
    for (name, builder, beside) in rows {
        let mut ratios = [const { Vec::new() }; 3];
        for _ in 0..9 {
            let off = work(plain(), Beside::Nothing);
            let on = work(builder(), beside);
            for (ratios, (on, off)) in ratios.iter_mut().zip(on.into_iter().zip(off)) {
                ratios.push(on.as_secs_f64() / off.as_secs_f64());
            }
        }
        let [tell, ask, life] = ratios.map(middle);
        println!("with {name}: tell {tell:.2}, ask {ask:.2}, start and end {life:.2}");
    }
}

/// What runs beside the system.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Beside {
    Nothing,
    /// A subscriber that takes all spans and keeps nothing.
    Subscriber,
    /// A listener that takes the ends as they come.
    Listener,
}

#[derive(Default)]
struct Nowhere(AtomicU64);

impl Subscriber for Nowhere {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_span()
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(self.0.fetch_add(1, Ordering::Relaxed) + 1)
    }

    fn event(&self, _: &Event<'_>) {}
    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

/// The times of a million tells, of a hundred thousand asks, and of as many starts with ends.
fn work(builder: Builder, beside: Beside) -> [Duration; 3] {
    let subscriber = (beside == Beside::Subscriber).then(Nowhere::default);
    let _listening = subscriber.map(tracing::subscriber::set_default);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = runtime.expect("a runtime can be built");
    runtime.block_on(async {
        let system = builder.start().expect("a runtime runs");
        let ends = (beside == Beside::Listener).then(|| system.ends(1_000));
        let sum = system.spawn(Sum(0)).expect("it is open");
        let begin = Instant::now();
        for n in 0..1_000_000 {
            sum.tell(SumMsg::Add(n)).await.expect("it is alive");
        }
        sum.ask(SumMsg::Get).await.expect("it is alive");
        let tells = begin.elapsed();
        let begin = Instant::now();
        for _ in 0..100_000 {
            sum.ask(SumMsg::Get).await.expect("it is alive");
        }
        let asks = begin.elapsed();
        let begin = Instant::now();
        let mut ends = ends;
        for _ in 0..100_000 {
            let sum = system.spawn(Sum(0)).expect("it is open");
            sum.stop().await.expect("it stops");
            while ends.as_mut().and_then(Ends::try_recv).is_some() {}
        }
        let lives = begin.elapsed();
        system.stop().await.expect("it stops");
        [tells, asks, lives]
    })
}

fn timed(work: impl FnOnce()) -> Duration {
    let begin = Instant::now();
    work();
    begin.elapsed()
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

fn middle(mut ratios: Vec<f64>) -> f64 {
    ratios.sort_by(f64::total_cmp);
    ratios[ratios.len() / 2]
}

#[allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "there are far fewer than 2^52"
)]
fn percentile(sorted: &[Duration], at: f64) -> Duration {
    sorted[((sorted.len() - 1) as f64 * at) as usize]
}

fn resident() -> u64 {
    let statm = fs::read_to_string("/proc/self/statm").expect("this is Linux");
    let pages: u64 = statm
        .split(' ')
        .nth(1)
        .and_then(|n| n.parse().ok())
        .expect("a number");
    pages * 4_096
}
