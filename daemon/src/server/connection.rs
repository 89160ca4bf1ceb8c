//! One connection: checks the user, the protocol version and the channel, and opens the channel.

use super::failure::RefusedConnection;
use super::frame_codec::FrameCodec;
use super::rpc::Requester;
use super::state::{OpenChannel, Server};
use super::wire::{Frames, Wire};
use super::{control, listen, peers, stdin, stream};
use crate::model::ClientId;
use bd_protocol::Failure;
use bd_protocol::hello::{
    Channel, ClientHello, OUR_RANGE, PRODUCT_VERSION, ServerHello, ShutdownWhen,
};
use bd_protocol::limits::{CONTROL_MAX_BYTES, HELLO_MAX_BYTES, HELLO_TIMEOUT, INPUT_MAX_BYTES};
use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use interprocess::local_socket::tokio::{Listener, Stream};
use nix::unistd::geteuid;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::OwnedSemaphorePermit;

/// Size of the buffers of a connection, each way, before it needs more: a hello and a request. A
/// thousand clients are served at once, and their memory is not returned to the system.
const BUFFER_BYTES: usize = 1024;

/// How long a reserved connection may take for its hello, and how long it lasts: as long as a build
/// takes to end that was cancelled.
const RESERVED_HELLO_TIMEOUT: Duration = Duration::from_secs(1);
const RESERVED_TIMEOUT: Duration = Duration::from_secs(10);

/// Who is at the other end, and why the connection may be there, after the first checks.
struct Admitted {
    process: Option<i32>,
    permit: OwnedSemaphorePermit,
    /// Why it is one of the reserved ones: what they are not for is refused with this.
    refused: Option<Failure>,
}

impl Server {
    /// Serves connections until the socket fails.
    ///
    /// # Errors
    ///
    /// The error of the socket.
    pub async fn run(self: Arc<Self>, listener: Listener) -> io::Result<()> {
        loop {
            let stream = listen::accept(&listener).await?;
            let server = self.clone();
            tokio::spawn(async move {
                if let Err(error) = server.clone().connection(stream).await {
                    tracing::debug!(%error, "connection");
                }
                server.touch();
            });
        }
    }

    async fn connection(self: Arc<Self>, stream: Stream) -> io::Result<()> {
        let (peer, process) = peers::credentials(&stream)?;
        let codec = FrameCodec::new(HELLO_MAX_BYTES, self.frames.clone());
        let mut frames = Frames::with_capacity(stream, codec, BUFFER_BYTES);
        if peer != Some(geteuid().as_raw()) {
            tracing::warn!(?peer, "a connection of another user was refused");
            return refuse(&mut frames, RefusedConnection::ForeignPeer).await;
        }
        let too_many = RefusedConnection::TooMany(self.slots.most);
        if let Ok(permit) = self.slots.all.clone().try_acquire_owned() {
            let admitted = Admitted { process, permit, refused: None };
            return self.first_frame(frames, admitted, HELLO_TIMEOUT).await;
        }
        match self.slots.reserved.clone().try_acquire_owned() {
            Ok(permit) => {
                let admitted = Admitted { process, permit, refused: Some(too_many.into()) };
                let served = self.first_frame(frames, admitted, RESERVED_HELLO_TIMEOUT);
                // Whoever stays would take it from the next.
                tokio::time::timeout(RESERVED_TIMEOUT, served).await.unwrap_or(Ok(()))
            }
            Err(_) => refuse(&mut frames, too_many).await,
        }
    }

    async fn first_frame(
        self: Arc<Self>,
        mut frames: Frames,
        admitted: Admitted,
        patience: Duration,
    ) -> io::Result<()> {
        match tokio::time::timeout(patience, frames.next()).await {
            // It disconnected or sent nothing: there is nobody to answer.
            Err(_) | Ok(None) => Ok(()),
            Ok(Some(Err(error))) => {
                refuse(&mut frames, RefusedConnection::NoHello(error.to_string())).await
            }
            Ok(Some(Ok(frame))) => match serde_json::from_slice(&frame) {
                Ok(hello) => self.hello(frames, hello, admitted).await,
                Err(error) => {
                    refuse(&mut frames, RefusedConnection::NoHello(error.to_string())).await
                }
            },
        }
    }

    async fn hello(
        self: Arc<Self>,
        mut frames: Frames,
        hello: ClientHello,
        admitted: Admitted,
    ) -> io::Result<()> {
        match hello {
            ClientHello::Shutdown { when } => self.shutdown(frames, when).await,
            ClientHello::Hello { protocol, version, channel, session, .. } => {
                let Some(common) = OUR_RANGE.common(protocol) else {
                    let client_is_newer = protocol.min > OUR_RANGE.max;
                    let refused = RefusedConnection::NoCommonProtocol {
                        version,
                        range: protocol,
                        client_is_newer,
                    };
                    return refuse(&mut frames, refused).await;
                };
                let Admitted { process, permit, refused } = admitted;
                if refused.is_some() && channel != Channel::Control {
                    let too_many = RefusedConnection::TooMany(self.slots.most);
                    return refuse(&mut frames, too_many).await;
                }
                if let Err(found) = self.peers.check(process) {
                    return refuse(&mut frames, RefusedConnection::Confined(found)).await;
                }
                let client = ClientId(self.next.fetch_add(1, Ordering::Relaxed));
                let idle = channel == Channel::Control
                    && self.parts.engine.is_idle().await.unwrap_or(false);
                let welcome = ServerHello::Welcome {
                    protocol: common,
                    version: PRODUCT_VERSION.to_owned(),
                    pid: std::process::id(),
                    connection: client.0,
                    idle,
                    capabilities: Vec::new(),
                };
                send(&mut frames, &welcome).await?;
                let opened = OpenChannel { frames, session, process, client, permit };
                self.open(channel, opened, refused).await
            }
        }
    }

    async fn open(
        self: Arc<Self>,
        channel: Channel,
        mut opened: OpenChannel,
        refused: Option<Failure>,
    ) -> io::Result<()> {
        let codec = opened.frames.codec_mut();
        match channel {
            Channel::Control => {
                codec.set_max_frame_length(CONTROL_MAX_BYTES);
                let OpenChannel { frames, session, process, client, permit } = opened;
                let requester = Requester { server: self, session, process, client };
                // Boxed, because it would make the future of every connection large, and those are moved.
                Box::pin(control::serve(Wire::new(frames, refused), requester)).await;
                drop(permit);
                Ok(())
            }
            Channel::Events => stream::hand_over(self, opened),
            Channel::Input => {
                codec.set_max_frame_length(INPUT_MAX_BYTES);
                stdin::serve(&self, opened).await
            }
        }
    }

    async fn shutdown(&self, mut frames: Frames, when: ShutdownWhen) -> io::Result<()> {
        if when == ShutdownWhen::Idle && !self.parts.engine.is_idle().await.unwrap_or(true) {
            return refuse(&mut frames, RefusedConnection::Busy).await;
        }
        send(&mut frames, &ServerHello::Ending).await?;
        // A second request changes nothing, so a full channel is fine.
        let _ = self.parts.shutdown.try_send(());
        // The end of the connection is the end of the daemon.
        while let Some(Ok(_)) = frames.next().await {}
        Ok(())
    }
}

async fn send(frames: &mut Frames, hello: &ServerHello) -> io::Result<()> {
    frames.send(Bytes::from(serde_json::to_vec(hello)?)).await
}

async fn refuse(frames: &mut Frames, refused: RefusedConnection) -> io::Result<()> {
    let failure = Failure::from(refused);
    let refused =
        ServerHello::Refused { failure, protocol: OUR_RANGE, version: PRODUCT_VERSION.to_owned() };
    send(frames, &refused).await
}
