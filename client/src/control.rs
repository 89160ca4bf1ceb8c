//! Typed requests and their replies. Knows nothing of how the connection came about.

use crate::connect::{self, Connection, Notes, misunderstood};
use crate::{Client, ClientError, Frames, Welcome};
use bd_protocol::envelope::{Reply, Request};
use bd_protocol::hello::Channel;
use bd_protocol::service::{BdRequest, BdResponse, HistoryQuery, Status};
use bd_protocol::submit::{Explanation, Submit, Submitted, TerminalSize};
use bd_protocol::{Build, limits};
use std::io::Write as _;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

/// For requests that may have to digest a whole tree, read a long history or wait for processes
/// to end.
const SLOW: Duration = Duration::from_secs(60);
/// What the reply may take on top of what the daemon was given.
const SLACK: Duration = Duration::from_secs(2);

/// A channel for requests.
pub struct Control {
    connection: Connection,
    notes: Notes,
    last_id: u64,
}

impl std::fmt::Debug for Control {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Control").field("welcome", &self.connection.welcome).finish_non_exhaustive()
    }
}

/// The answer of the expected kind in a response, or an error.
macro_rules! answer {
    ($response:expr, $kind:ident) => {
        match $response {
            BdResponse::$kind(answer) => Ok(answer?),
            BdResponse::NotUnderstood(Err(failure)) => Err(ClientError::Failure(failure)),
            _ => Err($crate::connect::misunderstood("reply", "it answers another question")),
        }
    };
}
pub(crate) use answer;

impl Client {
    /// The daemon, its workspaces and the builds that have not ended.
    ///
    /// # Errors
    ///
    /// As [`Client::control`], or the daemon's own.
    pub fn ask_status(&self) -> Result<Status, ClientError> {
        answer!(self.ask(&BdRequest::Status {}, limits::DEFAULT_DEADLINE)?, Status)
    }

    /// One build, ended or not.
    ///
    /// # Errors
    ///
    /// As [`Self::ask_status`].
    pub fn ask_build(&self, id: &str) -> Result<Build, ClientError> {
        let request = BdRequest::Build { id: id.to_owned() };
        answer!(self.ask(&request, limits::DEFAULT_DEADLINE)?, Build)
    }

    /// Builds of the past and present, newest first.
    ///
    /// # Errors
    ///
    /// As [`Self::ask_status`].
    pub fn ask_history(&self, query: HistoryQuery) -> Result<Vec<Build>, ClientError> {
        answer!(self.ask(&BdRequest::History { query }, SLOW)?, History)
    }

    /// What a command would be, without running it.
    ///
    /// # Errors
    ///
    /// As [`Self::ask_status`].
    pub fn ask_explanation(&self, request: Submit) -> Result<Explanation, ClientError> {
        answer!(self.ask(&BdRequest::Explain { request }, SLOW)?, Explain)
    }

    /// Asks without waiting for the welcome: only for requests that change nothing.
    pub(crate) fn ask(
        &self,
        request: &BdRequest,
        patience: Duration,
    ) -> Result<BdResponse, ClientError> {
        self.ask_noting(request, patience, self.notes().clone())
    }

    /// The same with another place for the note that the answer takes long.
    pub(crate) fn ask_noting(
        &self,
        request: &BdRequest,
        patience: Duration,
        notes: Notes,
    ) -> Result<BdResponse, ClientError> {
        const ID: u64 = 1;
        let first = connect::json(&envelope(ID, request, patience));
        let connection = self.open(Channel::Control, Some(&first))?;
        let mut control = Control { connection, notes, last_id: ID };
        control.receive(ID, patience)
    }
}

impl Control {
    pub(crate) fn new(connection: Connection, notes: Notes) -> Self {
        Self { connection, notes, last_id: 0 }
    }

    /// What the daemon said when it opened the channel.
    #[must_use]
    pub fn welcome(&self) -> &Welcome {
        &self.connection.welcome
    }

    /// Asks for a command to be run. The build ends with this channel unless it is detached.
    ///
    /// # Errors
    ///
    /// The daemon's own, [`ClientError::Closed`] and [`ClientError::Silent`]; so for all requests.
    pub fn submit(&mut self, request: Submit) -> Result<Submitted, ClientError> {
        answer!(self.call(&BdRequest::Submit { request }, limits::DEFAULT_DEADLINE)?, Submit)
    }

    /// Withdraws the interest in a build and waits for its end.
    ///
    /// # Errors
    ///
    /// As [`Self::submit`].
    pub fn cancel(&mut self, id: &str) -> Result<Build, ClientError> {
        answer!(self.call(&BdRequest::Cancel { id: id.to_owned() }, SLOW)?, Cancel)
    }

    /// One build, ended or not.
    ///
    /// # Errors
    ///
    /// As [`Self::submit`].
    pub fn build(&mut self, id: &str) -> Result<Build, ClientError> {
        let request = BdRequest::Build { id: id.to_owned() };
        answer!(self.call(&request, limits::DEFAULT_DEADLINE)?, Build)
    }

    /// Keeps a build when this channel ends.
    ///
    /// # Errors
    ///
    /// As [`Self::submit`].
    pub fn detach(&mut self, id: &str) -> Result<(), ClientError> {
        let request = BdRequest::Detach { id: id.to_owned() };
        answer!(self.call(&request, limits::DEFAULT_DEADLINE)?, Detach)
    }

    /// A second hand on the channel, to send what needs no answer from another thread.
    ///
    /// # Errors
    ///
    /// [`ClientError::Io`] when the process has too many files open.
    pub fn sender(&self) -> Result<Sender, ClientError> {
        let stream = self.frames().stream().try_clone();
        // Far from the ids that this side uses: the answers are not waited for.
        Ok(Sender { stream: stream.map_err(ClientError::io("open files"))?, last_id: 1 << 32 })
    }

    /// Reads and drops what has come, without waiting. `false` when the channel has ended.
    pub fn drain(&mut self) -> bool {
        use std::os::fd::AsFd as _;
        loop {
            match crate::readable([self.frames().as_fd()], Some(Duration::ZERO)) {
                Ok([true]) => {}
                _ => return true,
            }
            match self.connection.frames.fill() {
                Ok(0) | Err(_) => return false,
                Ok(_) => while matches!(self.connection.frames.buffered(), Ok(Some(_))) {},
            }
        }
    }

    /// The frames of the channel, to wait for.
    #[must_use]
    pub fn frames(&self) -> &Frames {
        &self.connection.frames
    }

    pub(crate) fn frames_mut(&mut self) -> &mut Frames {
        &mut self.connection.frames
    }

    pub(crate) fn call(
        &mut self,
        request: &BdRequest,
        patience: Duration,
    ) -> Result<BdResponse, ClientError> {
        let id = self.ask_later(request, patience)?;
        self.receive(id, patience)
    }

    /// Sends a request; the answer will have this id.
    pub(crate) fn ask_later(
        &mut self,
        request: &BdRequest,
        patience: Duration,
    ) -> Result<u64, ClientError> {
        self.last_id += 1;
        send(self.frames().stream(), self.last_id, request, patience)?;
        Ok(self.last_id)
    }

    fn receive(&mut self, id: u64, patience: Duration) -> Result<BdResponse, ClientError> {
        let deadline = Instant::now() + patience + SLACK;
        loop {
            let frame = connect::patiently(&mut self.connection.frames, deadline, &self.notes)?
                .ok_or(ClientError::Closed)?;
            if let Some(response) = reply_to(id, frame)? {
                return Ok(response);
            }
        }
    }
}

/// The response in a frame, if it answers the request of this id.
pub(crate) fn reply_to(id: u64, frame: &[u8]) -> Result<Option<BdResponse>, ClientError> {
    let reply: Reply =
        serde_json::from_slice(frame).map_err(|error| misunderstood("reply", error))?;
    if reply.id != id {
        return Ok(None);
    }
    match (reply.reply, reply.failure) {
        (Some(response), _) => Ok(Some(response)),
        (None, Some(failure)) => Err(failure.into()),
        (None, None) => Err(misunderstood("reply", "it is empty")),
    }
}

/// Sends requests whose answers nobody waits for.
#[derive(Debug)]
pub struct Sender {
    stream: UnixStream,
    last_id: u64,
}

impl Sender {
    /// Withdraws the interest in a build; its end comes as an event.
    ///
    /// # Errors
    ///
    /// [`ClientError::Closed`] or [`ClientError::Io`]; so for all.
    pub fn cancel(&mut self, id: &str) -> Result<(), ClientError> {
        self.send(&BdRequest::Cancel { id: id.to_owned() })
    }

    /// Tells the terminal of a build its new size.
    ///
    /// # Errors
    ///
    /// As [`Self::cancel`].
    pub fn resize(&mut self, id: &str, size: TerminalSize) -> Result<(), ClientError> {
        self.send(&BdRequest::Resize { id: id.to_owned(), size })
    }

    fn send(&mut self, request: &BdRequest) -> Result<(), ClientError> {
        self.last_id += 1;
        send(&self.stream, self.last_id, request, SLOW)
    }
}

fn envelope(id: u64, call: &BdRequest, patience: Duration) -> Request<'_> {
    Request { id, deadline_ms: Some(u64::try_from(patience.as_millis()).unwrap_or(u64::MAX)), call }
}

fn send(
    mut stream: &UnixStream,
    id: u64,
    request: &BdRequest,
    patience: Duration,
) -> Result<(), ClientError> {
    use std::io::ErrorKind;
    let bytes = connect::framed(&envelope(id, request, patience));
    stream.write_all(&bytes).map_err(|error| match error.kind() {
        ErrorKind::BrokenPipe | ErrorKind::ConnectionReset => ClientError::Closed,
        ErrorKind::WouldBlock => ClientError::Silent { waited: connect::PATIENCE },
        _ => ClientError::io("write to the daemon")(error),
    })
}
