use std::io;
use std::process::ExitStatus;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::Child;
use tokio::time::timeout;

/// A process and its group. Dropping it kills what is left of them.
pub(super) struct Group {
    child: Child,
    /// The process leads the group, so its number is that of the group.
    leader: Option<Pid>,
    is_over: bool,
}

/// How long a drop waits to reap the process that it has killed.
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

    /// Waits until the process has ended. It is reaped, and what is left of its group is killed.
    ///
    /// A future that is cancelled before it is ready has done nothing.
    pub(super) async fn wait(&mut self) -> io::Result<ExitStatus> {
        let status = self.child.wait().await?;
        // The number stays that of the group as long as the group has members. An empty group does not exist any more:
        // the number could only belong to another group if the kernel had given out all numbers since.
        self.signal(Signal::KILL);
        self.is_over = true;
        Ok(status)
    }

    /// Asks the process to end, and kills it if it has not ended within the grace.
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
            // Mostly because no process is left.
            tracing::trace!(%error, "a process group was not signalled");
        }
    }
}

impl Drop for Group {
    /// A kill of the task drops this. A killed process ends at once, unless it hangs in the kernel. So the thread waits
    /// for a moment, to reap it rather than leave a zombie.
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
