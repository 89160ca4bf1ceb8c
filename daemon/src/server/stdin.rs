//! The input channel: copies bytes from a client into the standard input of its build.

use super::state::{OpenChannel, Server};
use bd_protocol::events::Feed;
use futures_util::StreamExt as _;
use std::io;
use tokio::io::AsyncWriteExt as _;
use tokio::net::unix::pipe;

/// Copies frames into the pipe until an empty frame, the end of the connection, or the end of the
/// command. A command that does not read blocks this channel only.
pub(super) async fn serve(server: &Server, mut opened: OpenChannel) -> io::Result<()> {
    let Some(first) = opened.frames.next().await else { return Ok(()) };
    let feed: Feed = serde_json::from_slice(&first?)?;
    let Some(pipe) = feed.build.parse().ok().and_then(|build| server.take_stdin(build)) else {
        return Err(io::Error::new(io::ErrorKind::NotFound, "no build reads from here"));
    };
    nix::fcntl::fcntl(&pipe, nix::fcntl::FcntlArg::F_SETFL(nix::fcntl::OFlag::O_NONBLOCK))?;
    let mut pipe = pipe::Sender::from_owned_fd(pipe)?;
    while let Some(frame) = opened.frames.next().await {
        let frame = frame?;
        if frame.is_empty() {
            break;
        }
        pipe.write_all(&frame).await?;
    }
    drop(opened.permit);
    Ok(())
}
