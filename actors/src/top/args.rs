use std::time::Duration;

use lexopt::prelude::*;

use super::app::View;

pub(super) const HELP: &str = "\
Shows what is alive in a program with a tenure dashboard.

Usage: tenure-top [OPTIONS] [ADDRESS]

ADDRESS is where the dashboard is, such as 127.0.0.1:9380 (the default) or
http://127.0.0.1:8080/debug/tree.

Options:
  --once           print it as text and exit
  --waits          begin with, or print, who waits for whom
  --groups         the nodes counted by type and place of spawn
  --ends           the last ends with their causes
  --interval SECS  how long there is from one look to the next (1)
  --nodes NUMBER   of how many nodes at most (20000)
  --version
  --help           the keys are shown at the bottom of the screen
";

/// What the arguments ask for.
#[derive(Debug, PartialEq)]
pub(super) enum Command {
    Help,
    Version,
    Run(Args),
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Args {
    pub(super) address: String,
    pub(super) once: bool,
    pub(super) view: View,
    pub(super) interval: Duration,
    pub(super) nodes: usize,
}

impl Default for Args {
    fn default() -> Self {
        Self {
            address: "127.0.0.1:9380".to_owned(),
            once: false,
            view: View::Tree,
            interval: Duration::from_secs(1),
            nodes: 20_000,
        }
    }
}

pub(super) fn parse(mut parser: lexopt::Parser) -> Result<Command, lexopt::Error> {
    let mut args = Args::default();
    let mut has_address = false;
    while let Some(arg) = parser.next()? {
        match arg {
            Long("once") => args.once = true,
            Long("waits") => args.view = View::Waits,
            Long("groups") => args.view = View::Groups,
            Long("ends") => args.view = View::Ends,
            Long("interval") => {
                let seconds: f64 = parser.value()?.parse()?;
                let interval = Duration::try_from_secs_f64(seconds);
                let interval = interval.map_err(|error| error.to_string())?;
                args.interval = interval.max(Duration::from_millis(100));
            }
            Long("nodes") => args.nodes = parser.value()?.parse()?,
            Long("version") | Short('V') => return Ok(Command::Version),
            Long("help") | Short('h') => return Ok(Command::Help),
            Value(address) if !has_address => {
                args.address = address.string()?;
                has_address = true;
            }
            other => return Err(other.unexpected()),
        }
    }
    Ok(Command::Run(args))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(words: &[&str]) -> Result<Command, String> {
        parse(lexopt::Parser::from_args(words)).map_err(|error| error.to_string())
    }

    #[test]
    fn arguments_are_read_and_those_that_make_no_sense_are_refused() {
        let expected = Args {
            address: "http://localhost:1/x".to_owned(),
            once: true,
            view: View::Groups,
            interval: Duration::from_millis(500),
            nodes: 7,
        };
        let words = "--once --groups --interval 0.5 --nodes=7 http://localhost:1/x";
        let words: Vec<_> = words.split(' ').collect();
        assert_eq!(parsed(&words), Ok(Command::Run(expected)));
        assert_eq!(parsed(&[]), Ok(Command::Run(Args::default())));
        assert_eq!(parsed(&["--once", "-h"]), Ok(Command::Help));
        for wrong in ["--what", "--interval=-1", "--interval=NaN", "--nodes=x"] {
            assert!(parsed(&[wrong]).is_err(), "{wrong}");
        }
        assert!(parsed(&["one", "two"]).is_err());
    }
}
