use std::io;
use std::process::ExitStatus;
use std::time::Duration;

use tenure::{CancellationToken, Recipient, SendError};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::time::{Instant, timeout};

/// What a process has written, or how it has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Output {
    /// On its standard output: a line without its end, or bytes as they came.
    Stdout(Vec<u8>),
    /// On its standard error, as above.
    Stderr(Vec<u8>),
    /// It has ended, and all that it had written was told before.
    Exited(ExitStatus),
}

/// How output is divided into messages.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Framing {
    /// One for each line, without its end; the last may have none. A line of more than 64 KiB is told in parts.
    #[default]
    Lines,
    /// One for whatever was read at once, up to 8 KiB.
    Bytes,
}

/// The longest line that is told as one.
const LONGEST: usize = 64 * 1024;

/// What may still be read once the group has ended. What that has written is in the pipe by then, so whatever is waited for
/// is somebody else's, who holds the pipe open.
struct Left {
    /// How long is waited for it in all.
    time: Duration,
    /// How many bytes: a pipe holds no more.
    bytes: usize,
}

/// Reads all that comes, until the pipe is closed or nothing more is the group's, and tells it.
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
            if is_whole || line.len() >= LONGEST {
                teller.tell(make(std::mem::take(&mut line))).await;
            }
        }
    }
    if !line.is_empty() {
        teller.tell(make(line)).await;
    }
}

/// The next that comes; nothing also if no more may be read.
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

/// Tells somebody, while that one is there: a process is not to wait for one who is gone.
#[derive(Clone)]
pub(super) struct Teller(pub(super) Option<Recipient<Output>>);

impl Teller {
    pub(super) async fn tell(&mut self, output: Output) {
        let Some(to) = &self.0 else {
            return;
        };
        match to.tell(output).await {
            Ok(()) => {}
            Err(SendError::Deadlock(_, cycle)) => {
                tracing::warn!(%cycle, "output of a process is lost, as who is told waits for it");
            }
            Err(_) => {
                tracing::debug!("nobody is told any more what a process writes");
                self.0 = None;
            }
        }
    }
}
