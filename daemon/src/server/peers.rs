//! Which peers are served: those that are confined as the daemon is. Remembers for a moment whom it has
//! looked at, because a client opens two connections and some open a thousand.

use super::confinement::{Confinement, Difference};
use interprocess::local_socket::tokio::Stream;
use std::io;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long a look at a process holds: far shorter than numbers of processes are reused.
const LOOK_HOLDS: Duration = Duration::from_millis(250);

/// Most processes that are remembered.
const MOST_REMEMBERED: usize = 64;

/// See the head of this file.
#[derive(Debug)]
pub(super) struct Peers {
    /// `None` where the system does not tell, and everybody is served.
    own: Option<Confinement>,
    served: Mutex<Vec<(i32, Instant)>>,
}

impl Peers {
    pub(super) fn new() -> Self {
        // Without `/proc`, or with that of another namespace of processes, there is nothing to see.
        let pid = std::process::id().to_string();
        let ours = std::fs::read_link("/proc/self").is_ok_and(|link| link.as_os_str() == &*pid);
        let own = if ours { Confinement::of("self").ok() } else { None };
        Self { own, served: Mutex::default() }
    }

    /// Whether this process is served; if not, why.
    pub(super) fn check(&self, process: Option<i32>) -> Result<(), Difference> {
        let another = |what: &str, client_is_freer| {
            Err(Difference { what: vec![what.to_owned()], client_is_freer })
        };
        let Some(process) = process else { return Ok(()) };
        if process <= 0 {
            // The system has no number here for a process of a namespace beside or above ours.
            let beside = self.own.as_ref().is_none_or(Confinement::is_of_the_system);
            return another("another process namespace", !beside);
        }
        let Some(own) = &self.own else { return Ok(()) };
        let now = Instant::now();
        let mut served = self.served.lock().unwrap_or_else(PoisonError::into_inner);
        served.retain(|(_, looked)| now.duration_since(*looked) < LOOK_HOLDS);
        if served.iter().any(|(known, _)| *known == process) {
            return Ok(());
        }
        match Confinement::of(&process.to_string()).map(|client| own.difference(&client)) {
            Ok(None) => {}
            Ok(Some(found)) => return Err(found),
            // It has ended, and nobody reads the answer.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return another("another process namespace", false);
            }
            Err(_) => return another("other privileges", is_open(process)),
        }
        if served.len() == MOST_REMEMBERED {
            served.remove(0);
        }
        served.push((process, now));
        Ok(())
    }
}

/// User and process at the other end. Not asked by interprocess, which fails for a process that cannot
/// be seen from this one's namespace; that one has the number 0.
#[cfg(target_os = "linux")]
pub(super) fn credentials(stream: &Stream) -> io::Result<(Option<u32>, Option<i32>)> {
    use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};
    let Stream::UdSocket(stream) = stream;
    let found = getsockopt(stream, PeerCredentials)?;
    Ok((Some(found.uid()), Some(found.pid())))
}

#[cfg(not(target_os = "linux"))]
pub(super) fn credentials(stream: &Stream) -> io::Result<(Option<u32>, Option<i32>)> {
    use interprocess::local_socket::traits::StreamCommon as _;
    let found = stream.peer_creds()?;
    Ok((found.euid(), found.pid()))
}

/// Whether a process that cannot be looked at has more than this one, rather than hides.
fn is_open(process: i32) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let own = nix::unistd::geteuid().as_raw();
    std::fs::metadata(format!("/proc/{process}")).is_ok_and(|found| found.uid() == own)
}
