//! The listening socket: binding it, taking it over, and accepting connections.

use bd_protocol::rendezvous::Home;
use interprocess::local_socket::tokio::{Listener, Stream};
use interprocess::local_socket::traits::tokio::Listener as _;
use interprocess::os::unix::uds_local_socket::tokio::Listener as UnixListener;
use nix::sys::socket::Backlog;
use std::fs;
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::time::Duration;

/// Pause after the system had no descriptor for a connection: one is free when a client disconnects.
const NO_DESCRIPTOR_PAUSE: Duration = Duration::from_millis(50);

/// Connections that wait to be accepted: as many as the system allows.
#[cfg(target_os = "linux")]
const BACKLOG: Backlog = Backlog::MAXALLOWABLE;
#[cfg(not(target_os = "linux"))]
const BACKLOG: Backlog = Backlog::MAXCONN;

/// Binds the socket of the daemon, in place of a stale one. The caller must hold the start lock and
/// know that no daemon is running.
///
/// # Errors
///
/// The error of the system.
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
/// The error of the system: the descriptor is not a listening socket.
pub fn adopt(socket: OwnedFd) -> io::Result<Listener> {
    // Listening again makes the daemon the peer that clients see, not the process that bound it.
    nix::sys::socket::listen(&socket.as_fd(), BACKLOG)?;
    Ok(Listener::from(UnixListener::try_from(socket)?))
}

/// The next connection. Waits while there is no descriptor for one.
///
/// # Errors
///
/// The error of the system, if the socket itself has failed.
pub(super) async fn accept(listener: &Listener) -> io::Result<Stream> {
    let mut warned = false;
    loop {
        match listener.accept().await {
            Ok(stream) => return Ok(stream),
            Err(error) if is_exhausted(&error) => {
                if !warned {
                    tracing::warn!(%error, "no descriptor for a connection, waiting for one");
                    warned = true;
                }
                tokio::time::sleep(NO_DESCRIPTOR_PAUSE).await;
            }
            // The peer disconnected before it was accepted.
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            Err(error) => return Err(error),
        }
    }
}

fn is_exhausted(error: &io::Error) -> bool {
    use nix::libc::{EMFILE, ENFILE, ENOBUFS, ENOMEM};
    matches!(error.raw_os_error(), Some(EMFILE | ENFILE | ENOBUFS | ENOMEM))
}
