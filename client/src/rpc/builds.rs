//! Builds that were submitted: their state and outcome, cancelling, detaching, resizing.

use super::patience::SLOW;
use crate::control::answer;
use crate::{Client, ClientError, Control, Sender};
use bd_protocol::service::{BdRequest, HistoryQuery};
use bd_protocol::submit::TerminalSize;
use bd_protocol::{Build, limits};

impl Client {
    /// One build, ended or not.
    ///
    /// # Errors
    ///
    /// As [`Client::status`].
    pub fn build(&self, id: &str) -> Result<Build, ClientError> {
        let request = BdRequest::Build { id: id.to_owned() };
        answer!(self.query(&request, limits::DEFAULT_DEADLINE)?, Build)
    }

    /// Builds of the past and present, newest first.
    ///
    /// # Errors
    ///
    /// As [`Client::status`].
    pub fn history(&self, query: HistoryQuery) -> Result<Vec<Build>, ClientError> {
        answer!(self.query(&BdRequest::History { query }, SLOW)?, History)
    }
}

impl Control {
    /// One build, ended or not.
    ///
    /// # Errors
    ///
    /// As [`Control::submit`].
    pub fn build(&mut self, id: &str) -> Result<Build, ClientError> {
        let request = BdRequest::Build { id: id.to_owned() };
        answer!(self.call(&request, limits::DEFAULT_DEADLINE)?, Build)
    }

    /// Withdraws the interest in a build and waits for its end.
    ///
    /// # Errors
    ///
    /// As [`Control::submit`].
    pub fn cancel(&mut self, id: &str) -> Result<Build, ClientError> {
        answer!(self.call(&BdRequest::Cancel { id: id.to_owned() }, SLOW)?, Cancel)
    }

    /// Keeps a build when this channel ends.
    ///
    /// # Errors
    ///
    /// As [`Control::submit`].
    pub fn detach(&mut self, id: &str) -> Result<(), ClientError> {
        let request = BdRequest::Detach { id: id.to_owned() };
        answer!(self.call(&request, limits::DEFAULT_DEADLINE)?, Detach)
    }
}

impl Sender {
    /// Withdraws the interest in a build; its end comes as an event.
    ///
    /// # Errors
    ///
    /// [`ClientError::Closed`] or [`ClientError::Io`]; so for all requests of a [`Sender`].
    pub fn cancel(&mut self, id: &str) -> Result<(), ClientError> {
        self.send(&BdRequest::Cancel { id: id.to_owned() }, SLOW)
    }

    /// Gives the terminal of a build its new size.
    ///
    /// # Errors
    ///
    /// As [`Sender::cancel`].
    pub fn resize(&mut self, id: &str, size: TerminalSize) -> Result<(), ClientError> {
        self.send(&BdRequest::Resize { id: id.to_owned(), size }, SLOW)
    }
}
