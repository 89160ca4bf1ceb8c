//! One connection: checks the user, the protocol version and the channel, and opens the channel.

use super::failure::RefusedConnection;
use super::state::{OpenChannel, Server};
use super::wire::{Frames, Wire};
use super::{control, listen, stdin, stream};
use crate::model::ClientId;
use bd_protocol::Failure;
use bd_protocol::hello::{
    Channel, ClientHello, OUR_RANGE, PRODUCT_VERSION, ServerHello, ShutdownWhen,
};
use bd_protocol::limits::{CONTROL_MAX_BYTES, HELLO_MAX_BYTES, HELLO_TIMEOUT, INPUT_MAX_BYTES};
use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use interprocess::local_socket::tokio::{Listener, Stream};
use interprocess::local_socket::traits::StreamCommon as _;
use nix::unistd::geteuid;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::codec::LengthDelimitedCodec;

/// Size of the buffers of a connection, each way, before it needs more: a hello and a request. A
/// thousand clients are served at once, and their memory is not returned to the system.
const BUFFER_BYTES: usize = 1024;

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
        let peer = stream.peer_creds()?.euid();
        let mut codec = LengthDelimitedCodec::new();
        codec.set_max_frame_length(HELLO_MAX_BYTES);
        let mut frames = Frames::with_capacity(stream, codec, BUFFER_BYTES);
        if peer != Some(geteuid().as_raw()) {
            tracing::warn!(?peer, "a connection of another user was refused");
            return refuse(&mut frames, RefusedConnection::ForeignPeer).await;
        }
        let Ok(permit) = self.connections.clone().try_acquire_owned() else {
            return refuse(&mut frames, RefusedConnection::TooMany).await;
        };
        match tokio::time::timeout(HELLO_TIMEOUT, frames.next()).await {
            // It disconnected or sent nothing: there is nobody to answer.
            Err(_) | Ok(None) => Ok(()),
            Ok(Some(Err(error))) => {
                refuse(&mut frames, RefusedConnection::NoHello(error.to_string())).await
            }
            Ok(Some(Ok(frame))) => match serde_json::from_slice(&frame) {
                Ok(hello) => self.hello(frames, hello, permit).await,
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
        permit: OwnedSemaphorePermit,
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
                self.open(channel, OpenChannel { frames, session, client, permit }).await
            }
        }
    }

    async fn open(self: Arc<Self>, channel: Channel, mut opened: OpenChannel) -> io::Result<()> {
        let codec = opened.frames.codec_mut();
        match channel {
            Channel::Control => {
                codec.set_max_frame_length(CONTROL_MAX_BYTES);
                let (session, client) = (opened.session, opened.client);
                // Boxed, because it would make the future of every connection large, and those are moved.
                Box::pin(control::serve(&self, Wire::new(opened.frames), session, client)).await;
                drop(opened.permit);
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
