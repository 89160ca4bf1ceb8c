//! The control channel: passes requests to [`rpc`](super::rpc) and withdraws the interest in builds
//! when the connection ends. Knows no request.

use super::rpc::Requester;
use super::wire::Wire;
use crate::engine::Input;
use bd_protocol::service::Bd as _;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use std::pin::pin;
use tarpc::server::{BaseChannel, Channel as _, Config};

/// Serves one control channel to its end, then withdraws the interest in its builds.
pub(super) async fn serve(wire: Wire, requester: Requester) {
    let (server, client) = (requester.server.clone(), requester.client);
    let mut requests = pin!(BaseChannel::new(Config::default(), wire).requests());
    // Not spawned, so that handlers end with the connection; tarpc alone does not do that.
    let mut handlers = FuturesUnordered::new();
    loop {
        tokio::select! {
            // Requests that have arrived are answered before more are read.
            biased;
            Some(()) = handlers.next(), if !handlers.is_empty() => {}
            request = requests.next() => match request {
                Some(Ok(request)) => handlers.push(request.execute(requester.clone().serve())),
                Some(Err(error)) => {
                    tracing::debug!(%error, "control channel");
                    break;
                }
                None => break,
            },
        }
    }
    drop(handlers);
    server.parts.engine.tell(Input::ClientGone(client));
}
