//! Submitting a build, and explaining what a command would be.

use super::patience::SLOW;
use crate::control::answer;
use crate::{Client, ClientError, Control};
use bd_protocol::limits;
use bd_protocol::service::BdRequest;
use bd_protocol::submit::{Explanation, Submit, Submitted};

impl Client {
    /// What a command would be, without running it.
    ///
    /// # Errors
    ///
    /// As [`Client::status`].
    pub fn explain(&self, request: Submit) -> Result<Explanation, ClientError> {
        answer!(self.query(&BdRequest::Explain { request }, SLOW)?, Explain)
    }
}

impl Control {
    /// Submits a command. The build ends with this channel unless it is detached.
    ///
    /// # Errors
    ///
    /// The daemon's own, [`ClientError::Closed`] and [`ClientError::Silent`]; so for all requests
    /// of a [`Control`].
    pub fn submit(&mut self, request: Submit) -> Result<Submitted, ClientError> {
        answer!(self.call(&BdRequest::Submit { request }, limits::DEFAULT_DEADLINE)?, Submit)
    }
}
