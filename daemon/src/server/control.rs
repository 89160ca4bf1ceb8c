//! The control channel: passes requests to [`rpc`](super::rpc) and withdraws the interest in builds
//! when the connection ends. Knows no request.

use super::rpc::Requester;
use super::state::Server;
use super::wire::Wire;
use crate::engine::Input;
use crate::model::ClientId;
use bd_protocol::Session;
use bd_protocol::service::Bd as _;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use std::pin::pin;
use std::sync::Arc;
use tarpc::server::{BaseChannel, Channel as _, Config};

/// Serves one control channel to its end, then withdraws the interest in its builds.
pub(super) async fn serve(server: &Arc<Server>, wire: Wire, session: Session, client: ClientId) {
    let requester = Requester { server: server.clone(), session, client };
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
