//! SIGINT and SIGTERM, as a process receives them.
#![cfg(unix)]

mod common;

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use common::{current_thread, workers};
use tenure::prelude::*;
use tenure::{Builder, StopReason};

/// Longer than anything here takes.
const LONG: Duration = Duration::from_secs(30);

/// Tells a child process which program to run.
const FORM: &str = "TENURE_SIGNALS_FORM";

/// What the root does when it is told to end.
#[derive(Clone, Copy)]
enum Root {
    Ends,
    /// Blocks its worker for ever.
    Blocks,
}

impl Actor for Root {
    type Msg = ();

    async fn on_start(&mut self, ctx: &mut Context<Self>) -> tenure::Result {
        println!("ready");
        if let Self::Blocks = self {
            ctx.me().try_tell(())?;
        }
        Ok(())
    }

    async fn handle(&mut self, (): (), _: &mut Context<Self>) -> tenure::Result {
        loop {
            std::thread::park();
        }
    }

    async fn on_stop(&mut self, _: &mut Context<Self>) -> tenure::Result {
        println!("on_stop");
        Ok(())
    }
}

fn builder() -> Builder {
    let builder = System::builder().on_signals();
    builder.patience(Duration::from_millis(100))
}

/// The programs, each of which ends the process.
fn program(form: &str) {
    let ended = match form {
        "run" => current_thread().block_on(builder().run(Root::Ends)).is_ok(),
        "start" => workers(1).block_on(async {
            let system = builder().start().unwrap();
            system.start(Root::Ends).await.unwrap();
            matches!(system.stopped().await, Ok(StopReason::Drained))
        }),
        "block_on" => builder().block_on(Root::Ends).is_ok(),
        "run, stuck" => current_thread()
            .block_on(builder().run(Root::Blocks))
            .is_ok(),
        "start, stuck" => workers(1).block_on(async {
            let system = builder().start().unwrap();
            system.spawn(Root::Blocks).unwrap();
            std::future::pending::<()>().await;
            true
        }),
        "block_on, stuck" => builder().block_on(Root::Blocks).is_ok(),
        "dump" => workers(1).block_on(async {
            let system = System::builder().name("shop").on_dump_signals();
            let system = system.start().unwrap();
            system
                .spawn(ChildSpec::new(Root::Blocks).name("till"))
                .unwrap();
            std::future::pending::<()>().await;
            true
        }),
        other => panic!("{other} is no program"),
    };
    std::process::exit(i32::from(!ended));
}

/// Not a test itself: the child processes of the other tests run this.
#[test]
fn program_of_a_child_process() {
    if let Ok(form) = std::env::var(FORM) {
        program(&form);
    }
}

fn start(form: &str) -> (Child, impl Iterator<Item = String>) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "program_of_a_child_process", "--nocapture"])
        .env(FORM, form)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut lines = lines.map_while(Result::ok);
    assert!(lines.any(|line| line.contains("ready")), "{form}");
    (child, lines)
}

fn signal(child: &Child) {
    let pid = child.id().to_string();
    let mut kill = Command::new("kill");
    kill.args(["-TERM", &pid]).stderr(Stdio::null());
    kill.status().unwrap();
}

/// Waits for the end of the child process, doing something meanwhile.
fn wait(child: &mut Child, mut meanwhile: impl FnMut(&Child)) -> ExitStatus {
    let begin = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        if begin.elapsed() > LONG {
            child.kill().unwrap();
            panic!("it goes on");
        }
        meanwhile(child);
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn one_signal_drains_in_all_forms() {
    for form in ["run", "start", "block_on"] {
        let (mut child, lines) = start(form);
        signal(&child);
        let status = wait(&mut child, |_| ());
        assert_eq!(status.code(), Some(0), "{form}");
        assert!(lines.into_iter().any(|line| line == "on_stop"), "{form}");
    }
}

/// Signals that come at the same time count as one.
#[test]
fn signals_end_a_process_whose_workers_are_stuck() {
    for form in ["run, stuck", "start, stuck"] {
        let (mut child, _lines) = start(form);
        let status = wait(&mut child, signal);
        assert_eq!(status.code(), Some(130), "{form}");
    }
    // Here the second signal is enough, because the wait is on a thread of its own.
    let (mut child, _lines) = start("block_on, stuck");
    let mut sent = 0;
    let status = wait(&mut child, |child| {
        sent += 1;
        if sent == 1 || sent == 20 {
            signal(child);
        }
    });
    assert_eq!(status.code(), Some(1));
}

#[test]
fn dump_signals_print_what_is_alive_though_every_worker_is_stuck() {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "program_of_a_child_process", "--nocapture"])
        .env(FORM, "dump")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(said.any(|line| line.unwrap().contains("ready")));
    let mut printed = BufReader::new(child.stderr.take().unwrap()).lines();
    for name in ["-QUIT", "-USR1"] {
        let pid = child.id().to_string();
        Command::new("kill").args([name, &pid]).status().unwrap();
        let lines = printed.by_ref().map_while(Result::ok);
        let dump: Vec<String> = lines.take_while(|line| line != "---").collect();
        let dump = dump.join("\n");
        assert!(dump.contains("alive in shop:/"), "{dump}");
        assert!(dump.contains("shop:/till "), "{dump}");
        assert!(dump.contains("Root at "), "{dump}");
    }
    // The process goes on.
    assert!(child.try_wait().unwrap().is_none());
    child.kill().unwrap();
    child.wait().unwrap();
}

#[cfg(target_os = "linux")]
#[test]
fn thread_that_serves_signals_ends_with_its_system() {
    fn threads() -> usize {
        let tasks = std::fs::read_dir("/proc/self/task").unwrap();
        let names = tasks.map(|task| std::fs::read_to_string(task.unwrap().path().join("comm")));
        let mine = |name: &String| name.trim() == "tenure-signals";
        names.filter_map(Result::ok).filter(mine).count()
    }
    current_thread().block_on(async {
        let system = builder().start().unwrap();
        let begin = Instant::now();
        while threads() != 1 && begin.elapsed() < LONG {
            tokio::task::yield_now().await;
        }
        assert_eq!(threads(), 1);
        system.stop().await.unwrap();
        while threads() != 0 && begin.elapsed() < LONG {
            tokio::task::yield_now().await;
        }
        assert_eq!(threads(), 0);
    });
}
