//! What the daemon is doing.

use crate::control::answer;
use crate::{Client, ClientError};
use bd_protocol::limits;
use bd_protocol::service::{BdRequest, Status};

impl Client {
    /// The daemon, its workspaces and the builds that have not ended.
    ///
    /// # Errors
    ///
    /// As [`Client::control`], or the daemon's own; so for all requests of a [`Client`].
    pub fn status(&self) -> Result<Status, ClientError> {
        answer!(self.query(&BdRequest::Status {}, limits::DEFAULT_DEADLINE)?, Status)
    }
}
