//! Triggers: commands that run whenever files change. Knows nothing of how their events are used.

use crate::connect::misunderstood;
use crate::control::{answer, reply_to};
use crate::{ClientError, Control, readable};
use bd_protocol::service::{BdRequest, BdResponse};
use bd_protocol::watch::{Triggered, WATCHED_WAIT_MAX_MS, Watch, Watching};
use std::os::fd::{AsFd as _, BorrowedFd};
use std::time::{Duration, Instant};

/// For the first scan of a workspace: a million files take minutes on a cold disk.
const FIRST_SCAN: Duration = Duration::from_secs(600);

/// Time for the daemon on top of the wait, on a machine that is busy with the builds that it starts.
const SLACK: Duration = Duration::from_secs(60);

impl Control {
    /// Runs a command whenever files change, until this channel ends.
    ///
    /// # Errors
    ///
    /// As [`Control::submit`].
    pub fn watch(&mut self, request: Watch) -> Result<Watching, ClientError> {
        answer!(self.call(&BdRequest::Watch { request }, FIRST_SCAN)?, Watch)
    }

    /// What a trigger did next; `None` if it did nothing for as long as the daemon waits, and as soon
    /// as `stop` can be read. An event that comes after a stop is lost.
    ///
    /// # Errors
    ///
    /// As [`Control::submit`].
    pub fn watched(
        &mut self,
        watch: &str,
        stop: BorrowedFd<'_>,
    ) -> Result<Option<Triggered>, ClientError> {
        let watch = watch.to_owned();
        let request = BdRequest::Watched { watch, wait_ms: WATCHED_WAIT_MAX_MS };
        let patience = Duration::from_millis(WATCHED_WAIT_MAX_MS) + SLACK;
        let id = self.send_request(&request, patience)?;
        let asked = Instant::now();
        loop {
            if let Some(response) = self.answer_here(id)? {
                return answer!(response, Watched);
            }
            let left = patience.saturating_sub(asked.elapsed());
            let [came, stopped] = readable([self.frames().as_fd(), stop], Some(left))
                .map_err(ClientError::io("wait for the daemon"))?;
            match (came, stopped) {
                (_, true) => return Ok(None),
                (true, false) => self.read()?,
                (false, false) => return Err(ClientError::Silent { waited: patience }),
            }
        }
    }

    /// The answer to a request, if it has been read. Answers to other requests are discarded.
    fn answer_here(&mut self, id: u64) -> Result<Option<BdResponse>, ClientError> {
        let broken = |error| misunderstood("reply", error);
        while let Some(frame) = self.frames_mut().buffered().map_err(broken)? {
            if let Some(response) = reply_to(id, frame)? {
                return Ok(Some(response));
            }
        }
        Ok(None)
    }

    /// Reads what has arrived.
    fn read(&mut self) -> Result<(), ClientError> {
        match self.frames_mut().fill() {
            Ok(0) => Err(ClientError::Closed),
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
                Err(ClientError::Closed)
            }
            Err(error) => Err(ClientError::io("read from the daemon")(error)),
            Ok(_) => Ok(()),
        }
    }
}
