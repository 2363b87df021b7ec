//! The signals that ask a process to end, served on a thread of their own: they work even when every worker is stuck,
//! and if nobody waits for the system.

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

/// The exit code of a process that was told to end three times.
const TOLD_THRICE: i32 = 130;

/// Prints what is alive in a system.
pub(crate) type Dump = fn(&Arc<dyn AnyNode>);

/// Which signals are served.
#[derive(Debug, Clone, Copy)]
pub(super) struct Served {
    /// Serves the signals that end the system, within this grace.
    pub(super) end_within: Option<Duration>,
    /// Serves the signals that ask what is alive, and how to show it.
    pub(super) dump: Option<Dump>,
}

impl Served {
    pub(super) const fn is_any(&self) -> bool {
        self.end_within.is_some() || self.dump.is_some()
    }
}

/// What a signal asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wish {
    End,
    #[cfg_attr(windows, expect(dead_code, reason = "there are no such signals"))]
    Dump,
}

/// Serves the signals until this system has ended.
///
/// # Errors
///
/// If they cannot be listened to, or the thread cannot be started.
pub(super) fn serve(system: Arc<dyn AnyNode>, served: Served) -> io::Result<()> {
    let (begun, has_begun) = channel();
    let run = move || run(&system, served, &begun);
    if !launch_thread("tenure-signals", run) {
        return Err(io::Error::other("no thread to serve signals"));
    }
    let ended = |_| Err(io::Error::other("the thread that serves signals has ended"));
    has_begun.recv().unwrap_or_else(ended)
}

fn run(system: &Arc<dyn AnyNode>, served: Served, begun: &Sender<io::Result<()>>) {
    let (runtime, signals) = match listen(served) {
        Ok(listening) => listening,
        // `serve` waits for the result.
        Err(error) => return begun.send(Err(error)).unwrap_or_default(),
    };
    begun.send(Ok(())).unwrap_or_default();
    runtime.block_on(handle_signals(system, served, signals));
}

fn listen(served: Served) -> io::Result<(Runtime, SignalStreams)> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let signals = {
        let _context = runtime.enter();
        SignalStreams::listen(served)?
    };
    Ok((runtime, signals))
}

async fn handle_signals(system: &Arc<dyn AnyNode>, served: Served, mut signals: SignalStreams) {
    let mut end = pin!(UntilStopped::new(Arc::clone(system)));
    let mut told = 0;
    poll_fn(|cx| {
        while let Poll::Ready(wish) = signals.poll(cx) {
            // Wakers and trace subscribers are users' code, which may panic.
            let serve_wish = || match (wish, served.end_within, served.dump) {
                (Wish::End, Some(grace), _) => {
                    told += 1;
                    tell(system, grace, told);
                }
                (Wish::Dump, _, Some(dump)) => dump(system),
                _ => {}
            };
            drop(catch_unwind(AssertUnwindSafe(serve_wish)));
        }
        end.as_mut().poll(cx).map(drop)
    })
    .await;
}

/// Serves a signal: the first drains, the second kills, the third ends the process.
fn tell(system: &Arc<dyn AnyNode>, grace: Duration, told: u32) {
    let path = system.node().path(system.type_name());
    match told {
        1 => {
            request_for_signal(system, Order::Drain);
            drop(Stopping::new(Arc::clone(system), None).within(grace));
            tracing::info!(name: "tenure.signal", %path, "told to end: draining");
        }
        2 => {
            request_for_signal(system, Order::Kill);
            tracing::warn!(name: "tenure.signal", %path, "told to end again: killing");
        }
        _ => std::process::exit(TOLD_THRICE),
    }
}

/// The signals that ask a process to end, and those that ask what is alive.
#[derive(Debug)]
struct SignalStreams {
    #[cfg(unix)]
    streams: Vec<(Wish, tokio::signal::unix::Signal)>,
    #[cfg(windows)]
    stream: Option<tokio::signal::windows::CtrlC>,
}

#[cfg(unix)]
impl SignalStreams {
    fn listen(served: Served) -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        let kinds = [
            (Wish::End, SignalKind::interrupt()),
            (Wish::End, SignalKind::terminate()),
            (Wish::Dump, SignalKind::quit()),
            (Wish::Dump, SignalKind::user_defined1()),
        ];
        let is_served = |wish| match wish {
            Wish::End => served.end_within.is_some(),
            Wish::Dump => served.dump.is_some(),
        };
        let wanted = kinds.into_iter().filter(|(wish, _)| is_served(*wish));
        let streams = wanted.map(|(wish, kind)| Ok((wish, signal(kind)?)));
        Ok(Self {
            streams: streams.collect::<io::Result<_>>()?,
        })
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Wish> {
        for (wish, stream) in &mut self.streams {
            if stream.poll_recv(cx).is_ready() {
                return Poll::Ready(*wish);
            }
        }
        Poll::Pending
    }
}

#[cfg(windows)]
impl SignalStreams {
    fn listen(served: Served) -> io::Result<Self> {
        let ends = served.end_within.is_some();
        let stream = ends.then(tokio::signal::windows::ctrl_c).transpose()?;
        Ok(Self { stream })
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Wish> {
        match &mut self.stream {
            Some(stream) => stream.poll_recv(cx).map(|_| Wish::End),
            None => Poll::Pending,
        }
    }
}
