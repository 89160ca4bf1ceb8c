//! A subscription: turns records into events, and resumes after a lost connection at the position
//! that was reached. Knows nothing of what events are for.

use crate::connect::{self, Connection, misunderstood};
use crate::{Client, ClientError, Frames};
use bd_protocol::Build;
use bd_protocol::events::{Kind, Lagged, Record, Subscribe, records};
use bd_protocol::hello::Channel;

/// An event of a subscription.
#[derive(Debug, PartialEq)]
pub enum Event<'a> {
    /// The command wrote to its standard output, or to its terminal.
    Stdout(&'a [u8]),
    /// The command wrote to its standard error.
    Stderr(&'a [u8]),
    /// The command wrote to its standard output or its standard error, which are one stream.
    Both(&'a [u8]),
    /// A build as it is now.
    Build(Box<Build>),
    /// Part of the stream is missing.
    Lagged(Lagged),
    /// The build has ended and all its output was sent.
    Done,
    /// What existed when the subscription began was sent.
    Current,
}

/// The position in a subscription. Pure: records in, events out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// Position of the next byte of output.
    pub output: u64,
    /// Sequence number of the last change of a build.
    pub change: Option<u64>,
}

impl Cursor {
    /// The event in a record; `None` if it was delivered before or is not understood.
    ///
    /// # Errors
    ///
    /// [`ClientError::Protocol`] when a payload is not what its kind says, and the daemon's own
    /// failure when there is nothing to follow.
    pub fn event<'a>(&mut self, record: Record<'a>) -> Result<Option<Event<'a>>, ClientError> {
        let Record { kind, position, payload } = record;
        let json = |error: serde_json::Error| misunderstood("event", error);
        Ok(match kind {
            Some(Kind::Stdout) => self.unseen(position, payload).map(Event::Stdout),
            Some(Kind::Stderr) => self.unseen(position, payload).map(Event::Stderr),
            Some(Kind::Both) => self.unseen(position, payload).map(Event::Both),
            Some(Kind::Build) => {
                self.change = self.change.max(Some(position));
                Some(Event::Build(serde_json::from_slice(payload).map_err(json)?))
            }
            Some(Kind::Lagged) => {
                let lagged: Lagged = serde_json::from_slice(payload).map_err(json)?;
                self.output = self.output.max(lagged.to);
                Some(Event::Lagged(lagged))
            }
            Some(Kind::Done) => Some(Event::Done),
            Some(Kind::Current) => Some(Event::Current),
            Some(Kind::Refused) => {
                return Err(ClientError::Failure(serde_json::from_slice(payload).map_err(json)?));
            }
            None => None,
        })
    }

    /// The part of the output that was not delivered before.
    fn unseen<'a>(&mut self, position: u64, payload: &'a [u8]) -> Option<&'a [u8]> {
        let seen = usize::try_from(self.output.saturating_sub(position)).unwrap_or(usize::MAX);
        let new = payload.get(seen..).filter(|new| !new.is_empty())?;
        self.output = position.saturating_add(payload.len() as u64);
        Some(new)
    }
}

/// A channel for events.
#[derive(Debug)]
pub struct Events {
    connection: Connection,
    subscription: Subscribe,
    cursor: Cursor,
}

impl Client {
    /// Opens a channel for events and subscribes.
    ///
    /// # Errors
    ///
    /// As [`Client::control`].
    pub fn events(&self, subscribe: Subscribe) -> Result<Events, ClientError> {
        let first = connect::json(&subscribe);
        Ok(Events::new(self.open(Channel::Events, Some(&first))?, subscribe))
    }
}

impl Events {
    pub(crate) fn new(connection: Connection, subscription: Subscribe) -> Self {
        let cursor = match &subscription {
            Subscribe::Build { from, .. } => Cursor { output: *from, change: None },
            Subscribe::Feed { after } => Cursor { output: 0, change: *after },
        };
        Self { connection, subscription, cursor }
    }

    /// Delivers what has been read. `each` may end this early with its own error.
    ///
    /// # Errors
    ///
    /// That of `each`, or [`ClientError::Protocol`].
    pub fn deliver<E: From<ClientError>>(
        &mut self,
        mut each: impl FnMut(Event<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let Self { connection, cursor, .. } = self;
        while let Some(frame) =
            connection.frames.buffered().map_err(ClientError::io("read events"))?
        {
            for record in records(frame) {
                let record = record.map_err(|torn| misunderstood("events", torn))?;
                if let Some(event) = cursor.event(record)? {
                    each(event)?;
                }
            }
        }
        Ok(())
    }

    /// Waits for data and reads once. `false` at the end of the stream or if it fails.
    pub fn read(&mut self) -> bool {
        matches!(self.connection.frames.fill(), Ok(read) if read > 0)
    }

    /// The frames of the channel, to wait for.
    #[must_use]
    pub fn frames(&self) -> &Frames {
        &self.connection.frames
    }

    /// Subscribes again, on a new connection, to what has not been delivered.
    ///
    /// # Errors
    ///
    /// As [`Client::events`].
    pub fn resume(&mut self, client: &Client) -> Result<(), ClientError> {
        let subscription = match &self.subscription {
            Subscribe::Build { build, both, .. } => {
                Subscribe::Build { build: build.clone(), from: self.cursor.output, both: *both }
            }
            Subscribe::Feed { .. } => Subscribe::Feed { after: self.cursor.change },
        };
        *self = client.events(subscription)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(kind: Kind, position: u64, payload: &[u8]) -> Record<'_> {
        Record { kind: Some(kind), position, payload }
    }

    #[test]
    fn what_was_seen_before_a_resume_is_not_seen_again() {
        let mut cursor = Cursor { output: 0, change: None };
        let mut seen = Vec::new();
        for (position, bytes) in
            [(0, &b"abc"[..]), (3, b"def"), (0, b"abc"), (3, b"defgh"), (8, b""), (8, b"i")]
        {
            let record = record(Kind::Stdout, position, bytes);
            if let Some(Event::Stdout(new)) = cursor.event(record).unwrap() {
                seen.extend_from_slice(new);
            }
        }
        assert_eq!((&*seen, cursor.output), (&b"abcdefghi"[..], 9));
    }

    #[test]
    fn a_gap_moves_the_cursor_and_both_streams_share_it() {
        let mut cursor = Cursor { output: 0, change: None };
        let lagged = Lagged { from: 0, to: 100, reason: "log_capped".into() };
        let json = serde_json::to_vec(&lagged).unwrap();
        let event = cursor.event(record(Kind::Lagged, 0, &json)).unwrap();
        assert_eq!(event, Some(Event::Lagged(lagged)));
        let event = cursor.event(record(Kind::Stderr, 100, b"end")).unwrap();
        assert_eq!((event, cursor.output), (Some(Event::Stderr(b"end")), 103));
    }

    #[test]
    fn a_subscription_without_output_gets_none_and_unknown_kinds_are_passed_over() {
        let mut cursor = Cursor { output: u64::MAX, change: None };
        assert_eq!(cursor.event(record(Kind::Stdout, 0, b"x")).unwrap(), None);
        let unknown = Record { kind: None, position: 7, payload: b"?" };
        assert_eq!(cursor.event(unknown).unwrap(), None);
        assert_eq!(cursor.event(record(Kind::Done, 0, b"")).unwrap(), Some(Event::Done));
        assert!(cursor.event(record(Kind::Build, 1, b"{")).is_err());
    }
}
