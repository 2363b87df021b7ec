//! Child processes: what goes in and out, and that none is left, whatever ends them.

mod output;

use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tenure::prelude::*;
use tenure_actors::process::{Output, ProcessError, ProcessMsg, ProcessOptions};

use crate::common::multi_thread;

/// Keeps the output of a process.
#[derive(Clone, Default)]
struct Listener(Arc<Mutex<Vec<Output>>>);

impl Listener {
    fn outputs(&self) -> Vec<Output> {
        self.0.lock().unwrap().clone()
    }

    fn stdout(&self) -> Vec<String> {
        let outputs = self.outputs().into_iter();
        let lines = outputs.filter_map(|output| match output {
            Output::Stdout(line) => Some(String::from_utf8(line).unwrap()),
            _ => None,
        });
        lines.collect()
    }

    async fn stderr_line(&self) -> String {
        loop {
            let outputs = self.outputs().into_iter();
            let mut lines = outputs.filter_map(|output| match output {
                Output::Stderr(line) => Some(String::from_utf8(line).unwrap()),
                _ => None,
            });
            if let Some(line) = lines.next() {
                return line;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    async fn until(&self, is_met: impl Fn(&[String]) -> bool) {
        while !is_met(&self.stdout()) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

impl Actor for Listener {
    type Msg = Output;

    async fn handle(&mut self, output: Output, _: &mut Context<Self>) -> tenure::Result {
        self.0.lock().unwrap().push(output);
        Ok(())
    }
}

fn shell(script: &str) -> ProcessOptions {
    let mut command = Command::new("sh");
    command.args(["-c", script]);
    ProcessOptions::new(command)
}

type Listened = (ActorRef<ProcessMsg>, Listener);

async fn listened(scope: &Scope, process: ProcessOptions) -> tenure::Result<Listened> {
    let listener = Listener::default();
    let to = scope.spawn(listener.clone())?;
    let process = scope
        .start(process.output(to.recipient()).spec().contain())
        .await?;
    Ok((process, listener))
}

/// Whether there is a process of this number, perhaps a zombie.
fn is_there(id: &str) -> bool {
    std::path::Path::new(&format!("/proc/{id}")).exists()
}

async fn assert_gone(id: &str) {
    // A process whose parent has gone is reaped by another process.
    let start = Instant::now();
    while is_there(id) {
        assert!(
            start.elapsed() < Duration::from_secs(5),
            "the process {id} is there"
        );
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[test]
fn what_is_written_comes_back_by_lines_and_the_end_comes_last() {
    multi_thread(async |check| {
        tenure::scope(async |scope| {
            let script =
                "while read line; do echo \"<$line>\"; done; echo no end >&2; printf rest; exit 0";
            let (process, listener) = listened(&scope, shell(script).ends_with_input()).await?;
            check.node(process.node());
            process
                .ask(|reply| ProcessMsg::Write(b"one\ntwo\n".to_vec(), reply))
                .await??;
            process.drain().await?;
            while listener.outputs().len() < 5 {
                tokio::task::yield_now().await;
            }
            assert_eq!(listener.stdout(), ["<one>", "<two>", "rest"]);
            let outputs = listener.outputs();
            assert!(outputs.contains(&Output::Stderr(b"no end".to_vec())));
            let Some(Output::Exited(status)) = outputs.last() else {
                panic!("{outputs:?}");
            };
            assert!(status.success());
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn process_that_does_not_start_fails_the_start() {
    multi_thread(async |_| {
        tenure::scope(async |scope| {
            for program in ["/no/such/program", ""] {
                let options = ProcessOptions::new(Command::new(program));
                let Err(tenure::StartError::Failed(failure)) = scope.start(options.spec()).await
                else {
                    panic!("it does not start");
                };
                let text = format!("{failure:?}");
                assert!(text.contains("does not start"), "{text}");
            }
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn end_of_a_process_is_that_of_its_actor() {
    multi_thread(async |_| {
        tenure::scope(async |scope| {
            let good = scope.start(shell("exit 0").spec()).await?;
            assert!(matches!(
                good.stopped().await?,
                tenure::StopReason::Finished
            ));
            let any = scope.start(shell("exit 3").any_status().spec()).await?;
            assert!(matches!(any.stopped().await?, tenure::StopReason::Finished));
            let bad = scope.start(shell("exit 3").spec().contain()).await?;
            let failed = bad.stopped().await.unwrap_err();
            assert!(
                format!("{failed:?}").contains("exit status: 3"),
                "{failed:?}"
            );
            let killed = scope.start(shell("kill -9 $$").spec().contain()).await?;
            let failed = killed.stopped().await.unwrap_err();
            assert!(format!("{failed:?}").contains("signal: 9"), "{failed:?}");
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn process_that_fails_is_restarted_by_its_policy() {
    multi_thread(async |_| {
        tenure::scope(async |scope| {
            let listener = Listener::default();
            let to = scope.spawn(listener.clone())?;
            let spec =
                ChildSpec::factory(move || shell("echo here; exit 1").output(to.recipient()));
            let spec = spec
                .restart(Restart::OnFailure)
                .intensity(2, Duration::from_secs(60));
            let process = scope.start(spec.contain()).await?;
            assert!(process.stopped().await.is_err());
            listener.until(|lines| lines.len() == 3).await;
            Ok(())
        })
        .await
        .unwrap();
    });
}

/// A process that starts another one in its group, and prints both numbers.
const FAMILY: &str = "sleep 1000 & echo $$ $!; wait";

fn numbers(line: &str) -> [String; 2] {
    let (one, other) = line.split_once(' ').unwrap();
    [one.to_owned(), other.to_owned()]
}

#[test]
fn stop_drain_and_kill_take_the_whole_group() {
    multi_thread(async |_| {
        tenure::scope(async |scope| {
            for end in [
                tenure::NodeRef::stop,
                tenure::NodeRef::drain,
                tenure::NodeRef::kill,
            ] {
                let (process, listener) = listened(&scope, shell(FAMILY)).await?;
                listener.until(|lines| lines.len() == 1).await;
                let ids = numbers(&listener.stdout()[0]);
                assert!(ids.iter().all(|id| is_there(id)));
                let start = Instant::now();
                end(&process.node()).await?;
                assert!(
                    start.elapsed() < Duration::from_secs(3),
                    "{:?}",
                    start.elapsed()
                );
                assert!(!is_there(&ids[0]), "it is reaped");
                assert_gone(&ids[1]).await;
            }
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn what_a_process_leaves_in_its_group_ends_with_it() {
    multi_thread(async |_| {
        tenure::scope(async |scope| {
            let (process, listener) =
                listened(&scope, shell("sleep 1000 & echo $$ $!; exit 0")).await?;
            process.stopped().await?;
            listener.until(|lines| lines.len() == 1).await;
            assert_gone(&numbers(&listener.stdout()[0])[1]).await;
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn whoever_has_left_the_group_and_holds_its_output_is_not_waited_for() {
    multi_thread(async |_| {
        tenure::scope(async |scope| {
            for (left, runs_on) in [("sleep 20", false), ("sleep 20", true), ("yes", false)] {
                let end = if runs_on { "exec sleep 1000" } else { "exit 0" };
                let script =
                    format!("setsid {left} & daemon=$!; sleep 0.2; echo $daemon >&2; {end}");
                let start = Instant::now();
                let (process, listener) = listened(&scope, shell(&script)).await?;
                let daemon = listener.stderr_line().await;
                if runs_on {
                    process.stop().await?;
                }
                process.stopped().await?;
                assert!(start.elapsed() < Duration::from_secs(10));
                assert!(is_there(&daemon) || left == "yes", "it is out of reach");
                Command::new("kill").arg(&daemon).status()?;
            }
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn process_that_heeds_no_signal_is_killed_after_its_grace_and_that_is_no_cut() {
    multi_thread(async |_| {
        tenure::scope(async |scope| {
            for grace in [Duration::from_millis(100), Duration::ZERO] {
                let deaf =
                    shell("trap '' TERM; echo ready; while :; do sleep 0.01; done").grace(grace);
                let (process, listener) = listened(&scope, deaf).await?;
                listener.until(|lines| lines.len() == 1).await;
                let start = Instant::now();
                process.stop().await?;
                assert!(start.elapsed() >= grace && start.elapsed() < Duration::from_secs(3));
            }
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn process_that_puts_itself_in_order_on_a_signal_is_heard_to_its_end() {
    multi_thread(async |_| {
        tenure::scope(async |scope| {
            let polite =
                shell("trap 'echo bye; exit 0' TERM; echo ready; while :; do sleep 0.01; done");
            let (process, listener) = listened(&scope, polite).await?;
            listener.until(|lines| lines.len() == 1).await;
            process.stop().await?;
            listener.until(|lines| lines.len() == 2).await;
            assert_eq!(listener.stdout(), ["ready", "bye"]);
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn writes_to_a_closed_input_are_errors_and_a_stop_ends_one_that_nobody_reads() {
    multi_thread(async |_| {
        tenure::scope(async |scope| {
            let (process, _) = listened(&scope, shell("sleep 1000")).await?;
            let write = |bytes: Vec<u8>| process.ask(move |reply| ProcessMsg::Write(bytes, reply));
            let endless = write(vec![0; 10_000_000]).owned();
            let endless = scope.task(async { tenure::Ok(endless.await) })?;
            while process.node().label().is_none() {
                tokio::task::yield_now().await;
            }
            process.stop().within(Duration::from_secs(4)).await?;
            assert!(!matches!(endless.await?, Ok(Ok(()))));

            let (process, _) = listened(&scope, shell("sleep 1000")).await?;
            process.tell(ProcessMsg::CloseInput).await?;
            let closed = process
                .ask(|reply| ProcessMsg::Write(vec![1], reply))
                .await?;
            assert!(matches!(closed, Err(ProcessError::InputClosed)));
            let id = process.ask(ProcessMsg::Id).await?;
            assert!(id.is_some_and(|id| is_there(&id.to_string())));
            Ok(())
        })
        .await
        .unwrap();
    });
}

struct Deaf;

struct Heard;

impl From<Output> for Heard {
    fn from(_: Output) -> Self {
        panic!("it makes nothing of it")
    }
}

impl Actor for Deaf {
    type Msg = Heard;

    async fn handle(&mut self, _: Heard, _: &mut Context<Self>) -> tenure::Result {
        Ok(())
    }
}

#[test]
fn listener_that_cannot_make_its_message_ends_the_process() {
    multi_thread(async |check| {
        tenure::scope(async |scope| {
            let to = scope.spawn(Deaf)?;
            let process = shell("sleep 1000 & read line; echo $line; wait").output(to.recipient());
            let process = scope.start(process.spec().contain()).await?;
            check.node(process.node());
            let id = process.ask(ProcessMsg::Id).await?.unwrap().to_string();
            assert!(is_there(&id));
            let write = process.ask(|reply| ProcessMsg::Write(b"a line\n".to_vec(), reply));
            write.await??;
            let failure = process.stopped().await.unwrap_err();
            assert!(format!("{failure:?}").contains("it makes nothing of it"));
            assert_gone(&id).await;
            Ok(())
        })
        .await
        .unwrap();
    });
}
