//! The IO beneath the protocol: it notes what is read and written, and lingers before it closes.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

use super::Io;
use super::connection::Connection;

/// What is read at once of what nobody wants.
const DISCARDED: usize = 4 << 10;
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

pub(super) struct WatchedIo<I> {
    io: I,
    connection: Arc<Connection>,
    begin: Begin,
    linger: Linger,
}

/// HTTP/1 knows a client of HTTP/2 by its preface, if that comes in one piece. So the beginning of one is held back until
/// it is clear what it is.
enum Begin {
    Held(Vec<u8>),
    Over,
}

/// Closing with input unread resets the connection, and the client may lose a response that it has not read. So the
/// write side closes first, and what still comes is read and dropped until the client closes, too.
enum Linger {
    Open,
    Reading(Pin<Box<Sleep>>),
    Over,
}

impl<I: Io> WatchedIo<I> {
    pub(super) fn new(io: I, connection: Arc<Connection>) -> Self {
        Self {
            io,
            connection,
            begin: Begin::Held(Vec::new()),
            linger: Linger::Open,
        }
    }

    /// Notes how a write went.
    fn note(&self, written: &Poll<io::Result<usize>>) {
        match written {
            Poll::Pending => self.connection.set_blocked(true),
            Poll::Ready(Ok(bytes)) => self.connection.note_written(*bytes),
            Poll::Ready(Err(_)) => {}
        }
    }

    fn poll_discard(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut bytes = [0; DISCARDED];
        // So that a client which sends without an end keeps nobody from anything.
        for _ in 0..16 {
            let mut buf = ReadBuf::new(&mut bytes);
            match ready!(Pin::new(&mut self.io).poll_read(cx, &mut buf)) {
                Ok(()) if !buf.filled().is_empty() => {}
                _ => return Poll::Ready(()),
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

/// Reads until what has come is no preface, or a whole one.
fn poll_begin<I: Io>(
    io: &mut I,
    held: &mut Vec<u8>,
    cx: &mut Context<'_>,
    buf: &mut ReadBuf<'_>,
) -> Poll<io::Result<()>> {
    let before = buf.filled().len();
    loop {
        if buf.remaining() <= held.len() {
            // No protocol reads so little at once.
            return Poll::Ready(Err(io::ErrorKind::InvalidInput.into()));
        }
        buf.put_slice(held);
        let polled = Pin::new(&mut *io).poll_read(cx, buf);
        let come = &buf.filled()[before..];
        let has_ended = come.len() == held.len() && polled.is_ready();
        let is_part = come.len() < PREFACE.len() && PREFACE.starts_with(come);
        if !has_ended && is_part {
            *held = come.to_vec();
            buf.set_filled(before);
            ready!(polled)?;
            continue;
        }
        *held = come.to_vec();
        return polled;
    }
}

impl<I: Io> AsyncRead for WatchedIo<I> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if let Begin::Held(held) = &mut this.begin {
            let polled = poll_begin(&mut this.io, held, cx, buf);
            if !held.is_empty() {
                this.connection.note_read();
            }
            ready!(polled)?;
            this.begin = Begin::Over;
            this.connection.note_begun();
            return Poll::Ready(Ok(()));
        }
        let before = buf.filled().len();
        ready!(Pin::new(&mut this.io).poll_read(cx, buf))?;
        if buf.filled().len() > before {
            this.connection.note_read();
        }
        Poll::Ready(Ok(()))
    }
}

impl<I: Io> AsyncWrite for WatchedIo<I> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write(cx, buf);
        self.note(&written);
        written
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write_vectored(cx, bufs);
        self.note(&written);
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    /// Called once all has been written.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.io).poll_flush(cx);
        self.connection.set_blocked(flushed.is_pending());
        flushed
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            match &mut self.linger {
                Linger::Open => {
                    ready!(Pin::new(&mut self.io).poll_shutdown(cx))?;
                    self.connection.note_shut();
                    let limit = self.connection.limits().linger;
                    self.linger = match self.connection.lingers() && !limit.is_zero() {
                        true => Linger::Reading(Box::pin(sleep(limit))),
                        false => Linger::Over,
                    };
                }
                Linger::Reading(limit) => {
                    if limit.as_mut().poll(cx).is_pending() {
                        ready!(self.poll_discard(cx));
                    }
                    self.linger = Linger::Over;
                }
                Linger::Over => return Poll::Ready(Ok(())),
            }
        }
    }
}
