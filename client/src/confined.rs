//! What a client can find out of its own confinement where the daemon cannot: Landlock shows in no file,
//! but it keeps a process from looking at others. Knows nothing of what follows from it.

use crate::ClientError;
#[cfg(target_os = "linux")]
use bd_protocol::{Failure, failure::codes};
use std::os::unix::net::UnixStream;

/// Fails when this process may not look at the daemon, though all that the daemon can compare is equal.
#[cfg(target_os = "linux")]
pub(crate) fn check(stream: &UnixStream, daemon: u32) -> Result<(), ClientError> {
    use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};
    // Only the privileged get under it without the flag.
    let may_be = may_be_confined() || nix::unistd::geteuid().is_root();
    let denied = |process: u32| {
        let look = std::fs::read_link(format!("/proc/{process}/ns/mnt"));
        look.is_err_and(|error| error.kind() == std::io::ErrorKind::PermissionDenied)
    };
    // The peer is the client that bound the socket, until the daemon listens on it itself.
    let listener =
        || getsockopt(stream, PeerCredentials).map_or(0, |peer| peer.pid().cast_unsigned());
    let own = std::process::id();
    if may_be && denied(daemon) && [daemon, own].contains(&listener()) {
        return Err(Failure::environment(
            codes::CONFINED_CLIENT,
            "this process may not look at the daemon, so that it is confined by Landlock or the like",
        )
        .hint("run it outside of the sandbox")
        .into());
    }
    Ok(())
}

/// Here there is no Landlock.
#[cfg(not(target_os = "linux"))]
pub(crate) fn check(_stream: &UnixStream, _daemon: u32) -> Result<(), ClientError> {
    Ok(())
}

/// Whether this process has given up to gain privileges, as every sandbox of an ordinary user has.
#[must_use]
pub fn may_be_confined() -> bool {
    #[cfg(target_os = "linux")]
    return nix::sys::prctl::get_no_new_privs().unwrap_or(true);
    #[cfg(not(target_os = "linux"))]
    false
}
