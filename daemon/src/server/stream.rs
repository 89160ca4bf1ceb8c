//! The events channel: follows one build, or all of them, at the pace of its reader.
//!
//! Output is read from the log as the reader takes it, and of the states only the latest is kept: a
//! reader that never reads costs one buffer and delays nobody.

use super::convert;
use super::state::{OpenChannel, Server};
use crate::model::{BuildView, Phase, Presentation};
use crate::output::{Next, Reader};
use bd_protocol::Failure;
use bd_protocol::events::{HEADER_BYTES, KIND_BYTE, Kind, Lagged, Subscribe, push};
use bd_protocol::frame::PREFIX_BYTES;
use bd_protocol::limits::HELLO_TIMEOUT;
use interprocess::local_socket::tokio::Stream;
use std::io::{self, IoSlice};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::watch;

/// Largest subscription, in bytes: it is a build id and a number.
const SUBSCRIBE_MAX_BYTES: usize = 4096;

/// Moves a connection to the runtime that serves streams.
pub(super) fn hand_over(server: Arc<Server>, opened: OpenChannel) -> io::Result<()> {
    let parts = opened.frames.into_parts();
    let Stream::UdSocket(socket) = parts.io;
    let (socket, early, permit) =
        (OwnedFd::try_from(socket)?, parts.read_buf.to_vec(), opened.permit);
    let streams = server.parts.streams.clone();
    server.following.fetch_add(1, Ordering::Relaxed);
    streams.spawn(async move {
        if let Err(error) = serve(&server, socket, early).await {
            tracing::debug!(%error, "events channel");
        }
        server.following.fetch_sub(1, Ordering::Relaxed);
        server.touch();
        drop(permit);
    });
    Ok(())
}

async fn serve(server: &Server, socket: OwnedFd, mut early: Vec<u8>) -> io::Result<()> {
    let socket = UnixStream::from_std(socket.into())?;
    let (mut from, to) = socket.into_split();
    let subscribe = read_subscribe(&mut from, &mut early);
    let subscribe = tokio::time::timeout(HELLO_TIMEOUT, subscribe)
        .await
        .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
    let mut sender = Sender { to, frame: Vec::new(), both: true };
    let sent = async {
        match subscribe {
            Subscribe::Build { build, from, both } => {
                sender.both = both;
                follow_build(server, &mut sender, &build, from).await
            }
            Subscribe::Feed { after } => follow_all(server, &mut sender, after).await,
        }
    };
    tokio::select! {
        sent = sent => sent?,
        () = hung_up(&mut from) => {}
    }
    Ok(())
}

async fn read_subscribe(from: &mut OwnedReadHalf, got: &mut Vec<u8>) -> io::Result<Subscribe> {
    loop {
        if let Some((prefix, rest)) = got.split_first_chunk::<PREFIX_BYTES>() {
            let len = u32::from_be_bytes(*prefix) as usize;
            if len > SUBSCRIBE_MAX_BYTES {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "subscription too long"));
            }
            if let Some(json) = rest.get(..len) {
                return Ok(serde_json::from_slice(json)?);
            }
        }
        if from.read_buf(got).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}

/// Ends when the client disconnects; what it sends meanwhile is ignored.
async fn hung_up(from: &mut OwnedReadHalf) {
    let mut ignored = [0; 256];
    while !matches!(from.read(&mut ignored).await, Ok(0) | Err(_)) {}
}

/// Writes frames.
struct Sender {
    to: OwnedWriteHalf,
    frame: Vec<u8>,
    /// Whether the reader knows what both streams in one are.
    both: bool,
}

impl Sender {
    async fn record(&mut self, kind: Kind, position: u64, payload: &[u8]) -> io::Result<()> {
        self.frame.clear();
        push(&mut self.frame, kind, position, payload);
        self.flush().await
    }

    async fn build(&mut self, seq: u64, view: &BuildView) -> io::Result<()> {
        let json = serde_json::to_vec(&convert::build(view))?;
        self.record(Kind::Build, seq, &json).await
    }

    async fn lagged(&mut self, from: u64, to: u64, reason: &str) -> io::Result<()> {
        let json = serde_json::to_vec(&Lagged { from, to, reason: reason.to_owned() })?;
        self.record(Kind::Lagged, from, &json).await
    }

    /// Writes the records in `frame` as one frame: length and records together, so that the
    /// reader is not woken for the length alone.
    async fn flush(&mut self) -> io::Result<()> {
        let len = u32::try_from(self.frame.len()).expect("BUG: a frame of 4 GiB").to_be_bytes();
        let parts = [IoSlice::new(&len), IoSlice::new(&self.frame)];
        let sent = self.to.write_vectored(&parts).await?;
        self.to.write_all(len.get(sent..).unwrap_or_default()).await?;
        self.to.write_all(&self.frame[sent.saturating_sub(PREFIX_BYTES)..]).await
    }
}

async fn follow_build(server: &Server, sender: &mut Sender, id: &str, from: u64) -> io::Result<()> {
    let view = match server.find_build(id).await {
        Ok(view) => view,
        Err(error) => {
            let failure = Failure::from(error);
            return sender.record(Kind::Refused, 0, &serde_json::to_vec(&failure)?).await;
        }
    };
    let followed = server.parts.engine.follow(view.id).await.ok().flatten();
    let mut follower = followed.unwrap_or_else(|| watch::Sender::new(view).subscribe());
    let mut output = Output::new(server, from);
    let (mut seq, mut told) = (0, Presentation::default());
    loop {
        let view = follower.borrow_and_update().clone();
        output.open(&view).await;
        if std::mem::replace(&mut told, view.output) != view.output && view.outcome().is_some() {
            // How to read its output is said before that, also where it was faster than this.
            sender.build(seq, &view).await?;
        }
        if let Some(outcome) = view.outcome() {
            // A build that left an execution which continues for others does not wait for its end.
            output.send_rest(sender, outcome.result.is_some()).await?;
            sender.build(seq, &view).await?;
            return sender.record(Kind::Done, 0, &[]).await;
        }
        sender.build(seq, &view).await?;
        seq += 1;
        loop {
            // Only a wait is dropped when the other branch is ready first, never half a frame.
            let next = tokio::select! {
                biased;
                changed = follower.changed() => match changed {
                    Ok(()) => break,
                    // The daemon is stopping, without an outcome for this build.
                    Err(_) => return Ok(()),
                },
                next = output.next(&mut sender.frame) => next?,
            };
            output.deliver(sender, next).await?;
        }
    }
}

/// The output of a build that is still to be sent.
struct Output<'a> {
    server: &'a Server,
    from: u64,
    source: OutputSource,
    /// Whether all output that existed at one moment has been sent.
    caught_up: bool,
}

enum OutputSource {
    /// The execution has not started.
    Unopened,
    Open(Reader),
    /// All output was sent, or none is wanted.
    Done,
}

impl<'a> Output<'a> {
    fn new(server: &'a Server, from: u64) -> Self {
        let source = if from == u64::MAX { OutputSource::Done } else { OutputSource::Unopened };
        Self { server, from, source, caught_up: false }
    }

    /// Opens the log, if there is one by now.
    async fn open(&mut self, view: &BuildView) {
        let (OutputSource::Unopened, Some(execution)) = (&self.source, view.execution) else {
            return;
        };
        let started = match &view.phase {
            Phase::Waiting(_) => false,
            Phase::Running { .. } => true,
            Phase::Ended { started_ms, .. } => started_ms.is_some(),
        };
        if !started {
            return;
        }
        self.source = match self.server.open_log(execution).await {
            Some(log) => OutputSource::Open(log.reader(self.from)),
            None => OutputSource::Done,
        };
    }

    /// Waits for output, and puts it in `frame`.
    async fn next(&mut self, frame: &mut Vec<u8>) -> io::Result<Next> {
        match &mut self.source {
            OutputSource::Open(reader) => reader.next(frame).await.map_err(io::Error::other),
            OutputSource::Unopened | OutputSource::Done => std::future::pending().await,
        }
    }

    /// Sends the remaining output: all until the end of the log, if the command `ended` with the build.
    async fn send_rest(&mut self, sender: &mut Sender, ended: bool) -> io::Result<()> {
        while matches!(self.source, OutputSource::Open(_)) && (ended || !self.caught_up) {
            let next = self.next(&mut sender.frame).await?;
            self.deliver(sender, next).await?;
        }
        Ok(())
    }

    async fn deliver(&mut self, sender: &mut Sender, next: Next) -> io::Result<()> {
        match next {
            Next::Records => {
                if !sender.both {
                    as_stdout(&mut sender.frame);
                }
                sender.flush().await
            }
            Next::Gap { from, to, reason } => sender.lagged(from, to, reason.as_str()).await,
            Next::CaughtUp => {
                self.caught_up = true;
                sender.record(Kind::Current, 0, &[]).await
            }
            Next::End => {
                self.source = OutputSource::Done;
                Ok(())
            }
        }
    }
}

/// Calls records of both streams in one those of standard output, for a reader that knows no others.
fn as_stdout(frame: &mut [u8]) {
    let mut rest = frame;
    while let Some((header, payload)) = rest.split_first_chunk_mut::<HEADER_BYTES>() {
        if header[KIND_BYTE] == Kind::Both as u8 {
            header[KIND_BYTE] = Kind::Stdout as u8;
        }
        let len = u32::from_be_bytes([header[0], header[1], header[2], header[3]]) as usize;
        rest = payload.get_mut(len..).unwrap_or_default();
    }
}

async fn follow_all(server: &Server, sender: &mut Sender, after: Option<u64>) -> io::Result<()> {
    let gone = |_| io::Error::from(io::ErrorKind::BrokenPipe);
    let mut after = after;
    loop {
        let mut feed = server.parts.engine.feed(after).await.map_err(gone)?;
        if let Some((from, to)) = feed.missed {
            sender.lagged(from, to, "reader_too_slow").await?;
        }
        for (seq, view) in feed.backlog {
            sender.build(seq, &view).await?;
            after = Some(seq);
        }
        sender.record(Kind::Current, after.unwrap_or(0), &[]).await?;
        loop {
            match feed.changes.recv().await {
                Ok((seq, view)) => {
                    after = Some(seq);
                    sender.build(seq, &view).await?;
                }
                Err(RecvError::Lagged(_)) => break,
                Err(RecvError::Closed) => return Ok(()),
            }
        }
    }
}
