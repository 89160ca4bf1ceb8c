//! Sends the standard input of a build. Knows nothing of where the bytes come from.

use crate::connect::{self, Connection};
use crate::{Client, ClientError};
use bd_protocol::events::Feed;
use bd_protocol::hello::Channel;
use bd_protocol::{frame, limits};
use std::io::{self, Write as _};

/// A channel for the standard input of one build. Dropping it ends the input.
#[derive(Debug)]
pub struct Input {
    connection: Connection,
}

impl Client {
    /// Opens a channel for the standard input of a build.
    ///
    /// # Errors
    ///
    /// As [`Client::control`].
    pub fn input(&self, build: &str) -> Result<Input, ClientError> {
        let feed = Feed { build: build.to_owned() };
        let first = connect::json(&feed);
        Input::new(self.open(Channel::Input, Some(&first))?)
    }
}

impl Input {
    pub(crate) fn new(connection: Connection) -> Result<Self, ClientError> {
        // A command may read slowly; that is no failure of the daemon.
        let unbounded = connection.frames.stream().set_write_timeout(None);
        unbounded.map_err(ClientError::io("prepare the input channel"))?;
        Ok(Self { connection })
    }

    /// Sends input; waits while the command does not read.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::BrokenPipe`] if the command reads no more.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        // An empty frame would mean the end.
        bytes.chunks(limits::INPUT_MAX_BYTES).try_for_each(|chunk| self.frame(chunk))
    }

    /// Ends the input.
    ///
    /// # Errors
    ///
    /// As [`Self::send`].
    pub fn end(mut self) -> io::Result<()> {
        self.frame(&[])
    }

    fn frame(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut framed = Vec::with_capacity(frame::PREFIX_BYTES + bytes.len());
        frame::write(&mut framed, bytes)?;
        self.connection.frames.stream().write_all(&framed)
    }
}
