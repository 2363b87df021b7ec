//! A child process is a node: its output comes as messages, and it ends with its owner, together with its own children.

use std::process::Command;

use tenure::StartError;
use tenure::prelude::*;
use tenure_actors::process::{Output, ProcessMsg, ProcessOptions};

/// Prints the output of a process.
struct Printer;

impl Actor for Printer {
    type Msg = Output;

    async fn handle(&mut self, output: Output, _ctx: &mut Context<Self>) -> tenure::Result {
        match output {
            Output::Stdout(line) => println!("it says: {}", String::from_utf8_lossy(&line)),
            Output::Stderr(line) => println!("it complains: {}", String::from_utf8_lossy(&line)),
            Output::Exited(status) => println!("it has ended: {status}"),
            _ => {}
        }
        Ok(())
    }
}

fn shell(script: &str) -> ProcessOptions {
    let mut command = Command::new("sh");
    command.args(["-c", script]);
    ProcessOptions::new(command)
}

#[tokio::main]
async fn main() -> Result<(), RunError> {
    tenure::scope(async |scope| {
        let printer = scope.spawn(Printer)?;

        // A filter: it ends with its input.
        let filter = shell("tr a-z A-Z")
            .output(printer.recipient())
            .ends_with_input();
        let filter = scope.start(filter.spec().name("filter")).await?;
        let write = |reply| ProcessMsg::Write(b"hello\nworld\n".to_vec(), reply);
        filter.ask(write).await??;
        filter.drain().await?;

        // A service with a helper process of its own. It is asked to end.
        let service =
            "trap 'echo bye; exit 0' TERM; sleep 1000 & echo ready; while :; do sleep 0.05; done";
        let service = shell(service).output(printer.recipient());
        let service = scope.start(service.spec().name("service")).await?;
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        service.stop().await?;

        // A program that does not exist.
        let missing = ProcessOptions::new(Command::new("/no/such/program"));
        if let Err(StartError::Failed(failure)) = scope.start(missing.spec().name("missing")).await
        {
            println!("{failure}");
        }
        Ok(())
    })
    .await
}
