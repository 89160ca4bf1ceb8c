//! The events channel: one subscription, then frames of records.
//!
//! A record is a 16-byte header and a payload:
//!
//! | bytes | field |
//! | --- | --- |
//! | 0–3 | length of the payload, big-endian `u32` |
//! | 4 | kind |
//! | 5–7 | zero; ignored by readers |
//! | 8–15 | position, big-endian `u64` |
//! | 16– | payload |
//!
//! A frame holds whole records, as many as fit. Readers skip kinds they do not know.
//!
//! The position of output is the number of bytes, of both streams together, that the execution
//! wrote before it; so the next position is known, a gap shows, and a reader that lost its
//! connection resumes at the position after the last byte it has. The position of a
//! [`Kind::Build`] record is the sequence number of the change.

use serde::{Deserialize, Serialize};

/// Bytes of a record's header.
pub const HEADER_BYTES: usize = 16;

/// Which byte of a record's header is its kind.
pub const KIND_BYTE: usize = 4;

/// What a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// Bytes the command wrote to its standard output (or to its terminal).
    Stdout = 1,
    /// Bytes the command wrote to its standard error.
    Stderr = 2,
    /// Bytes the command wrote to its standard output or to its standard error, which were one
    /// pipe. Sent to those who [say](Subscribe::Build) that they know it; to others, [`Kind::Stdout`].
    Both = 3,
    /// A build as it is now: JSON [`Build`](crate::Build).
    Build = 16,
    /// Part of the stream is missing: JSON [`Lagged`].
    Lagged = 17,
    /// The last record: the build has ended and all its output was sent. Empty.
    Done = 18,
    /// Everything that existed at the start of the subscription was sent; changes follow. Empty.
    Current = 19,
    /// The last record: there is nothing to follow. JSON [`Failure`](crate::Failure).
    Refused = 20,
}

impl Kind {
    /// The kind with this number, if this version knows it.
    #[must_use]
    pub fn from_byte(byte: u8) -> Option<Self> {
        const ALL: [Kind; 8] = [
            Kind::Stdout,
            Kind::Stderr,
            Kind::Both,
            Kind::Build,
            Kind::Lagged,
            Kind::Done,
            Kind::Current,
            Kind::Refused,
        ];
        ALL.into_iter().find(|kind| *kind as u8 == byte)
    }
}

/// A marker in place of what is missing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lagged {
    /// First position of the gap.
    pub from: u64,
    /// First position after the gap.
    pub to: u64,
    /// The reason: `reader_too_slow`, `log_capped`, `log_unwritable`, `log_damaged` or `log_gone`, or
    /// one that a newer daemon added.
    pub reason: String,
}

/// First frame a client sends on an events channel: JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Subscribe {
    /// One build: its state now, all output from a position on, every later state, and
    /// [`Kind::Done`].
    Build {
        /// Id of the build.
        build: String,
        /// First position of output that is wanted; 0 for all.
        #[serde(default)]
        from: u64,
        /// Whether the client knows [`Kind::Both`].
        #[serde(default)]
        both: bool,
    },
    /// The state of every build that has not ended, then every change of any build.
    Feed {
        /// Sequence number of the last change that is known already.
        #[serde(default)]
        after: Option<u64>,
    },
}

/// First frame a client sends on an input channel: JSON. Frames of bytes follow; an empty frame
/// or the end of the connection closes the command's standard input.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Feed {
    /// Id of the build whose command reads.
    pub build: String,
}

/// One record of a frame, borrowed from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// What it is; `None` for a kind that this version does not know.
    pub kind: Option<Kind>,
    /// Output position or sequence number, see the module.
    pub position: u64,
    /// Its bytes.
    pub payload: &'a [u8],
}

/// A frame that does not hold whole records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TornFrame;

impl std::fmt::Display for TornFrame {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an events frame ends inside a record")
    }
}

impl std::error::Error for TornFrame {}

/// The header of a record with `len` bytes of payload.
#[must_use]
pub fn header(kind: Kind, position: u64, len: u32) -> [u8; HEADER_BYTES] {
    let mut header = [0; HEADER_BYTES];
    header[..4].copy_from_slice(&len.to_be_bytes());
    header[4] = kind as u8;
    header[8..].copy_from_slice(&position.to_be_bytes());
    header
}

/// Appends one record to a frame.
///
/// # Panics
///
/// When `payload` is longer than a frame may be.
pub fn push(frame: &mut Vec<u8>, kind: Kind, position: u64, payload: &[u8]) {
    assert!(payload.len() <= crate::limits::EVENTS_MAX_BYTES, "BUG: record longer than a frame");
    #[expect(clippy::cast_possible_truncation, reason = "bounded by the assertion above")]
    frame.extend_from_slice(&header(kind, position, payload.len() as u32));
    frame.extend_from_slice(payload);
}

/// The records of a frame, in order. They end at a truncated one.
pub fn records(frame: &[u8]) -> impl Iterator<Item = Result<Record<'_>, TornFrame>> {
    let mut rest = frame;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let taken = take(rest);
        rest = taken.map_or(&[], |(_, rest)| rest);
        Some(taken.map(|(record, _)| record))
    })
}

fn take(frame: &[u8]) -> Result<(Record<'_>, &[u8]), TornFrame> {
    let (header, rest) = frame.split_first_chunk::<HEADER_BYTES>().ok_or(TornFrame)?;
    let [l0, l1, l2, l3, kind, _, _, _, position @ ..] = *header;
    let len = u32::from_be_bytes([l0, l1, l2, l3]) as usize;
    let (payload, rest) = rest.split_at_checked(len).ok_or(TornFrame)?;
    let position = u64::from_be_bytes(position);
    Ok((Record { kind: Kind::from_byte(kind), position, payload }, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_come_out_as_they_went_in_and_unknown_kinds_are_passed_over() {
        let mut frame = Vec::new();
        push(&mut frame, Kind::Stdout, 0, b"out");
        push(&mut frame, Kind::Stderr, 3, b"");
        frame.extend_from_slice(&[0, 0, 0, 1, 200, 1, 2, 3, 0, 0, 0, 0, 0, 0, 0, 9, b'?']);
        let read: Vec<_> = records(&frame).collect::<Result<_, _>>().expect("whole records");
        assert_eq!(
            read,
            [
                Record { kind: Some(Kind::Stdout), position: 0, payload: b"out" },
                Record { kind: Some(Kind::Stderr), position: 3, payload: b"" },
                Record { kind: None, position: 9, payload: b"?" },
            ]
        );
    }

    #[test]
    fn a_torn_frame_is_told_once() {
        let mut frame = Vec::new();
        push(&mut frame, Kind::Stdout, 0, b"out");
        for cut in 1..frame.len() {
            assert_eq!(records(&frame[..cut]).collect::<Vec<_>>(), [Err(TornFrame)], "cut {cut}");
        }
    }
}
