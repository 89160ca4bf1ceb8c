//! A raw connection: frames written by hand, for tests of the protocol itself.

use bd_protocol::frame;
use bd_protocol::limits::EVENTS_MAX_BYTES;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use serde_json::{Value, json};
use std::io::{self, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// Longest wait for an answer.
const PATIENCE: Duration = Duration::from_secs(60);

/// See the [module](self).
#[derive(Debug)]
pub struct Wire(pub UnixStream);

impl Wire {
    /// Connects, and sends nothing.
    ///
    /// # Panics
    ///
    /// When nobody listens.
    #[must_use]
    pub fn connect(socket: &Path) -> Self {
        let stream = UnixStream::connect(socket).expect("a daemon that listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        Self(stream)
    }

    /// Connects and opens a channel: `control`, `events` or `input`.
    ///
    /// # Panics
    ///
    /// When it is not opened.
    #[must_use]
    pub fn open(socket: &Path, channel: &str) -> Self {
        let mut wire = Self::connect(socket);
        wire.send(&hello(channel));
        let welcome = wire.receive();
        assert_eq!(welcome["bd"], "welcome", "{welcome}");
        wire
    }

    /// Writes one frame of JSON.
    ///
    /// # Panics
    ///
    /// When the daemon hung up.
    pub fn send(&mut self, message: &Value) {
        frame::write(&mut self.0, message.to_string().as_bytes()).expect("a daemon that reads");
    }

    /// Writes bytes as they are, whether or not the daemon takes them.
    ///
    /// # Errors
    ///
    /// The socket's own.
    pub fn raw(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all(bytes)
    }

    /// Reads one frame; `None` at the end of the connection, however it came.
    #[must_use]
    pub fn frame(&mut self) -> Option<Vec<u8>> {
        wait_readable(&self.0);
        let mut buffer = Vec::new();
        match frame::read(&mut self.0, EVENTS_MAX_BYTES.max(8 << 20), &mut buffer) {
            Ok(true) => Some(buffer),
            Ok(false) | Err(_) => None,
        }
    }

    /// Reads one frame of JSON.
    ///
    /// # Panics
    ///
    /// When there is none.
    #[must_use]
    pub fn receive(&mut self) -> Value {
        let frame = self.frame().expect("an answer");
        serde_json::from_slice(&frame).expect("JSON")
    }

    /// Sends a request and reads its reply.
    ///
    /// # Panics
    ///
    /// When there is none.
    pub fn call(&mut self, id: u64, call: &Value) -> Value {
        self.send(&json!({ "id": id, "call": call }));
        let reply = self.receive();
        assert_eq!(reply["id"], id, "{reply}");
        reply
    }
}

/// Waits as bdctl does, by `poll`, for as long as a read from the socket may take. A thread that
/// waits in `read` is also woken when the peer takes what was sent to it, which is one more context
/// switch for each request.
pub fn wait_readable(socket: &UnixStream) {
    let most = socket.read_timeout().ok().flatten();
    let timeout = most.and_then(|most| PollTimeout::try_from(most).ok());
    let timeout = timeout.unwrap_or(PollTimeout::NONE);
    // If something is wrong, the read fails.
    let _ = poll(&mut [PollFd::new(socket.as_fd(), PollFlags::POLLIN)], timeout);
}

/// A hello of this version for a channel.
#[must_use]
pub fn hello(channel: &str) -> Value {
    json!({
        "bd": "hello",
        "protocol": { "min": 1, "max": 1 },
        "version": env!("CARGO_PKG_VERSION"),
        "channel": channel,
        "session": "user:test",
    })
}
