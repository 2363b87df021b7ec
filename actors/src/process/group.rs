use std::io;
use std::process::ExitStatus;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::Child;
use tokio::time::timeout;

/// A process and its group, of which nothing is left when this is dropped.
pub(super) struct Group {
    child: Child,
    /// It leads the group, whose number is its own.
    leader: Option<Pid>,
    is_over: bool,
}

/// How long a drop waits for a process that it has killed, to reap it.
const REAP: Duration = Duration::from_millis(100);

impl Group {
    pub(super) fn new(child: Child) -> Self {
        let id = child.id().and_then(|id| i32::try_from(id).ok());
        Self {
            child,
            leader: id.and_then(Pid::from_raw),
            is_over: false,
        }
    }

    /// Until the process has ended. It is reaped, and what is left of its group is killed.
    ///
    /// Dropped before it is ready, it has done nothing.
    pub(super) async fn wait(&mut self) -> io::Result<ExitStatus> {
        let status = self.child.wait().await?;
        // Its number is that of the group for as long as that has members. One that is empty is not there: for it to be
        // another's by now, all numbers would have to have been given out since.
        self.signal(Signal::KILL);
        self.is_over = true;
        Ok(status)
    }

    /// Asks it to end, and kills it if it has not after this time.
    pub(super) async fn end(&mut self, grace: Duration) -> io::Result<ExitStatus> {
        self.signal(Signal::TERM);
        if let Ok(status) = timeout(grace, self.wait()).await {
            return status;
        }
        tracing::warn!(
            ?grace,
            "a process has not ended within its grace, and is killed"
        );
        self.signal(Signal::KILL);
        self.wait().await
    }

    fn signal(&self, signal: Signal) {
        let Some(leader) = self.leader.filter(|_| !self.is_over) else {
            return;
        };
        if let Err(error) = kill_process_group(leader, signal) {
            // Mostly that nobody is left.
            tracing::trace!(%error, "a process group was not signalled");
        }
    }
}

impl Drop for Group {
    /// A kill drops this at its await point. What is killed ends at once, but for what hangs in the kernel, so the thread
    /// waits for a moment rather than leaving a zombie.
    fn drop(&mut self) {
        if self.is_over {
            return;
        }
        self.signal(Signal::KILL);
        let step = Duration::from_millis(1);
        for _ in 0..REAP.as_millis() {
            match self.child.try_wait() {
                Ok(None) => std::thread::sleep(step),
                Ok(Some(_)) | Err(_) => return,
            }
        }
        tracing::warn!("a process that was killed has not ended: it is reaped later");
    }
}
