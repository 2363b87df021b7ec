//! The signals with which a process is asked to end, served on a thread of their own: they are heeded also when
//! every worker is stuck, whoever waits for the system, if anybody does.

use std::future::{Future, poll_fn};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};

use crate::tree::{AnyNode, Order, Stopping, UntilStopped, launch_thread, request_for_signal};

/// The exit code of a process that was told three times to end.
const TOLD_THRICE: i32 = 130;

/// Serves the signals until this system has ended.
///
/// # Errors
///
/// If they cannot be listened to, or there is no thread for it.
pub(super) fn serve(system: Arc<dyn AnyNode>, grace: Duration) -> io::Result<()> {
    let (begun, has_begun) = channel();
    let run = move || run(&system, grace, &begun);
    if !launch_thread("tenure-signals", run) {
        return Err(io::Error::other("no thread to serve signals"));
    }
    let ended = |_| Err(io::Error::other("the thread that serves signals has ended"));
    has_begun.recv().unwrap_or_else(ended)
}

fn run(system: &Arc<dyn AnyNode>, grace: Duration, begun: &Sender<io::Result<()>>) {
    let (runtime, signals) = match listen() {
        Ok(listening) => listening,
        // Whoever asked for it waits for that.
        Err(error) => return begun.send(Err(error)).unwrap_or_default(),
    };
    begun.send(Ok(())).unwrap_or_default();
    runtime.block_on(heed(system, grace, signals));
}

fn listen() -> io::Result<(Runtime, Signals)> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let signals = {
        let _context = runtime.enter();
        Signals::listen()?
    };
    Ok((runtime, signals))
}

async fn heed(system: &Arc<dyn AnyNode>, grace: Duration, mut signals: Signals) {
    let mut end = pin!(UntilStopped::new(Arc::clone(system)));
    let mut told = 0;
    poll_fn(|cx| {
        while signals.poll(cx).is_ready() {
            told += 1;
            // What this wakes, and who is shown the traces, is not this crate's.
            let tell = || tell(system, grace, told);
            drop(catch_unwind(AssertUnwindSafe(tell)));
        }
        end.as_mut().poll(cx).map(drop)
    })
    .await;
}

/// A signal has come: the first drains, a second kills, a third ends the process.
fn tell(system: &Arc<dyn AnyNode>, grace: Duration, told: u32) {
    let path = system.node().path(system.type_name());
    match told {
        1 => {
            request_for_signal(system, Order::Drain);
            drop(Stopping::new(Arc::clone(system)).within(grace));
            tracing::info!(name: "tenure.signal", %path, "told to end: draining");
        }
        2 => {
            request_for_signal(system, Order::Kill);
            tracing::warn!(name: "tenure.signal", %path, "told to end again: killing");
        }
        _ => std::process::exit(TOLD_THRICE),
    }
}

/// The signals with which a process is asked to end.
#[derive(Debug)]
struct Signals {
    #[cfg(unix)]
    streams: [tokio::signal::unix::Signal; 2],
    #[cfg(windows)]
    stream: tokio::signal::windows::CtrlC,
}

#[cfg(unix)]
impl Signals {
    fn listen() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            streams: [
                signal(SignalKind::interrupt())?,
                signal(SignalKind::terminate())?,
            ],
        })
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        for stream in &mut self.streams {
            if stream.poll_recv(cx).is_ready() {
                return Poll::Ready(());
            }
        }
        Poll::Pending
    }
}

#[cfg(windows)]
impl Signals {
    fn listen() -> io::Result<Self> {
        Ok(Self {
            stream: tokio::signal::windows::ctrl_c()?,
        })
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.stream.poll_recv(cx).map(drop)
    }
}
