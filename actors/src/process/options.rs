use std::fmt;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use tenure::{ChildSpec, Context, Recipient, Result, Start};

use super::actor::{Process, Settings};
use super::error::ProcessError;
use super::output::{Framing, Output};

/// The recipe that a [`Process`] is started from. It is not `Clone`, since a command is not: a process that is to be
/// restarted needs a [factory](ChildSpec::factory).
#[must_use = "options do nothing until they are started"]
pub struct ProcessOptions {
    command: Command,
    output: Option<Recipient<Output>>,
    framing: Framing,
    grace: Duration,
    ends_with_input: bool,
    takes_any_status: bool,
}

impl ProcessOptions {
    /// A process of this command: its program, arguments, environment and directory. The actor sets the standard
    /// streams and the process group.
    pub fn new(command: Command) -> Self {
        Self {
            command,
            output: None,
            framing: Framing::default(),
            grace: Duration::from_secs(5),
            ends_with_input: false,
            takes_any_status: false,
        }
    }

    /// The recipient of its output and of how it has ended. By default there is none, and the output is discarded.
    pub fn output(mut self, to: Recipient<Output>) -> Self {
        self.output = Some(to);
        self
    }

    /// How its output is divided into messages; by default into lines.
    pub fn framing(mut self, framing: Framing) -> Self {
        self.framing = framing;
        self
    }

    /// How long it may take to end after it was told to; by default 5 s. With zero it is killed at once.
    pub fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// The program ends by itself at the end of its input, as a filter does. Then a drain closes its input, and asks it
    /// to end only if it has not ended within its grace.
    pub fn ends_with_input(mut self) -> Self {
        self.ends_with_input = true;
        self
    }

    /// The actor stops without a failure, however the process ends by itself.
    pub fn any_status(mut self) -> Self {
        self.takes_any_status = true;
        self
    }

    /// The process as a child, with a grace that is longer than that of the process.
    pub fn spec(self) -> ChildSpec<Self> {
        let grace = self.grace.saturating_add(Duration::from_secs(5));
        ChildSpec::new(self).grace(grace)
    }
}

impl Start for ProcessOptions {
    type Actor = Process;

    async fn start(self, ctx: &mut Context<Process>) -> Result<Process> {
        let program = self.command.get_program().to_string_lossy().into_owned();
        let mut command = tokio::process::Command::from(self.command);
        let output = || match self.output {
            Some(_) => Stdio::piped(),
            None => Stdio::null(),
        };
        command
            .stdin(Stdio::piped())
            .stdout(output())
            .stderr(output())
            .process_group(0)
            .kill_on_drop(true);
        let spawned = command.spawn().map_err(|source| ProcessError::Spawn {
            program,
            source: Arc::new(source),
        })?;
        let settings = Settings {
            output: self.output,
            framing: self.framing,
            grace: self.grace,
            ends_with_input: self.ends_with_input,
            takes_any_status: self.takes_any_status,
        };
        Process::new(spawned, settings, ctx)
    }
}

impl fmt::Debug for ProcessOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProcessOptions")
            .field("command", &self.command)
            .finish_non_exhaustive()
    }
}
