//! Opens the log of an execution that has ended, with or without its daemon.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

use super::log::{Log, LogError, LogLimits, State};
use super::record::{HEADER_BYTES, Head};
use super::segments::{Segment, Segments};

/// Read at once while looking for the end of a segment: records may be a few bytes.
const SCAN_BYTES: usize = 64 * 1024;

impl Log {
    /// Opens a log that nobody writes any more. What a killed daemon left half written at its end
    /// is passed over, and what is more than the limits keep is removed. Reads every header: some
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
            // Other files are none of ours.
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
        let state = State { segments, end, finished: true, ..State::default() };
        let log = Self::new(dir.to_owned(), limits, state);
        log.shared.trim_ended(log.shared.lock());
        Ok(log)
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
        match Head::parse(&header, segment.end) {
            Some(head) if segment.bytes + head.whole() <= len => {
                segment.bytes += head.whole();
                segment.end = head.end();
                file.seek_relative(head.len.into())?;
            }
            _ => break,
        }
    }
    Ok(())
}
