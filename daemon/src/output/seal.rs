//! Seals the log of an execution when it ends, and opens it by its seal: segments that are not as
//! they were sealed are left out, and readers get a gap that says so.
//!
//! What is kept is read once when the log ends, some tens of megabytes at most. Taking the digest
//! of everything that is written would slow down a command that writes gigabytes.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use super::limits::LogLimits;
use super::log::Log;
use super::segments::{Segment, Segments};
use super::shared::{LogState, Missing, SharedLog};
use crate::model::{Digest, OutputSeal, SealedSegment};

/// Read at once; BLAKE3 is fastest with much at a time.
const READ_BYTES: usize = 256 << 10;

/// The digest of a segment that was not there any more when its log ended. No file has it.
const LOST: Digest = Digest([0; 32]);

/// The seal of a log that ends at position `end` and of which these segments are kept.
pub(super) fn seal(dir: &Path, kept: &[Segment], end: u64) -> OutputSeal {
    let sealed = kept.iter().map(|segment| {
        let Segment { first, end, bytes, after_loss } = *segment;
        let digest = digest(&segment.path(dir), bytes).unwrap_or(LOST);
        SealedSegment { first, end, bytes, after_loss, digest }
    });
    OutputSeal { end, segments: sealed.collect() }
}

impl Log {
    /// Opens a log that nobody writes any more, as it was sealed. Reads all of it. What is lost or
    /// changed is a gap for its readers.
    #[must_use]
    pub fn open_sealed(dir: &Path, seal: &OutputSeal) -> Self {
        let (mut list, mut ranges) = (VecDeque::new(), Vec::new());
        for sealed in &seal.segments {
            let SealedSegment { first, end, bytes, after_loss, digest: expected } = *sealed;
            let segment = Segment { first, end, bytes, after_loss };
            let path = segment.path(dir);
            match digest(&path, bytes) {
                Ok(found) if found == expected => list.push_back(segment),
                Ok(_) => {
                    tracing::warn!(path = %path.display(), "the output in it was changed");
                    ranges.push(first..end);
                }
                Err(error) => {
                    tracing::warn!(path = %path.display(), %error, "the output in it is lost");
                    ranges.push(first..end);
                }
            }
        }
        let missing = Missing { ranges, all: !seal.segments.is_empty() && !dir.exists() };
        let (segments, end) = (Segments::new(list), seal.end);
        let state = LogState { segments, end, finished: true, missing, ..LogState::default() };
        // All of it was within the limits when it was sealed.
        let limits = LogLimits { kept_bytes: u64::MAX, ..LogLimits::default() };
        Self::new(SharedLog::new(dir.to_owned(), limits, state))
    }
}

/// BLAKE3 of the first bytes of a file, which has as many.
fn digest(path: &Path, bytes: u64) -> io::Result<Digest> {
    let mut file = File::open(path)?.take(bytes);
    let mut hasher = blake3::Hasher::new();
    let mut buffer = vec![0; READ_BYTES.min(usize::try_from(bytes).unwrap_or(READ_BYTES))];
    let mut left = bytes;
    while left > 0 {
        match file.read(&mut buffer)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            read => {
                hasher.update(&buffer[..read]);
                left -= read as u64;
            }
        }
    }
    Ok(Digest(*hasher.finalize().as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::super::oracle::{AMPLE, Oracle, files, limits, read_all};
    use super::super::{GapReason, StreamKind, Writer};
    use super::*;
    use std::fs;

    /// An ended log of four segments of a thousand bytes of output each, and its seal.
    fn sealed(dir: &Path) -> (Oracle, OutputSeal) {
        let bounds = limits(1100, 64_000, AMPLE);
        let (mut writer, log) = Writer::create(dir, bounds).expect("a log");
        let mut oracle = Oracle::default();
        for byte in 0..4 {
            oracle.append(&mut writer, StreamKind::Stdout, &[byte; 1000]);
        }
        writer.finish();
        let seal = log.seal().expect("a seal");
        assert_eq!((seal.end, seal.segments.len()), (4000, 4));
        (oracle, (*seal).clone())
    }

    #[test]
    fn a_log_is_read_as_it_was_sealed() {
        let root = tempfile::tempdir().expect("dir");
        let dir = root.path().join("x");
        let (oracle, seal) = sealed(&dir);
        for from in [0, 1, 999, 1000, 3999, 4000] {
            assert_eq!(read_all(&Log::open_sealed(&dir, &seal), from, &oracle), []);
        }
        assert_eq!(files(&dir).len(), 4, "something was trimmed");
    }

    type Damage = fn(&Path);

    #[test]
    fn what_is_lost_or_changed_is_a_gap_and_the_rest_is_right() {
        let root = tempfile::tempdir().expect("dir");
        let damages: [(&str, Damage); 5] = [
            ("emptied", |file| fs::write(file, "").expect("written")),
            ("gone", |file| fs::remove_file(file).expect("removed")),
            ("zeroed", |file| fs::write(file, [0; 1016]).expect("written")),
            ("cut", |file| {
                let file = File::options().write(true).open(file).expect("a file");
                file.set_len(1015).expect("cut");
            }),
            ("a bit of it flipped", |file| {
                let mut bytes = fs::read(file).expect("read");
                bytes[500] ^= 1;
                fs::write(file, bytes).expect("written");
            }),
        ];
        for (what, damage) in damages {
            for which in 0..4_u64 {
                let dir = root.path().join(format!("{what}{which}"));
                let (oracle, seal) = sealed(&dir);
                damage(&dir.join(&files(&dir)[usize::try_from(which).expect("small")]));
                let gap = (which * 1000, which * 1000 + 1000, GapReason::LogDamaged);
                let log = Log::open_sealed(&dir, &seal);
                assert_eq!(read_all(&log, 0, &oracle), [gap], "{what}");
            }
        }
    }

    #[test]
    fn a_log_that_is_gone_is_said_to_be_and_one_without_output_is_not() {
        let root = tempfile::tempdir().expect("dir");
        let dir = root.path().join("x");
        let (oracle, seal) = sealed(&dir);
        fs::remove_dir_all(&dir).expect("removed");
        let gaps = read_all(&Log::open_sealed(&dir, &seal), 0, &oracle);
        assert_eq!(gaps, [(0, 4000, GapReason::LogGone)]);
        let nothing = Log::open_sealed(&dir, &OutputSeal::default());
        assert_eq!(read_all(&nothing, 0, &Oracle::default()), []);
    }

    #[test]
    fn what_is_left_out_of_a_long_log_is_no_damage() {
        let root = tempfile::tempdir().expect("dir");
        let dir = root.path().join("x");
        let (mut writer, log) = Writer::create(&dir, limits(1000, 8000, AMPLE)).expect("a log");
        let mut oracle = Oracle::default();
        // The reader keeps all of it until the log has ended and was sealed.
        let reader = log.reader(0);
        for _ in 0..100 {
            oracle.append(&mut writer, StreamKind::Stderr, &[7; 484]);
        }
        writer.finish();
        let seal = log.seal().expect("a seal");
        drop(reader);
        let gaps = read_all(&Log::open_sealed(&dir, &seal), 0, &oracle);
        assert!(matches!(gaps[..], [(_, _, GapReason::LogCapped)]), "{gaps:?}");
        assert_eq!(seal.segments.len(), files(&dir).len());
    }
}
