//! Reads a log from a position on, at the reader's own pace. Knows nothing of where the bytes go.
//!
//! Files are read where the task runs: the bytes are in memory as long as the log is new, and a
//! round trip to another thread costs more than the copy.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::pin::Pin;
use std::sync::Arc;

use tokio::sync::futures::Notified;

use super::error::LogError;
use super::record::{HEADER_BYTES, RecordHeader};
use super::segments::{Location, Segment};
use super::shared::{LogState, SharedLog};

/// Most bytes of records that a reader gives at once; fits in a frame of the wire.
pub const FRAME_BYTES: usize = 448 * 1024;

/// Records from this size on are looked up one by one to find a position, and may be sent in
/// parts; smaller ones were written at once, and stay whole.
const LARGE: u64 = 16 * 1024;

/// Why output is missing. The texts are those of the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GapReason {
    /// The reader fell behind by more than a live log keeps.
    ReaderTooSlow,
    /// The log was longer than an ended one may be.
    LogCapped,
    /// It could not be written.
    LogUnwritable,
    /// It is not on the disk any more as it was written.
    LogDamaged,
    /// Nothing of the log is there any more: it was too old to be kept, or was removed.
    LogGone,
}

impl GapReason {
    /// Its name on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ReaderTooSlow => "reader_too_slow",
            Self::LogCapped => "log_capped",
            Self::LogUnwritable => "log_unwritable",
            Self::LogDamaged => "log_damaged",
            Self::LogGone => "log_gone",
        }
    }
}

/// What a reader comes to next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// The frame holds whole records, in order and without a gap.
    Records,
    /// Output is missing here.
    Gap {
        /// First position that is missing.
        from: u64,
        /// First position that is available again, or the end.
        to: u64,
        /// Why.
        reason: GapReason,
    },
    /// The reader has everything so far: returned once, and not when the log has ended.
    CaughtUp,
    /// The log has ended and the reader has everything.
    End,
}

/// One reader of a log. While it exists, what it has not read is kept, within
/// [`LogLimits`](super::LogLimits).
#[derive(Debug)]
pub struct Reader {
    shared: Arc<SharedLog>,
    id: u64,
    position: u64,
    /// The segment it is in.
    open: Option<OpenSegment>,
    caught_up: bool,
}

/// What a reader does now.
enum Step {
    Return(Next),
    /// The frame has been filled up to this position.
    Filled(u64),
    Read(Segment),
    Wait,
}

#[derive(Debug)]
struct OpenSegment {
    file: File,
    first: u64,
    /// Byte of the file where a record begins.
    offset: u64,
    /// Position of that record.
    at: u64,
}

impl Reader {
    pub(super) fn new(shared: Arc<SharedLog>, id: u64, position: u64) -> Self {
        Self { shared, id, position, open: None, caught_up: false }
    }

    /// Position of the next byte.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.position
    }

    #[cfg(test)]
    pub(super) fn lost_bytes(&self) -> u64 {
        self.shared.lock().lost_bytes
    }

    /// Replaces the contents of `frame` by the next records, waiting for some if there are none.
    /// The first may be the end of a record and the last the beginning of one. Where there are
    /// [no records](Next::Records), the contents mean nothing. Dropping the future while it waits
    /// loses nothing.
    ///
    /// # Errors
    ///
    /// When a file can not be read. The reader stays where it is.
    pub async fn next(&mut self, frame: &mut Vec<u8>) -> Result<Next, LogError> {
        let shared = Arc::clone(&self.shared);
        loop {
            let mut more = std::pin::pin!(shared.more.notified());
            match self.locate_next(more.as_mut(), frame) {
                Step::Return(next) => return Ok(next),
                Step::Filled(position) => {
                    self.position = position;
                    return Ok(Next::Records);
                }
                Step::Wait => more.await,
                Step::Read(segment) => {
                    if self.read(&segment, frame)? {
                        return Ok(Next::Records);
                    }
                }
            }
        }
    }

    /// Publishes how far the reader is, and finds what comes next.
    fn locate_next(&mut self, more: Pin<&mut Notified<'_>>, frame: &mut Vec<u8>) -> Step {
        let shared = Arc::clone(&self.shared);
        let mut state = shared.lock();
        state.segments.advance(self.id, self.position);
        let location = state.segments.locate(self.position);
        let stay = match &location {
            Location::In(segment) => Some(segment.first),
            Location::Gap { .. } | Location::End => None,
        };
        let left = self.open.take_if(|open| stay != Some(open.first)).is_some();
        let unwritten = state.unwritten.next(self.position);
        let step = match location {
            Location::In(segment) => Step::Read(segment),
            _ if unwritten == Some(self.position) => {
                Step::Filled(state.unwritten.fill(self.position, frame, FRAME_BYTES))
            }
            Location::Gap { to, .. } if unwritten.is_some_and(|at| at < to) => {
                Step::Return(self.skip(&mut state, unwritten.unwrap_or(to), true))
            }
            Location::End if unwritten.is_some() => {
                let to = unwritten.unwrap_or(self.position);
                Step::Return(self.skip(&mut state, to, true))
            }
            Location::Gap { to, lost } => Step::Return(self.skip(&mut state, to, lost)),
            // A loss at the very end has no segment after it.
            Location::End if state.finished && self.position < state.end => {
                let end = state.end;
                Step::Return(self.skip(&mut state, end, true))
            }
            Location::End if state.finished => Step::Return(Next::End),
            Location::End if !std::mem::replace(&mut self.caught_up, true) => {
                Step::Return(Next::CaughtUp)
            }
            Location::End => {
                // Before the lock is released, so that whatever comes now wakes this task.
                state.waiting = true;
                more.enable();
                Step::Wait
            }
        };
        if left && state.finished {
            shared.trim_ended(state);
        }
        step
    }

    fn skip(&mut self, state: &mut LogState, to: u64, lost: bool) -> Next {
        let from = std::mem::replace(&mut self.position, to);
        state.segments.advance(self.id, to);
        let overrun = state.segments.take_overrun(self.id);
        let reason = match (overrun, lost) {
            _ if state.missing.touches(from..to) && state.missing.all => GapReason::LogGone,
            _ if state.missing.touches(from..to) => GapReason::LogDamaged,
            (true, _) => GapReason::ReaderTooSlow,
            (false, true) => GapReason::LogUnwritable,
            (false, false) => GapReason::LogCapped,
        };
        Next::Gap { from, to, reason }
    }

    /// Reads records of this segment. False when its file is gone.
    fn read(&mut self, segment: &Segment, frame: &mut Vec<u8>) -> Result<bool, LogError> {
        let path = segment.path(&self.shared.dir);
        let failed = || LogError::io("read", &path);
        let mut open = match self.open.take() {
            Some(open) => open,
            None => match File::open(&path) {
                Ok(file) => {
                    OpenSegment { file, first: segment.first, offset: 0, at: segment.first }
                }
                Err(source) if source.kind() == io::ErrorKind::NotFound => {
                    let mut state = self.shared.lock();
                    if state.segments.forget(segment.first) {
                        state.missing.ranges.push(segment.first..segment.end);
                    }
                    return Ok(false);
                }
                Err(source) => return Err(failed()(source)),
            },
        };
        let damaged = |offset| LogError::Damaged { path: path.clone(), offset };
        let part = open.seek(self.position, segment).map_err(failed())?;
        if open.offset >= segment.bytes {
            return Err(damaged(open.offset));
        }
        let position = open.fill(part, self.position, segment, frame).map_err(failed())?;
        if frame.is_empty() {
            return Err(damaged(open.offset));
        }
        self.position = position;
        self.open = Some(open);
        Ok(true)
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.segments.remove_reader(self.id);
        if state.finished {
            self.shared.trim_ended(state);
        }
    }
}

impl OpenSegment {
    /// Goes to the record that contains the position. Returns its header unless the position is
    /// that of its first byte.
    fn seek(&mut self, position: u64, segment: &Segment) -> io::Result<Option<RecordHeader>> {
        let mut chunk = Vec::new();
        while self.at < position && self.offset < segment.bytes {
            let record = self.header(self.offset, self.at)?;
            if record.end() > position {
                return Ok(Some(record));
            }
            if u64::from(record.len) >= LARGE {
                (self.offset, self.at) = (self.offset + record.whole(), record.end());
                continue;
            }
            chunk.resize(
                FRAME_BYTES
                    .min(usize::try_from(segment.bytes - self.offset).unwrap_or(FRAME_BYTES)),
                0,
            );
            self.file.read_exact_at(&mut chunk, self.offset)?;
            let (bytes, at) = whole_records(&chunk, self.at, position);
            (self.offset, self.at) = (self.offset + bytes as u64, at);
        }
        Ok(None)
    }

    fn header(&self, offset: u64, position: u64) -> io::Result<RecordHeader> {
        let mut header = [0; HEADER_BYTES];
        self.file.read_exact_at(&mut header, offset)?;
        RecordHeader::parse(&header, position).ok_or_else(|| io::ErrorKind::InvalidData.into())
    }

    /// Reads records from `position` on, as many as fit, in one go; `part` is the header of the
    /// first if the position is not that of its first byte. Returns the position after them.
    fn fill(
        &mut self,
        part: Option<RecordHeader>,
        position: u64,
        segment: &Segment,
        frame: &mut Vec<u8>,
    ) -> io::Result<u64> {
        let skipped = part.map_or(0, |record| HEADER_BYTES as u64 + position - record.position);
        let from = self.offset + skipped;
        let header = part.map(|record| record.from(position));
        let header = header.as_ref().map_or(&[][..], |header| header);
        let left = usize::try_from(segment.bytes.saturating_sub(from)).unwrap_or(FRAME_BYTES);
        let more = header.len() + left > FRAME_BYTES;
        // Old contents are overwritten, not cleared: clearing costs as much as reading.
        frame.resize(FRAME_BYTES.min(header.len() + left), 0);
        frame[..header.len()].copy_from_slice(header);
        self.file.read_exact_at(&mut frame[header.len()..], from)?;
        let (mut bytes, mut at) = whole_records(frame, position, u64::MAX);
        if bytes > 0 {
            (self.offset, self.at) = (from + (bytes - header.len()) as u64, at);
        }
        // A large record is sent in parts, so that none of it is read twice.
        let rest = &mut frame[bytes..];
        let large = |record: &RecordHeader| more && u64::from(record.len) >= LARGE;
        if let Some(record) = RecordHeader::parse(rest, at).filter(large)
            && let Some(some) = rest.len().checked_sub(HEADER_BYTES).filter(|some| *some > 0)
        {
            rest[..HEADER_BYTES].copy_from_slice(&record.until(at + some as u64));
            (bytes, at) = (frame.len(), at + some as u64);
        }
        frame.truncate(bytes);
        Ok(at)
    }
}

/// How many bytes of `chunk` are whole records that end at or before a position, and the position
/// after them.
fn whole_records(chunk: &[u8], mut at: u64, limit: u64) -> (usize, u64) {
    let mut bytes = 0;
    while let Some(record) = RecordHeader::parse(&chunk[bytes..], at) {
        let whole = HEADER_BYTES + record.len as usize;
        if whole > chunk.len() - bytes || record.end() > limit {
            break;
        }
        bytes += whole;
        at = record.end();
    }
    (bytes, at)
}
