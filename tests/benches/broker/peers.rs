//! The other roles of this program, each a process of its own: what the daemon is compared with,
//! and what it has to carry.

use bd_protocol::events::{Kind, push};
use bd_protocol::frame;
use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use std::io::{self, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use tokio_util::codec::{Framed, LengthDelimitedCodec};

/// Answers each frame on standard input with one of so many bytes.
pub(crate) const ECHO: &str = "peer-echo";
/// Sends so many batches of records.
pub(crate) const RECORDS: &str = "peer-records";
/// Sends as many frames of the same size, with nothing in them.
pub(crate) const FRAMES: &str = "peer-frames";
/// Prints so many lines.
pub(crate) const LINES: &str = "peer-lines";

/// Records in a batch.
pub(crate) const BATCH: usize = 256;
/// Bytes in a record's payload: a short line of output.
pub(crate) const PAYLOAD: usize = 32;

/// Plays the role, if it is one.
pub(crate) fn play(role: &str, arguments: &[String]) -> bool {
    let count = || -> usize {
        arguments.first().and_then(|count| count.parse().ok()).expect("BUG: a role without a count")
    };
    match role {
        ECHO => echo(count()).expect("a socket"),
        // Whoever reads may leave early.
        RECORDS => drop(records(count())),
        FRAMES => drop(frames(count())),
        LINES => drop(lines(count())),
        _ => return false,
    }
    true
}

/// The least that a server in the daemon's manner does: the same runtime, the same framing, and
/// nothing else.
fn echo(reply_bytes: usize) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let socket = socket()?;
        socket.set_nonblocking(true)?;
        let socket = tokio::net::UnixStream::from_std(socket)?;
        let mut frames = Framed::new(socket, LengthDelimitedCodec::new());
        let reply = Bytes::from(vec![b'x'; reply_bytes]);
        while let Some(frame) = frames.next().await {
            drop(frame?);
            frames.send(reply.clone()).await?;
        }
        Ok(())
    })
}

fn records(batches: usize) -> io::Result<()> {
    let mut to = socket()?;
    let payload = [b'x'; PAYLOAD];
    let mut batch = Vec::new();
    let mut position = 0;
    for _ in 0..batches {
        batch.clear();
        for _ in 0..BATCH {
            push(&mut batch, Kind::Stdout, position, &payload);
            position += PAYLOAD as u64;
        }
        frame::write(&mut to, &batch)?;
    }
    Ok(())
}

fn frames(count: usize) -> io::Result<()> {
    let mut to = socket()?;
    let frame = vec![0; BATCH * (bd_protocol::events::HEADER_BYTES + PAYLOAD)];
    for _ in 0..count {
        frame::write(&mut to, &frame)?;
    }
    Ok(())
}

fn lines(count: usize) -> io::Result<()> {
    let mut to = io::BufWriter::with_capacity(64 * 1024, io::stdout().lock());
    for line in 0..count {
        writeln!(to, "{line:0width$}", width = PAYLOAD - 1)?;
    }
    to.flush()
}

/// Standard input, which is a socket.
fn socket() -> io::Result<UnixStream> {
    Ok(io::stdin().as_fd().try_clone_to_owned()?.into())
}
