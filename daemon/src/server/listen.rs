//! The listening socket: where it comes from, and taking connections from it.

use bd_protocol::rendezvous::Home;
use interprocess::local_socket::tokio::{Listener, Stream};
use interprocess::local_socket::traits::tokio::Listener as _;
use interprocess::os::unix::uds_local_socket::tokio::Listener as UnixListener;
use nix::sys::socket::Backlog;
use std::fs;
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::time::Duration;

/// Pause after the system had no descriptor for a connection: it has one when somebody leaves.
const NO_DESCRIPTOR_PAUSE: Duration = Duration::from_millis(50);

/// Connections that wait to be taken: as many as the system allows.
#[cfg(target_os = "linux")]
const BACKLOG: Backlog = Backlog::MAXALLOWABLE;
#[cfg(not(target_os = "linux"))]
const BACKLOG: Backlog = Backlog::MAXCONN;

/// Binds the daemon's socket, in place of a stale one. Only for whoever holds the start lock and
/// knows that no daemon lives.
///
/// # Errors
///
/// The system's own.
pub fn bind(home: &Home) -> io::Result<OwnedFd> {
    let path = home.socket();
    match fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(std::os::unix::net::UnixListener::bind(path)?.into()),
    }
}

/// Takes over a bound socket.
///
/// # Errors
///
/// The system's own: the descriptor is no listening socket.
pub fn adopt(socket: OwnedFd) -> io::Result<Listener> {
    // Listening again makes the daemon, not whoever bound the socket, the peer that clients see.
    nix::sys::socket::listen(&socket.as_fd(), BACKLOG)?;
    Ok(Listener::from(UnixListener::try_from(socket)?))
}

/// The next connection. Waits out a lack of descriptors.
///
/// # Errors
///
/// The system's own, when the socket itself has failed.
pub(super) async fn accept(listener: &Listener) -> io::Result<Stream> {
    let mut told = false;
    loop {
        match listener.accept().await {
            Ok(stream) => return Ok(stream),
            Err(error) if is_lack(&error) => {
                if !told {
                    tracing::warn!(%error, "no descriptor for a connection, waiting for one");
                    told = true;
                }
                tokio::time::sleep(NO_DESCRIPTOR_PAUSE).await;
            }
            // The peer left before it was taken.
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            Err(error) => return Err(error),
        }
    }
}

fn is_lack(error: &io::Error) -> bool {
    use nix::libc::{EMFILE, ENFILE, ENOBUFS, ENOMEM};
    matches!(error.raw_os_error(), Some(EMFILE | ENFILE | ENOBUFS | ENOMEM))
}
