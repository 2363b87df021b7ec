//! How many instructions does each operation take? That is steady where the clock is not.
//!
//! Counts what callgrind sees of this program at two numbers of operations, on a current-thread
//! runtime; the difference is the operations' own. The counts are compared with those recorded in
//! `instructions.txt`, and growth fails.
//!
//! The package is built alone: what another one of the workspace wants of tokio would be counted, too (its processes
//! take 60 instructions each time that a runtime parks).
//!
//! ```sh
//! cargo bench -p tenure --bench instructions               # count and compare
//! cargo bench -p tenure --bench instructions -- --record   # count and record
//! ```

#![allow(missing_docs, reason = "a bench has no readers of its items")]

use std::fmt::Write;
use std::fs;
use std::process::{Command, ExitCode};
use std::time::Duration;

use tenure::prelude::*;

/// How much a count may grow, in percent. Two runs differ by less than a tenth of one.
const TOLERANCE: f64 = 1.0;

/// The same where the compiler, the C library or the processor is not that of the record: they make some difference.
const TOLERANCE_ELSEWHERE: f64 = 4.0;

/// A count that falls by so much is to be recorded, or it may grow back unnoticed.
const WORTH_RECORDING: f64 = 10.0;

const AN_HOUR: Duration = Duration::from_secs(3_600);

const RECORD: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/instructions.txt");

/// A kind of work, and how often it is done.
type Run = (&'static str, u64);

/// Each operation is what the first run takes more than the second, divided by the third.
const OPERATIONS: [(&str, Run, Run, u64); 6] = [
    ("tell", ("tell", 40_000), ("tell", 20_000), 20_000),
    ("ask", ("ask", 20_000), ("ask", 10_000), 10_000),
    ("spawn", ("spawn", 4_000), ("spawn", 2_000), 2_000),
    ("stop", ("stop", 4_000), ("spawn", 4_000), 4_000),
    ("stop-owner", ("stop-owner", 4_000), ("spawn", 4_000), 4_000),
    ("spawn-ask-stop", ("cycle", 4_000), ("cycle", 2_000), 2_000),
];

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if let Some(row) = words.iter().find_map(|word| word.strip_prefix("row:")) {
        let (name, count) = row.split_once(':').expect("a row has a name and a count");
        work(name, count.parse().expect("the count is a number"));
        return ExitCode::SUCCESS;
    }
    let count = |(name, more, less, operations)| (name, each(more, less, operations));
    let counts: Vec<_> = OPERATIONS.into_iter().map(count).collect();
    if words.iter().any(|word| word == "--record") {
        record(&counts);
        return ExitCode::SUCCESS;
    }
    compare(&counts)
}

/// Instructions for each operation.
#[allow(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
fn each(more: Run, less: Run, operations: u64) -> f64 {
    (instructions(more) as f64 - instructions(less) as f64) / operations as f64
}

/// What callgrind counts of a run of this program.
fn instructions((name, count): Run) -> u64 {
    let program = std::env::current_exe().expect("this program has a path");
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(program)
        .arg(format!("row:{name}:{count}"))
        .output()
        .expect("valgrind is installed");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let collected = said.lines().find_map(|line| line.split_once("Collected :"));
    let (_, number) = collected.expect("callgrind says what it has counted");
    number.trim().parse().expect("the count is a number")
}

/// What else the counts depend on: the compiler, the C library, and the processor, for which that chooses its `memcpy`.
fn tools() -> String {
    let first_line = |program: &str| {
        let said = Command::new(program).arg("--version").output();
        let said = said.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
        let line = said
            .ok()
            .and_then(|said| said.lines().next().map(str::to_owned));
        line.unwrap_or_else(|| format!("no {program}"))
    };
    format!(
        "{}; {}; {}",
        first_line("rustc"),
        first_line("ldd"),
        processor()
    )
}

fn processor() -> String {
    let known = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let of = |name: &str| {
        let mut fields = known.lines().filter_map(|line| line.split_once(':'));
        let field = fields.find(|(field, _)| field.trim() == name);
        field.map_or("?", |(_, value)| value.trim())
    };
    let (family, model) = (of("cpu family"), of("model"));
    format!("{} family {family} model {model}", of("vendor_id"))
}

fn record(counts: &[(&str, f64)]) {
    let mut text = format!(
        "# Instructions for each operation, on a current-thread runtime.\n\
         # Written by `cargo bench -p tenure --bench instructions -- --record`; say in the commit why they change.\n\
         # {}\n",
        tools()
    );
    for (name, count) in counts {
        println!("{name:<16} {count:>8.0}");
        writeln!(text, "{name} {count:.0}").expect("a string has room");
    }
    fs::write(RECORD, text).expect("the record can be written");
}

fn compare(counts: &[(&str, f64)]) -> ExitCode {
    let recorded = fs::read_to_string(RECORD).expect("there is a record");
    let is_same = recorded.contains(&tools());
    let tolerance = if is_same {
        TOLERANCE
    } else {
        TOLERANCE_ELSEWHERE
    };
    println!("at most {tolerance} % more");
    let mut code = ExitCode::SUCCESS;
    println!("{:<16} {:>8} {:>8}", "operation", "recorded", "now");
    for (name, now) in counts {
        let line = recorded
            .lines()
            .find_map(|line| line.split_once(' ').filter(|(known, _)| known == name));
        let before: f64 = match line {
            Some((_, count)) => count.parse().expect("the recorded count is a number"),
            None => panic!("{name} is not recorded: --record"),
        };
        let growth = (now / before - 1.0) * 100.0;
        let verdict = if growth > tolerance {
            code = ExitCode::FAILURE;
            "  FAILED: too much"
        } else if growth < -WORTH_RECORDING {
            "  less: --record it"
        } else {
            ""
        };
        println!("{name:<16} {before:>8.0} {now:>8.0} {growth:>+7.1} %{verdict}");
    }
    code
}

fn work(name: &str, count: u64) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime can be built");
    runtime.block_on(async {
        // On a machine that is slow or busy nobody is to look for what is overdue meanwhile.
        let system = System::builder().grace(AN_HOUR).child_grace(AN_HOUR);
        let system = system.patience(AN_HOUR).start().expect("a runtime runs");
        match name {
            "tell" => tell(&system, count).await,
            "ask" => ask(&system, count).await,
            "spawn" => drop(spawn(&system, count).await),
            "stop" => stop(&system, count).await,
            "stop-owner" => stop_owner(system, count).await,
            "cycle" => cycle(&system, count).await,
            other => panic!("{other} is not an operation"),
        }
        // What was not stopped is not to be counted.
        std::process::exit(0);
    });
}

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

async fn tell(system: &System, count: u64) {
    let sum = system.spawn(Sum(0)).expect("it is open");
    for n in 0..count {
        sum.tell(SumMsg::Add(n)).await.expect("it is alive");
    }
    assert_eq!(sum.ask(SumMsg::Get).await, Ok((0..count).sum()));
}

async fn ask(system: &System, count: u64) {
    let sum = system.spawn(Sum(7)).expect("it is open");
    for _ in 0..count {
        assert_eq!(sum.ask(SumMsg::Get).await, Ok(7));
    }
}

/// All run at the end: the last one has replied.
async fn spawn(system: &System, count: u64) -> Vec<ActorRef<SumMsg>> {
    let spawn = |n| system.spawn(Sum(n)).expect("it is open");
    let actors: Vec<_> = (0..count).map(spawn).collect();
    let last = actors.last().expect("there are some");
    assert_eq!(last.ask(SumMsg::Get).await, Ok(count - 1));
    actors
}

async fn stop(system: &System, count: u64) {
    for actor in spawn(system, count).await.iter().rev() {
        actor.stop().await.expect("it stops");
    }
}

async fn stop_owner(system: System, count: u64) {
    let actors = spawn(&system, count).await;
    system.stop().await.expect("it stops");
    assert!(actors.iter().all(ActorRef::is_stopped));
}

async fn cycle(system: &System, count: u64) {
    for n in 0..count {
        let sum = system.spawn(Sum(n)).expect("it is open");
        assert_eq!(sum.ask(SumMsg::Get).await, Ok(n));
        sum.stop().await.expect("it stops");
    }
}
