//! Opens the log of an execution that has ended, with or without its daemon.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

use super::error::LogError;
use super::limits::LogLimits;
use super::log::Log;
use super::record::{HEADER_BYTES, RecordHeader};
use super::segments::{Segment, Segments};
use super::shared::{LogState, SharedLog};

/// Read at once while looking for the end of a segment: records may be a few bytes.
const SCAN_BYTES: usize = 64 * 1024;

impl Log {
    /// Opens a log that nobody writes any more. A record that a killed daemon left half written at
    /// its end is ignored, and what is beyond the limits is removed. Reads every header: some
    /// milliseconds, tens of them when records are a few bytes each.
    ///
    /// # Errors
    ///
    /// When the directory or a file in it can not be read.
    pub fn open(dir: &Path, limits: LogLimits) -> Result<Self, LogError> {
        let mut list = Vec::new();
        let read = || LogError::io("read the log", dir);
        for entry in std::fs::read_dir(dir).map_err(read())? {
            let name = entry.map_err(read())?.file_name();
            // Other files are not part of the log.
            if let Some(mut segment) = name.to_str().and_then(Segment::from_name) {
                let path = segment.path(dir);
                measure(&path, &mut segment).map_err(LogError::io("read", &path))?;
                list.push(segment);
            }
        }
        list.retain(|segment| segment.bytes > 0);
        list.sort_unstable_by_key(|segment| segment.first);
        let end = list.last().map_or(0, |last| last.end);
        let segments = Segments::new(VecDeque::from(list));
        let state = LogState { segments, end, finished: true, ..LogState::default() };
        let shared = SharedLog::new(dir.to_owned(), limits, state);
        shared.trim_ended(shared.lock());
        Ok(Self::new(shared))
    }
}

/// Finds the end of the whole records.
fn measure(path: &Path, segment: &mut Segment) -> io::Result<()> {
    let file = File::open(path)?;
    let len = file.metadata()?.len();
    let mut file = BufReader::with_capacity(SCAN_BYTES, file);
    let mut header = [0; HEADER_BYTES];
    while segment.bytes + HEADER_BYTES as u64 <= len {
        file.read_exact(&mut header)?;
        match RecordHeader::parse(&header, segment.end) {
            Some(record) if segment.bytes + record.whole() <= len => {
                segment.bytes += record.whole();
                segment.end = record.end();
                file.seek_relative(record.len.into())?;
            }
            _ => break,
        }
    }
    Ok(())
}
