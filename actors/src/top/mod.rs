//! The program `tenure-top`: shows in a terminal what is alive in a program with a [`dashboard`](crate::dashboard).
//!
//! ```text
//! cargo install tenure-actors --features top
//! tenure-top                              # that of http://127.0.0.1:9380
//! tenure-top http://127.0.0.1:8080/debug/tree
//! tenure-top --once --waits               # prints who waits for whom, and exits
//! ```
//!
//! It reads the JSON of the dashboard once a second, over plain HTTP. For a dashboard on another machine open a tunnel,
//! such as `ssh -L 9380:127.0.0.1:9380 HOST`. The project's `docs/top.md` describes the views and the keys.

mod app;
mod args;
mod client;
mod draw;
mod error;
mod look;
mod once;
mod screen;
#[cfg(test)]
mod tests;
mod tree;
mod words;

use std::error::Error;
use std::process::ExitCode;

use args::{Args, Command};
use client::Client;
use error::TopError;

/// Runs the program with the arguments of the process. The exit code is 0 on success, 1 on failure, and 2 for invalid
/// arguments.
pub fn main() -> ExitCode {
    let (command, wrong) = match args::parse(lexopt::Parser::from_env()) {
        Ok(command) => (command, ExitCode::FAILURE),
        Err(error) => {
            eprintln!("tenure-top: {error}\nTry tenure-top --help.");
            return ExitCode::from(2);
        }
    };
    let done = match command {
        Command::Help => print(args::HELP),
        Command::Version => print(concat!("tenure-top ", env!("CARGO_PKG_VERSION"), "\n")),
        Command::Run(args) => run(args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("tenure-top: {}", chain(&error));
            wrong
        }
    }
}

fn run(args: Args) -> Result<(), TopError> {
    let client = Client::new(&args)?;
    match args.once {
        true => print(&once::text(client, args.view)?),
        false => screen::run(client, &args),
    }
}

fn print(text: &str) -> Result<(), TopError> {
    use std::io::Write;
    match std::io::stdout().lock().write_all(text.as_bytes()) {
        // The reader has closed the pipe, as `head` does.
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(TopError::Output { source: error })
        }
        _ => Ok(()),
    }
}

/// An error with its sources.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        text = format!("{text}: {source}");
        next = source.source();
    }
    text
}
