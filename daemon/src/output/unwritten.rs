//! Output that could not be written to the disk, kept in memory for those who follow it live. Knows
//! nothing of files.

use std::collections::VecDeque;

use super::record::{HEADER_BYTES, RECORD_BYTES, StreamKind, header};

/// Most bytes that are kept of one log; more only while a reader is about to take them.
pub(super) const MOST_BYTES: usize = 16 << 20;

/// Records that are in no file, oldest first.
#[derive(Debug, Default)]
pub(super) struct Unwritten {
    records: VecDeque<(u64, StreamKind, Box<[u8]>)>,
    bytes: usize,
}

impl Unwritten {
    /// Adds output at a position after all others.
    pub(super) fn push(&mut self, position: u64, kind: StreamKind, payload: &[u8]) {
        self.bytes += payload.len() + HEADER_BYTES;
        self.records.push_back((position, kind, payload.into()));
    }

    pub(super) fn is_over(&self) -> bool {
        self.bytes > MOST_BYTES
    }

    /// Position after the oldest record.
    pub(super) fn oldest_end(&self) -> Option<u64> {
        self.records.front().map(|(position, _, payload)| position + payload.len() as u64)
    }

    pub(super) fn drop_oldest(&mut self) {
        if let Some((_, _, payload)) = self.records.pop_front() {
            self.bytes -= payload.len() + HEADER_BYTES;
        }
    }

    /// The first position from this one on that is here.
    pub(super) fn next(&self, position: u64) -> Option<u64> {
        let (first, ..) = self.records.get(self.index(position))?;
        Some(position.max(*first))
    }

    /// Replaces the contents of `frame` by records from `position` on, which is here, until there
    /// is a gap or they would be more than `most` bytes. Returns the position after them.
    pub(super) fn fill(&self, position: u64, frame: &mut Vec<u8>, most: usize) -> u64 {
        frame.clear();
        let mut at = position;
        for (first, kind, payload) in self.records.range(self.index(position)..) {
            let skipped = usize::try_from(at.saturating_sub(*first)).unwrap_or(usize::MAX);
            let rest = payload.get(skipped..).unwrap_or_default();
            let is_next = *first <= at;
            let fits = frame.len() + HEADER_BYTES + rest.len() <= most;
            if !is_next || !(fits || frame.is_empty()) {
                break;
            }
            let len = u32::try_from(rest.len()).expect("BUG: a record is bounded");
            frame.extend_from_slice(&header(*kind, at, len));
            frame.extend_from_slice(rest);
            at += rest.len() as u64;
        }
        at
    }

    /// Index of the record that has this position, or of the first after it.
    fn index(&self, position: u64) -> usize {
        let ends_before =
            |(first, _, payload): &(u64, _, Box<[u8]>)| first + payload.len() as u64 <= position;
        self.records.partition_point(ends_before)
    }
}

const _: () = assert!(RECORD_BYTES < MOST_BYTES);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_given_from_any_position_up_to_a_gap() {
        let mut kept = Unwritten::default();
        kept.push(10, StreamKind::Stdout, b"abc");
        kept.push(13, StreamKind::Stderr, b"de");
        kept.push(20, StreamKind::Stdout, b"f");
        let at = |position| kept.next(position);
        assert_eq!(
            [at(0), at(10), at(12), at(15), at(20), at(21)].map(|at| at.unwrap_or(0)),
            [10, 10, 12, 20, 20, 0]
        );
        let mut frame = vec![1];
        assert_eq!(kept.fill(12, &mut frame, 1000), 15);
        let parts = [&header(StreamKind::Stdout, 12, 1)[..], b"c"].concat();
        assert_eq!(frame, [&parts[..], &header(StreamKind::Stderr, 13, 2), b"de"].concat());
        assert_eq!(kept.fill(10, &mut frame, 20), 13, "one at least, and no more than fit");
        assert_eq!(kept.oldest_end(), Some(13));
        kept.drop_oldest();
        assert_eq!(kept.next(0), Some(13));
    }
}
