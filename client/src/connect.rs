//! One connection: the socket, and the hello that opens a channel on it. Knows nothing of
//! starting or replacing a daemon.

use crate::{ClientError, Frames};
use bd_protocol::hello::{Channel, ClientHello, OUR_RANGE, PRODUCT_VERSION, ServerHello};
use bd_protocol::{Session, frame, hello::ProtocolRange, limits};
use interprocess::ConnectWaitMode;
use interprocess::local_socket::{ConnectOptions, GenericFilePath, Name, prelude::*};
use interprocess::os::unix::uds_local_socket::Stream;
use std::io::{self, ErrorKind, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a daemon may take to answer a hello; also the bound of every write to it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// After how long without an answer the user is told that bdctl waits for the daemon.
const NOTE_AFTER: Duration = Duration::from_secs(2);

/// Where the library reports what takes long or what it did on its own.
pub(crate) type Notes = Arc<dyn Fn(&str) + Send + Sync>;

/// What the daemon answered to the hello.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Welcome {
    /// Protocol version that both sides use.
    pub protocol: u32,
    /// Product version of the daemon.
    pub version: String,
    /// Its process id.
    pub pid: u32,
    /// Whether no build was waiting or running.
    pub idle: bool,
}

/// An open channel.
#[derive(Debug)]
pub struct Connection {
    pub(crate) frames: Frames,
    /// What the daemon answered to the hello.
    pub welcome: Welcome,
}

/// How the daemon answered a hello.
pub(crate) enum Greeting {
    Welcome(Connection),
    Refused { failure: bd_protocol::Failure, protocol: ProtocolRange, version: String },
    Ending(Frames),
    Closed,
}

/// Connects to `socket`; `None` when nobody listens there.
pub(crate) fn connect(socket: &Path, deadline: Instant) -> Result<Option<UnixStream>, ClientError> {
    let failed = |source| ClientError::Connect { socket: socket.to_path_buf(), source };
    let name = socket.to_fs_name::<GenericFilePath>().map_err(failed)?;
    let mut pause = Duration::from_millis(1);
    loop {
        match attempt(&name, deadline) {
            Ok((stream, uid)) if uid == nix::unistd::geteuid().as_raw() => {
                // A stopped daemon reads nothing: a write to it must not hang either.
                stream.set_write_timeout(Some(PATIENCE)).map_err(failed)?;
                return Ok(Some(stream));
            }
            Ok((_, uid)) => {
                return Err(ClientError::ForeignDaemon { socket: socket.to_path_buf(), uid });
            }
            Err(error) => match error.kind() {
                ErrorKind::NotFound | ErrorKind::ConnectionRefused => return Ok(None),
                ErrorKind::Interrupted => {}
                // Its backlog of connections is full.
                ErrorKind::WouldBlock | ErrorKind::NotConnected if Instant::now() < deadline => {
                    std::thread::sleep(pause);
                    pause = (pause * 2).min(Duration::from_millis(50));
                }
                ErrorKind::WouldBlock | ErrorKind::NotConnected | ErrorKind::TimedOut => {
                    return Err(ClientError::Silent { waited: PATIENCE });
                }
                _ => return Err(failed(error)),
            },
        }
    }
}

/// One attempt to connect; returns the user id of the listener as well.
fn attempt(name: &Name<'_>, deadline: Instant) -> io::Result<(UnixStream, u32)> {
    const NOBODY: u32 = u32::MAX;
    let left = deadline.saturating_duration_since(Instant::now());
    // Without a timeout, a full backlog would block forever.
    let stream = ConnectOptions::new()
        .name(name.borrow())
        .wait_mode(ConnectWaitMode::Timeout(left))
        .connect_sync_as::<Stream>()?;
    let uid = peer(&stream)?.unwrap_or(NOBODY);
    // With a full backlog, interprocess returns a socket that is not connected: it has no peer.
    if uid == NOBODY {
        return Err(ErrorKind::NotConnected.into());
    }
    Ok((UnixStream::from(OwnedFd::from(stream)), uid))
}

/// The user at the other end. Not asked by interprocess, which has none for a process that cannot be
/// seen from this one's namespace.
#[cfg(target_os = "linux")]
fn peer(stream: &Stream) -> io::Result<Option<u32>> {
    use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};
    Ok(Some(getsockopt(stream, PeerCredentials)?.uid()))
}

#[cfg(not(target_os = "linux"))]
fn peer(stream: &Stream) -> io::Result<Option<u32>> {
    Ok(stream.peer_creds()?.euid())
}

/// The first bytes of a connection: the hello, and the first frame of the channel behind it, so
/// that both cost one system call.
pub(crate) fn opening(channel: Channel, session: &Session, first: Option<&[u8]>) -> Vec<u8> {
    let hello = ClientHello::Hello {
        protocol: OUR_RANGE,
        version: PRODUCT_VERSION.to_owned(),
        channel,
        session: session.clone(),
        capabilities: Vec::new(),
    };
    let mut bytes = framed(&hello);
    if let Some(first) = first {
        frame::write(&mut bytes, first).expect("BUG: a first frame longer than 4 GiB");
    }
    bytes
}

/// A value as one JSON frame.
pub(crate) fn framed(value: &impl serde::Serialize) -> Vec<u8> {
    let mut bytes = Vec::new();
    frame::write(&mut bytes, &json(value)).expect("BUG: a message longer than 4 GiB");
    bytes
}

/// A value as JSON.
pub(crate) fn json(value: &impl serde::Serialize) -> Vec<u8> {
    serde_json::to_vec(value).expect("BUG: a message that has no JSON")
}

/// Sends the opening and reads the daemon's hello. `max` bounds the frames that follow.
pub(crate) fn greet(
    stream: UnixStream,
    opening: &[u8],
    max: usize,
    deadline: Instant,
    notes: &Notes,
) -> Result<Greeting, ClientError> {
    if let Err(error) = (&stream).write_all(opening) {
        match error.kind() {
            // It may have refused without reading everything: the reason is in the buffer.
            ErrorKind::BrokenPipe | ErrorKind::ConnectionReset => {}
            ErrorKind::WouldBlock => return Err(ClientError::Silent { waited: PATIENCE }),
            _ => return Err(ClientError::io("write to the daemon")(error)),
        }
    }
    let mut frames = Frames::new(stream, max);
    let Some(hello) = patiently(&mut frames, deadline, notes)? else {
        return Ok(Greeting::Closed);
    };
    if hello.len() > limits::HELLO_MAX_BYTES {
        return Err(misunderstood("hello", "it is too long"));
    }
    let hello = serde_json::from_slice(hello).map_err(|error| misunderstood("hello", error))?;
    Ok(match hello {
        ServerHello::Welcome { protocol, version, pid, idle, .. } => {
            Greeting::Welcome(Connection {
                frames,
                welcome: Welcome { protocol, version, pid, idle },
            })
        }
        ServerHello::Refused { failure, protocol, version } => {
            Greeting::Refused { failure, protocol, version }
        }
        ServerHello::Ending => Greeting::Ending(frames),
    })
}

/// The next frame, or `None` at the end; notes when it takes long.
pub(crate) fn patiently<'a>(
    frames: &'a mut Frames,
    deadline: Instant,
    notes: &Notes,
) -> Result<Option<&'a [u8]>, ClientError> {
    let began = Instant::now();
    let first = deadline.min(began + NOTE_AFTER);
    let silent = |error: io::Error| match error.kind() {
        ErrorKind::TimedOut => ClientError::Silent { waited: began.elapsed() },
        ErrorKind::UnexpectedEof => ClientError::Closed,
        _ => ClientError::io("read from the daemon")(error),
    };
    // In two steps, because a borrowed frame cannot be returned from the first `match`.
    match frames.next_by(first) {
        Err(error) if error.kind() == ErrorKind::TimedOut && first < deadline => {
            notes("waiting for the daemon…");
        }
        Err(error) => return Err(silent(error)),
        Ok(None) => return Ok(None),
        Ok(Some(_)) => return Ok(Some(frames.last())),
    }
    frames.next_by(deadline).map_err(silent)
}

pub(crate) fn misunderstood(what: &'static str, detail: impl std::fmt::Display) -> ClientError {
    ClientError::Protocol { what, detail: detail.to_string() }
}
