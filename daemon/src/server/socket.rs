//! The socket of a connection. Wants to be woken for what it can read, and for room to write only
//! while it has none: else every answer that a peer takes from its socket wakes the daemon once more.

use std::io::{self, Read as _, Write as _};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::unix::AsyncFd;
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};

/// See the [module](self).
#[derive(Debug)]
pub(super) struct Socket {
    readable: AsyncFd<UnixStream>,
    /// The same socket while there is no room to write.
    writable: Option<AsyncFd<UnixStream>>,
}

impl Socket {
    /// Of a socket that does not block, in a runtime.
    pub(super) fn new(socket: UnixStream) -> io::Result<Self> {
        let readable = registered(socket, Interest::READABLE)?;
        Ok(Self { readable, writable: None })
    }

    /// The socket, for another runtime.
    pub(super) fn into_inner(self) -> UnixStream {
        self.readable.into_inner()
    }
}

fn registered(socket: UnixStream, interest: Interest) -> io::Result<AsyncFd<UnixStream>> {
    #[expect(unsafe_code, reason = "tokio leaves it to us that the descriptor stays open")]
    // SAFETY: a stream has one descriptor as long as it lives, and nobody can take it from the
    // `AsyncFd`, which is only ever borrowed, and ends its registration before it gives it back.
    let registered = unsafe { AsyncFd::register_with_interest(socket, interest) };
    Ok(registered?)
}

impl AsyncRead for Socket {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            let mut ready = ready!(self.readable.poll_read_ready(cx))?;
            let room = buffer.initialize_unfilled();
            match ready.try_io(|socket| socket.get_ref().read(room)) {
                Ok(Ok(count)) => {
                    buffer.advance(count);
                    return Poll::Ready(Ok(()));
                }
                Ok(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {}
                Ok(Err(error)) => return Poll::Ready(Err(error)),
                Err(_would_block) => {}
            }
        }
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        loop {
            match self.readable.get_ref().write(bytes) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    let writable = match self.writable.take() {
                        Some(writable) => writable,
                        None => {
                            let socket = self.readable.get_ref().try_clone()?;
                            registered(socket, Interest::WRITABLE)?
                        }
                    };
                    ready!(self.writable.insert(writable).poll_write_ready(cx))?.clear_ready();
                }
                written => {
                    self.writable = None;
                    return Poll::Ready(written);
                }
            }
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.readable.get_ref().shutdown(Shutdown::Write))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    #[tokio::test]
    async fn whatever_is_written_arrives_even_if_the_peer_takes_its_time() {
        let (ours, theirs) = UnixStream::pair().expect("sockets");
        ours.set_nonblocking(true).expect("a flag");
        theirs.set_nonblocking(true).expect("a flag");
        let (mut ours, mut theirs) =
            (Socket::new(ours).expect("a socket"), Socket::new(theirs).expect("a socket"));
        // More than a socket holds, so that there is no room at times.
        let sent: Vec<u8> = (0..3_000_000_u32).map(|number| number.to_le_bytes()[1]).collect();
        let mut came = Vec::new();
        let all = sent.clone();
        let write = async move {
            ours.write_all(&all).await.expect("a peer");
            assert!(ours.writable.is_none(), "room is waited for though there is some");
            ours.shutdown().await.expect("a peer");
            ours
        };
        let (_ours, read) = tokio::join!(write, theirs.read_to_end(&mut came));
        assert_eq!((read.expect("a peer"), came == sent), (sent.len(), true));
    }
}
