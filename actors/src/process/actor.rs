use std::fmt;
use std::io;
use std::process::ExitStatus;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tenure::{
    Actor, CancellationToken, ChildExit, Context, NodeId, Recipient, ReplyTo, Result, TaskSpec,
};
use tokio::io::AsyncWriteExt;
use tokio::process::{Child, ChildStdin};
use tokio::time::timeout;

use super::error::ProcessError;
use super::group::Group;
use super::output::{EndOrder, Framing, Output, Teller, read};

/// The messages of a [`Process`].
#[derive(Debug)]
#[non_exhaustive]
pub enum ProcessMsg {
    /// Writes to the standard input of the process, and replies when all bytes are written.
    Write(Vec<u8>, ReplyTo<Result<(), ProcessError>>),
    /// Closes the standard input of the process.
    CloseInput,
    /// Replies with the id of the process; `None` once it has ended.
    Id(ReplyTo<Option<u32>>),
}

/// A child process. Started from [`ProcessOptions`](super::ProcessOptions).
pub struct Process {
    id: Option<u32>,
    input: Option<ChildStdin>,
    /// The task that runs the process, and how the process has ended.
    task: NodeId,
    ended: Arc<Ended>,
    drains: Arc<AtomicBool>,
    grace: Duration,
    ends_with_input: bool,
    takes_any_status: bool,
}

#[derive(Default)]
struct Ended {
    status: Mutex<Option<io::Result<ExitStatus>>>,
    token: CancellationToken,
}

/// The options that matter after the start.
pub(super) struct Settings {
    pub(super) output: Option<Recipient<Output>>,
    pub(super) framing: Framing,
    pub(super) grace: Duration,
    pub(super) ends_with_input: bool,
    pub(super) takes_any_status: bool,
}

impl Process {
    pub(super) fn new(mut child: Child, settings: Settings, ctx: &Context<Self>) -> Result<Self> {
        let (id, input) = (child.id(), child.stdin.take());
        let ended = Arc::new(Ended::default());
        let (noted, grace) = (Arc::clone(&ended), settings.grace);
        let (to, framing) = (settings.output, settings.framing);
        let drains = Arc::new(AtomicBool::new(false));
        let is_drain = Arc::clone(&drains);
        let run = TaskSpec::with_token(move |token| async move {
            let order = EndOrder {
                token: token.clone(),
                drains: is_drain,
            };
            let status = run(child, framing, Teller { to, order }, token, grace).await;
            *noted.status.lock().unwrap_or_else(PoisonError::into_inner) = Some(status);
            noted.token.cancel();
        });
        // Longer than the grace of the process, for its end and the rest of its output.
        let beyond = Duration::from_secs(5);
        let run = run.name("process").grace(grace.saturating_add(beyond));
        Ok(Self {
            id,
            input,
            task: ctx.task(run)?.node().id(),
            ended,
            drains,
            grace,
            ends_with_input: settings.ends_with_input,
            takes_any_status: settings.takes_any_status,
        })
    }

    async fn write(&mut self, bytes: &[u8], ctx: &Context<Self>) -> Result<(), ProcessError> {
        let input = self.input.as_mut().ok_or(ProcessError::InputClosed)?;
        let write = async {
            input.write_all(bytes).await?;
            input.flush().await
        };
        let written = tokio::select! {
            biased;
            written = write => written,
            // The process has ended, so nobody reads the input.
            () = self.ended.token.cancelled() => Err(io::ErrorKind::BrokenPipe.into()),
            () = ctx.cancelled() => Err(io::ErrorKind::Interrupted.into()),
        };
        written.map_err(|error| {
            self.input = None;
            match error.kind() {
                io::ErrorKind::BrokenPipe => ProcessError::InputClosed,
                _ => ProcessError::Io(Arc::new(error)),
            }
        })
    }

    /// Ends the actor after the process has ended by itself.
    fn settle(&mut self, ctx: &Context<Self>) -> Result {
        let status = self
            .ended
            .status
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        match status {
            Some(Ok(status)) if !status.success() && !self.takes_any_status => {
                Err(ProcessError::Exited(status).into())
            }
            Some(Err(error)) => Err(ProcessError::Io(Arc::new(error)).into()),
            Some(Ok(_)) | None => {
                ctx.stop();
                Ok(())
            }
        }
    }
}

/// Runs the process until it ends by itself, or until the token fires and it is ended.
async fn run(
    mut child: Child,
    framing: Framing,
    mut teller: Teller,
    token: CancellationToken,
    grace: Duration,
) -> io::Result<ExitStatus> {
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let mut group = Group::new(child);
    let group_ended = CancellationToken::new();
    let process = async {
        let by_itself = tokio::select! {
            biased;
            status = group.wait() => Some(status),
            () = token.cancelled() => None,
        };
        let status = match by_itself {
            Some(status) => status,
            None => group.end(grace).await,
        };
        group_ended.cancel();
        status
    };
    // The pipes end with the last process of the group, which is killed when the leader has ended. A process that has
    // left the group may keep them open.
    let read_out = |teller| read(stdout, framing, teller, Output::Stdout, group_ended.clone());
    let read_err = |teller| read(stderr, framing, teller, Output::Stderr, group_ended.clone());
    let (status, (), ()) =
        tokio::join!(process, read_out(teller.clone()), read_err(teller.clone()),);
    if let Ok(status) = &status {
        teller.tell(Output::Exited(*status)).await;
    }
    status
}

impl Actor for Process {
    type Msg = ProcessMsg;

    async fn handle(&mut self, msg: ProcessMsg, ctx: &mut Context<Self>) -> Result {
        match msg {
            ProcessMsg::Write(bytes, reply) => reply.send(self.write(&bytes, ctx).await),
            ProcessMsg::CloseInput => self.input = None,
            ProcessMsg::Id(reply) => {
                let id = self.id.filter(|_| !self.ended.token.is_cancelled());
                reply.send(id);
            }
        }
        Ok(())
    }

    async fn on_child_exit(&mut self, exit: ChildExit, ctx: &mut Context<Self>) -> Result {
        let is_it = exit.id() == self.task;
        exit.into_result()?;
        match is_it && !ctx.is_ending() {
            true => self.settle(ctx),
            false => Ok(()),
        }
    }

    async fn on_drain(&mut self, ctx: &mut Context<Self>) -> Result {
        self.input = None;
        self.drains.store(true, Ordering::Release);
        if self.ends_with_input {
            let ended = timeout(self.grace, self.ended.token.cancelled()).await;
            if ended.is_err() {
                let path = ctx.me().path();
                tracing::warn!(
                    path,
                    "a process has not ended with its input, and is asked to"
                );
            }
        }
        Ok(())
    }

    fn label(msg: &ProcessMsg) -> &'static str {
        match msg {
            ProcessMsg::Write(..) => "Write",
            ProcessMsg::CloseInput => "CloseInput",
            ProcessMsg::Id(_) => "Id",
        }
    }
}

impl fmt::Debug for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Process")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}
