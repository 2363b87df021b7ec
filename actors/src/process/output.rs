use std::io;
use std::process::ExitStatus;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tenure::{CancellationToken, Recipient, SendError};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::time::{Instant, timeout};

/// What a process has written, or how it has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Output {
    /// From its standard output: a line without its end, or bytes as they came.
    Stdout(Vec<u8>),
    /// From its standard error, likewise.
    Stderr(Vec<u8>),
    /// It has ended. All its output was told before, but for what had no room in a stop.
    Exited(ExitStatus),
}

/// How output is divided into messages.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Framing {
    /// A message for each line, without its end; the last line may have none. A line of more than 64 KiB is told in
    /// parts.
    #[default]
    Lines,
    /// A message for each read, of up to 8 KiB.
    Bytes,
}

/// The longest line that is told in one message.
const LONGEST: usize = 64 * 1024;

/// The limit of what is read after the group has ended. The group's output is in the pipe by then, so what comes later
/// is from another process that holds the pipe open.
struct Left {
    /// How long to wait for more, in all.
    time: Duration,
    /// How many bytes to read: a pipe holds no more.
    bytes: usize,
}

/// Reads and tells the output, until the pipe is closed or the output of the group is read.
pub(super) async fn read<R: AsyncRead + Unpin>(
    source: Option<R>,
    framing: Framing,
    mut teller: Teller,
    make: fn(Vec<u8>) -> Output,
    group_ended: CancellationToken,
) {
    let Some(mut source) = source else {
        return;
    };
    let mut chunk = vec![0; 8 * 1024];
    let mut line = Vec::new();
    let mut left = Left {
        time: Duration::from_secs(1),
        bytes: 1 << 20,
    };
    loop {
        let read = match read_some(&mut source, &mut chunk, &group_ended, &mut left).await {
            Ok(0) => break,
            Ok(read) => &chunk[..read],
            Err(error) => {
                tracing::warn!(%error, "the output of a process cannot be read");
                break;
            }
        };
        if framing == Framing::Bytes {
            teller.tell(make(read.to_vec())).await;
            continue;
        }
        for part in read.split_inclusive(|byte| *byte == b'\n') {
            let is_whole = part.ends_with(b"\n");
            line.extend_from_slice(part.strip_suffix(b"\n").unwrap_or(part));
            // Something of a long line is left for its end, which would otherwise look like an empty line.
            while line.len() > LONGEST {
                let rest = line.split_off(LONGEST);
                teller.tell(make(std::mem::replace(&mut line, rest))).await;
            }
            if is_whole {
                teller.tell(make(std::mem::take(&mut line))).await;
            }
        }
    }
    if !line.is_empty() {
        teller.tell(make(line)).await;
    }
}

/// Reads the next bytes; gives 0 at the end, also if the limit is reached.
async fn read_some<R: AsyncRead + Unpin>(
    source: &mut R,
    chunk: &mut [u8],
    group_ended: &CancellationToken,
    left: &mut Left,
) -> io::Result<usize> {
    let read = tokio::select! {
        biased;
        () = group_ended.cancelled() => None,
        read = source.read(chunk) => Some(read),
    };
    match read {
        Some(read) => read,
        None => read_rest(source, chunk, left).await,
    }
}

async fn read_rest<R: AsyncRead + Unpin>(
    source: &mut R,
    chunk: &mut [u8],
    left: &mut Left,
) -> io::Result<usize> {
    let (begin, most) = (Instant::now(), left.bytes.min(chunk.len()));
    let Ok(read) = timeout(left.time, source.read(&mut chunk[..most])).await else {
        tracing::debug!("a process outside of the group holds the output open");
        return Ok(0);
    };
    let read = read?;
    left.time = left.time.saturating_sub(begin.elapsed());
    left.bytes -= read;
    Ok(read)
}

/// Tells the recipient as long as it is alive. A process does not wait for a recipient that has ended.
#[derive(Clone)]
pub(super) struct Teller {
    pub(super) to: Option<Recipient<Output>>,
    pub(super) order: EndOrder,
}

impl Teller {
    pub(super) async fn tell(&mut self, output: Output) {
        let Some(to) = &self.to else {
            return;
        };
        let told = tokio::select! {
            biased;
            told = to.tell(output) => told,
            () = self.order.is_stop() => {
                tracing::debug!("output of a process is lost, as who is told has no room for it in a stop");
                return;
            }
        };
        match told {
            Ok(()) => {}
            Err(SendError::Deadlock(_, cycle)) => {
                tracing::warn!(%cycle, "output of a process is lost, as who is told waits for it");
            }
            Err(_) => {
                tracing::debug!("nobody is told any more what a process writes");
                self.to = None;
            }
        }
    }
}

/// Whether the actor of a process was told to stop, for the task that runs it: its token also fires in a drain.
#[derive(Clone)]
pub(super) struct EndOrder {
    pub(super) token: CancellationToken,
    pub(super) drains: Arc<AtomicBool>,
}

impl EndOrder {
    /// Ready in a stop.
    async fn is_stop(&self) {
        self.token.cancelled().await;
        if self.drains.load(Ordering::Acquire) {
            std::future::pending().await
        }
    }
}
