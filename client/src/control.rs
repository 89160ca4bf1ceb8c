//! The control channel: requests and their replies. Knows no request by name, and nothing of how
//! the connection came about.

use crate::confined;
use crate::connect::{self, Connection, Notes, misunderstood};
use crate::{Client, ClientError, Frames, Welcome};
use bd_protocol::envelope::{Reply, Request};
use bd_protocol::hello::Channel;
use bd_protocol::service::{BdRequest, BdResponse};
use std::io::Write as _;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

/// Time for the reply on top of the deadline of the request.
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

/// The answer of the expected kind in a response, or an error:
/// `answer!(client.query(&BdRequest::Status {}, patience)?, Status)`.
#[macro_export]
macro_rules! answer {
    ($response:expr, $kind:ident) => {
        match $response {
            ::bd_protocol::service::BdResponse::$kind(Ok(answer)) => Ok(answer),
            ::bd_protocol::service::BdResponse::$kind(Err(failure))
            | ::bd_protocol::service::BdResponse::NotUnderstood(Err(failure)) => {
                Err($crate::ClientError::Failure(failure))
            }
            _ => Err($crate::ClientError::wrong_answer()),
        }
    };
}
pub(crate) use answer;

impl Client {
    /// Opens a channel for requests that change something.
    ///
    /// # Errors
    ///
    /// Whatever keeps the daemon from being reached, started or understood; or this process is
    /// confined in a way that only it can find out.
    pub fn control(&self) -> Result<Control, ClientError> {
        let connection = self.open(Channel::Control, None)?;
        confined::check(connection.frames.stream(), connection.welcome.pid)?;
        Ok(Control::new(connection, self.notes().clone()))
    }

    /// Sends one request on a connection of its own, without waiting for the welcome, and returns
    /// the answer. Only for requests that change nothing: it may reach a daemon that is about to be
    /// replaced, and then the next one as well. `patience` is how long the daemon may take.
    ///
    /// # Errors
    ///
    /// As [`Client::control`].
    pub fn query(
        &self,
        request: &BdRequest,
        patience: Duration,
    ) -> Result<BdResponse, ClientError> {
        self.query_with_notes(request, patience, self.notes().clone())
    }

    /// The same with another receiver of the note that the answer takes long.
    pub(crate) fn query_with_notes(
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

    /// A sender for another thread, for requests whose answers nobody waits for.
    ///
    /// # Errors
    ///
    /// [`ClientError::Io`] when the process has too many files open.
    pub fn sender(&self) -> Result<Sender, ClientError> {
        let stream = self.frames().stream().try_clone();
        // Far from the ids of this side, so that their answers are ignored.
        Ok(Sender { stream: stream.map_err(ClientError::io("open files"))?, last_id: 1 << 32 })
    }

    /// Reads and discards what has arrived, without waiting. `false` when the channel has ended.
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
        let id = self.send_request(request, patience)?;
        self.receive(id, patience)
    }

    /// Sends a request; the answer will have this id.
    pub(crate) fn send_request(
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
    pub(crate) fn send(
        &mut self,
        request: &BdRequest,
        patience: Duration,
    ) -> Result<(), ClientError> {
        self.last_id += 1;
        send(&self.stream, self.last_id, request, patience)
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
