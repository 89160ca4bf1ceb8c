//! Appends output to a log. Knows nothing of its readers but which old segments they still need.

use std::fmt::{self, Debug, Formatter};
use std::fs::{File, OpenOptions};
use std::io::{self, IoSlice, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::error::LogError;
use super::limits::LogLimits;
use super::log::Log;
use super::output_sync::OutputSync;
use super::record::{HEADER_BYTES, RECORD_BYTES, StreamKind, header};
use super::seal::seal;
use super::segments::Segment;
use super::shared::{LogState, SharedLog};
use crate::model::OutputSeal;

/// After a failed write, output is dropped for this long before the next attempt: a full disk
/// must not cost the command a failing system call for each of its own.
const RETRY: Duration = Duration::from_millis(100);

/// How often old output makes room for one record.
const MAKE_ROOM_TRIES: u32 = 16;

/// How long output that is only in memory waits for its readers when it is too much.
const READERS_MAY_TAKE: Duration = Duration::from_secs(1);

/// Files that are kept for later segments: a reader passes several at once, and then none for a
/// while. New pages cost many times as much as those of an old file.
const SPARE_FILES: usize = 4;

/// The one writer of a log. Dropping it finishes the log.
#[derive(Debug)]
pub struct Writer {
    shared: Arc<SharedLog>,
    /// The segment that is being written; none at the start, and after a failure.
    current: Option<CurrentSegment>,
    /// The directory was created.
    has_dir: bool,
    /// Position after everything that was appended.
    position: u64,
    /// The output just before was lost.
    after_loss: bool,
    retry: Option<Instant>,
    /// Segments that nobody needs. If the daemon is killed, they stay as a part of the log that it
    /// could do without.
    spare: Vec<Segment>,
    /// Told of what is written.
    sync: OutputSync,
    room: Option<Room>,
}

/// Makes room on a full disk; false when there is nothing that could go.
pub(super) struct Room(pub(super) Box<dyn Fn() -> bool + Send>);

impl Debug for Room {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("Room")
    }
}

#[derive(Debug)]
struct CurrentSegment {
    file: File,
    /// Position of its first record.
    first: u64,
    /// Bytes of whole records.
    bytes: u64,
    /// It still has the bytes of an older segment after them.
    recycled: bool,
}

impl Writer {
    /// A log without output. Its directory, private to the user, is created with the first output:
    /// many commands print nothing.
    ///
    /// # Errors
    ///
    /// When the directory already exists.
    pub fn create(dir: &Path, limits: LogLimits) -> Result<(Self, Log), LogError> {
        if dir.symlink_metadata().is_ok() {
            return Err(LogError::io("create the log", dir)(io::ErrorKind::AlreadyExists.into()));
        }
        let shared = SharedLog::new(dir.to_owned(), limits, LogState::default());
        let log = Log::new(Arc::clone(&shared));
        let writer = Self {
            shared,
            current: None,
            has_dir: false,
            position: 0,
            after_loss: false,
            retry: None,
            spare: Vec::new(),
            sync: OutputSync::default(),
            room: None,
        };
        Ok((writer, log))
    }

    /// The same, with somebody who is told of what is written.
    pub(super) fn told_to(mut self, sync: OutputSync) -> Self {
        self.sync = sync;
        self
    }

    /// Has older output go where the disk is full.
    pub(super) fn set_room(&mut self, room: Room) {
        self.room = Some(room);
    }

    /// Appends output. What can not be written is counted: those who follow live get it from memory,
    /// as far as they keep up, and all others a gap.
    pub fn append(&mut self, kind: StreamKind, bytes: &[u8]) {
        for payload in bytes.chunks(RECORD_BYTES) {
            if self.retry.is_some_and(|retry| Instant::now() < retry) {
                self.lose(kind, payload, None);
            } else if let Err(error) = self.record_with_room(kind, payload) {
                self.lose(kind, payload, Some(error));
            }
        }
    }

    /// Appends a record; on a full disk, old output makes room for it.
    fn record_with_room(&mut self, kind: StreamKind, payload: &[u8]) -> Result<(), LogError> {
        let mut tries = 0;
        loop {
            match self.record(kind, payload) {
                Err(error) if error.is_full_disk() && tries < MAKE_ROOM_TRIES => {
                    tries += 1;
                    if !self.room.as_ref().is_some_and(|room| (room.0)()) {
                        return Err(error);
                    }
                    // Bytes of a record that is cut short may follow the last one.
                    self.close();
                    self.drop_empty_segment();
                }
                done => return done,
            }
        }
    }

    /// Ends the log: readers that have everything get [`Next::End`](super::Next::End).
    pub fn finish(&mut self) {
        self.close();
        self.shared.remove(&std::mem::take(&mut self.spare));
        if self.shared.lock().finished {
            return;
        }
        let seal = self.seal();
        let mut state = self.shared.lock();
        state.finished = true;
        state.seal = Some(seal);
        state.waiting = false;
        self.shared.trim_ended(state);
        self.shared.more.notify_waiters();
    }

    fn seal(&self) -> Arc<OutputSeal> {
        let kept = self.shared.lock().segments.kept(&self.shared.limits);
        Arc::new(seal(&self.shared.dir, &kept, self.position))
    }

    fn record(&mut self, kind: StreamKind, payload: &[u8]) -> Result<(), LogError> {
        let whole = (HEADER_BYTES + payload.len()) as u64;
        let room = |current: &CurrentSegment| {
            current.bytes == 0 || current.bytes + whole <= self.shared.limits.segment()
        };
        let mut current = match self.current.take_if(|current| room(current)) {
            Some(current) => current,
            None => self.next_segment()?,
        };
        let len = u32::try_from(payload.len()).expect("BUG: a record is bounded");
        let header = header(kind, self.position, len);
        if let Err(source) = current.write(&header, payload) {
            self.current = Some(current);
            return Err(LogError::io("write to the log", &self.shared.dir)(source));
        }
        current.bytes += whole;
        self.position += u64::from(len);
        self.publish(&current);
        self.current = Some(current);
        self.retry = None;
        self.after_loss = false;
        Ok(())
    }

    fn publish(&self, current: &CurrentSegment) {
        let mut state = self.shared.lock();
        state.end = self.position;
        // A reader that found its file removed has forgotten it.
        if let Some(segment) = state.segments.last_mut().filter(|last| last.first == current.first)
        {
            segment.end = self.position;
            segment.bytes = current.bytes;
        }
        let is_waiting = std::mem::take(&mut state.waiting);
        drop(state);
        if is_waiting {
            self.shared.more.notify_waiters();
        }
        self.sync.wrote(&self.shared);
    }

    /// Begins the next segment, in the file of an old one if one is free: its pages are in memory
    /// already, which saves the kernel finding and clearing new ones.
    fn next_segment(&mut self) -> Result<CurrentSegment, LogError> {
        self.close();
        if !self.has_dir {
            // With those above it: somebody may have removed them to make room.
            create_private_dir(&self.shared.dir)?;
            self.has_dir = true;
        }
        let segment = Segment::new(self.position, self.after_loss);
        let path = segment.path(&self.shared.dir);
        let (mut free, forced) = self.shared.lock().segments.trim(&self.shared.limits);
        // A reader that has not passed them may be reading, so the files are not written again.
        self.shared.remove(&forced);
        self.spare.append(&mut free);
        let excess = self.spare.len().saturating_sub(SPARE_FILES + 1);
        self.shared.remove(&self.spare.split_off(self.spare.len() - excess));
        let old = self.spare.pop().map(|old| old.path(&self.shared.dir));
        let recycled = old.is_some_and(|old| std::fs::rename(old, &path).is_ok());
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(!recycled)
            .mode(0o600)
            .open(&path)
            .map_err(LogError::io("create", &path))?;
        let first = segment.first;
        self.shared.lock().segments.push(segment);
        Ok(CurrentSegment { file, first, bytes: 0, recycled })
    }

    /// Ends the current segment.
    fn close(&mut self) {
        if let Some(current) = self.current.take() {
            // When this fails, whoever opens the log ignores the bytes after the last record: they
            // are not records of these positions.
            let _ = current.file.set_len(current.bytes);
        }
    }

    fn lose(&mut self, kind: StreamKind, payload: &[u8], error: Option<LogError>) {
        let len = payload.len() as u64;
        let position = self.position;
        self.position += len;
        self.after_loss = true;
        if error.is_some() {
            self.retry = Some(Instant::now() + RETRY);
            self.close();
        }
        let failed = error.is_some();
        let mut state = self.shared.lock();
        state.end = self.position;
        state.lost_bytes += len;
        state.unwritten.push(position, kind, payload);
        if let Some(error) = error {
            state.first_error.get_or_insert_with(|| error.to_string());
        }
        if std::mem::take(&mut state.waiting) {
            self.shared.more.notify_waiters();
        }
        drop(state);
        if failed {
            self.drop_empty_segment();
        }
        self.bound_unwritten();
    }

    /// A segment that was created and stayed empty is created again at a later position.
    fn drop_empty_segment(&mut self) {
        let mut state = self.shared.lock();
        if state.segments.last_mut().is_some_and(|last| last.bytes == 0) {
            let empty = state.segments.pop();
            drop(state);
            self.shared.remove(empty.as_slice());
        }
    }

    /// Lets go of the oldest output in memory, once its readers have had time to take it: here alone
    /// the command waits for them, since it is written nowhere else.
    fn bound_unwritten(&self) {
        let patience = Instant::now() + READERS_MAY_TAKE;
        loop {
            let mut state = self.shared.lock();
            if !state.unwritten.is_over() {
                return;
            }
            let awaited = state.unwritten.oldest_end();
            let awaited = awaited.is_some_and(|end| state.segments.is_awaited(end));
            if !awaited || Instant::now() >= patience {
                state.unwritten.drop_oldest();
                continue;
            }
            drop(state);
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

/// Creates a directory, and those above it, for the user only.
pub(super) fn create_private_dir(dir: &Path) -> Result<(), LogError> {
    let created = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir);
    created.map_err(LogError::io("create", dir))
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.finish();
    }
}

impl CurrentSegment {
    fn write(&mut self, header: &[u8], payload: &[u8]) -> io::Result<()> {
        let at = self.bytes;
        let payload_at = at + header.len() as u64;
        if self.recycled {
            // The header comes last: if the daemon is killed before it, there is no record, for
            // the position of the old header is not right.
            self.file.write_all_at(payload, payload_at)?;
            return self.file.write_all_at(header, at);
        }
        // The file ends here, so a record that is cut short is recognized.
        let written =
            (&self.file).write_vectored(&[IoSlice::new(header), IoSlice::new(payload)])?;
        if written < header.len() + payload.len() {
            let header_left = header.get(written..).unwrap_or_default();
            self.file.write_all_at(header_left, at + written as u64)?;
            let done = written.saturating_sub(header.len());
            self.file.write_all_at(&payload[done..], payload_at + done as u64)?;
            // The file's own position is not moved by that.
            io::Seek::seek(&mut &self.file, io::SeekFrom::End(0))?;
        }
        Ok(())
    }
}
