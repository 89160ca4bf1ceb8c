//! Who asks on a connection, and whom requests are for.

use crate::model::ClientId;
use crate::server::state::Server;
use bd_protocol::Session;
use std::sync::Arc;

/// One control channel.
#[derive(Clone)]
pub(in crate::server) struct Requester {
    pub(in crate::server) server: Arc<Server>,
    /// The session that the client named.
    pub(in crate::server) session: Session,
    /// Its process; `None` where the system does not tell.
    pub(in crate::server) process: Option<i32>,
    /// The connection.
    pub(in crate::server) client: ClientId,
}
