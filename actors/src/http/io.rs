use std::future::{Future, pending};
use std::io;
use std::mem::MaybeUninit;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, Interest, ReadBuf};
use tokio::net::{TcpListener, TcpStream};

use super::Limits;

/// How much unsent data the kernel keeps of a connection before it stops taking more. A client that reads steadily is
/// seen to do so at this grain, however large the kernel's buffers have grown.
const UNSENT: u32 = 16 << 10;

const SHORTEST_PROBE: Duration = Duration::from_secs(1);
const LONGEST_PROBE: Duration = Duration::from_secs(i16::MAX as u64);

/// Where connections come from.
pub trait Listener: Send + 'static {
    /// What a connection reads from and writes to.
    type Io: Io;

    /// The next connection, and where it comes from, if that is known.
    ///
    /// # Errors
    ///
    /// Those of the system. The server waits a little and tries again.
    ///
    /// # Cancel safety
    ///
    /// Dropping it loses no connection.
    fn accept(&mut self) -> impl Future<Output = Accepted<Self::Io>> + Send;

    /// Sets options of all connections to come.
    fn set_up(&mut self, limits: &Limits) {
        let _ = limits;
    }

    /// Asks for no more connections; those that have come already are still accepted.
    fn close(&mut self) {}

    /// The next of those that had come when it was [closed](Listener::close).
    fn accept_queued(&mut self) -> Option<(Self::Io, Option<SocketAddr>)> {
        None
    }
}

/// What an accept gives.
pub type Accepted<I> = io::Result<(I, Option<SocketAddr>)>;

/// What a connection reads from and writes to.
pub trait Io: AsyncRead + AsyncWrite + Unpin + Send + 'static {
    /// What looks at the connection beside whoever reads and writes. By default nothing does: that the client has
    /// gone is then noticed at the next read or write.
    fn probe(&self) -> Probe {
        Probe::default()
    }
}

impl Io for DuplexStream {}

impl Listener for TcpListener {
    type Io = Tcp;

    async fn accept(&mut self) -> Accepted<Tcp> {
        let (stream, address) = TcpListener::accept(self).await?;
        Ok((Tcp(Arc::new(stream)), Some(address)))
    }

    /// What a listener has its connections inherit, on Linux; so they cost no connection anything.
    fn set_up(&mut self, limits: &Limits) {
        let socket = SockRef::from(&*self);
        // The kernel takes nothing shorter and nothing longer.
        let silence = limits.keepalive.clamp(SHORTEST_PROBE, LONGEST_PROBE);
        let keepalive = TcpKeepalive::new()
            .with_time(silence)
            .with_interval(silence);
        let set = [
            socket.set_tcp_nodelay(true),
            socket.set_tcp_keepalive(&keepalive),
            #[cfg(any(target_os = "linux", target_os = "android"))]
            socket.set_tcp_notsent_lowat(UNSENT),
        ];
        for error in set.into_iter().filter_map(Result::err) {
            tracing::warn!(%error, "an option of a listener cannot be set");
        }
    }

    fn close(&mut self) {
        // The kernel then answers no more than one at a time, which is accepted below.
        if let Err(error) = SockRef::from(&*self).listen(0) {
            tracing::debug!(%error, "the backlog of a listener cannot be lowered");
        }
    }

    fn accept_queued(&mut self) -> Option<(Tcp, Option<SocketAddr>)> {
        // Beside the runtime, which may not have heard of all that have come.
        let (socket, address) = SockRef::from(&*self).accept().ok()?;
        socket.set_nonblocking(true).ok()?;
        let stream = TcpStream::from_std(socket.into()).ok()?;
        Some((Tcp(Arc::new(stream)), address.as_socket()))
    }
}

/// A connection over TCP.
#[derive(Debug)]
pub struct Tcp(Arc<TcpStream>);

impl Io for Tcp {
    fn probe(&self) -> Probe {
        Probe(Some(Arc::clone(&self.0)))
    }
}

impl AsyncRead for Tcp {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let stream = &self.0;
        loop {
            ready!(stream.poll_read_ready(cx))?;
            let mut read = None;
            let tried = stream.try_io(Interest::READABLE, || {
                let room = buf.remaining();
                let bytes = stream.try_read_buf(buf)?;
                read = Some(());
                // Less than there was room for: the socket is empty, and need not be asked whether it is.
                match bytes > 0 && bytes < room {
                    true => Err(io::ErrorKind::WouldBlock.into()),
                    false => Ok(()),
                }
            });
            match tried {
                _ if read.is_some() => return Poll::Ready(Ok(())),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                tried => return Poll::Ready(tried),
            }
        }
    }
}

impl Tcp {
    fn poll_try_write(
        &self,
        cx: &mut Context<'_>,
        write: impl Fn(&TcpStream) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.0.poll_write_ready(cx))?;
            match write(&self.0) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                written => return Poll::Ready(written),
            }
        }
    }
}

impl AsyncWrite for Tcp {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_try_write(cx, |stream| stream.try_write(buf))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(SockRef::from(&*self.0).shutdown(std::net::Shutdown::Write))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll_try_write(cx, |stream| stream.try_write_vectored(bufs))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }
}

/// Looks at a connection beside whoever reads and writes.
#[derive(Debug, Clone, Default)]
pub struct Probe(Option<Arc<TcpStream>>);

impl Probe {
    /// Ends when the client has closed its side, or reset the connection, whatever is unread.
    pub(super) fn gone(&self) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        #[cfg(any(target_os = "linux", target_os = "android"))]
        if let Some(stream) = self.0.clone() {
            return Box::pin(async move {
                // This interest is in urgent data, and in the end of the other side.
                let ready = stream.ready(Interest::PRIORITY).await;
                if ready.is_ok_and(|ready| !ready.is_read_closed()) {
                    // Urgent data: nobody can wait for the end alone.
                    pending::<()>().await;
                }
            });
        }
        Box::pin(pending())
    }

    /// The connection is reset when it is dropped: what the kernel has of it for its client goes with it, which it would
    /// otherwise keep for as long as that does not read.
    pub(super) fn reset(&self) {
        let Some(stream) = &self.0 else { return };
        if let Err(error) = SockRef::from(&**stream).set_linger(Some(Duration::ZERO)) {
            tracing::debug!(%error, "a connection cannot be reset");
        }
    }

    /// Whether something has arrived that was not read, the end of the other side included. It asks the kernel: the
    /// runtime hears of it later.
    pub(super) fn has_input(&self) -> bool {
        let Some(stream) = &self.0 else { return false };
        let mut byte = [MaybeUninit::uninit()];
        SockRef::from(&**stream)
            .peek(&mut byte)
            .is_ok_and(|read| read > 0)
    }
}
