//! Which segments a log has, which readers still need them, and which may be removed. Pure: touches
//! no file.

use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};

use super::limits::LogLimits;

/// One file of records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Segment {
    /// Position of its first record.
    pub(super) first: u64,
    /// Position after its last record.
    pub(super) end: u64,
    /// Bytes of whole records in the file.
    pub(super) bytes: u64,
    /// What came just before it could not be written.
    pub(super) after_loss: bool,
}

impl Segment {
    pub(super) fn new(first: u64, after_loss: bool) -> Self {
        Self { first, end: first, bytes: 0, after_loss }
    }

    /// The file, in the directory of its log.
    pub(super) fn path(&self, dir: &Path) -> PathBuf {
        let after = if self.after_loss { ".lost" } else { "" };
        dir.join(format!("{:020}{after}.log", self.first))
    }

    /// The segment in a file of this name, without its length.
    pub(super) fn from_name(name: &str) -> Option<Self> {
        let name = name.strip_suffix(".log")?;
        let (first, after_loss) =
            name.strip_suffix(".lost").map_or((name, false), |first| (first, true));
        Some(Self::new(first.parse().ok().filter(|_| first.len() == 20)?, after_loss))
    }
}

/// How far a reader has come.
#[derive(Debug)]
struct Cursor {
    position: u64,
    /// Something that it had not read was removed.
    overrun: bool,
}

/// What is at a position.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Location {
    /// A record of this segment.
    In(Segment),
    /// Nothing; the next thing is at `to`.
    Gap { to: u64, lost: bool },
    /// Nothing yet.
    End,
}

/// The segments of one log, oldest first, and its readers.
#[derive(Debug, Default)]
pub(super) struct Segments {
    list: VecDeque<Segment>,
    readers: BTreeMap<u64, Cursor>,
    next_reader: u64,
}

impl Segments {
    pub(super) fn new(list: VecDeque<Segment>) -> Self {
        Self { list, ..Self::default() }
    }

    pub(super) fn push(&mut self, segment: Segment) {
        self.list.push_back(segment);
    }

    pub(super) fn last_mut(&mut self) -> Option<&mut Segment> {
        self.list.back_mut()
    }

    pub(super) fn pop(&mut self) -> Option<Segment> {
        self.list.pop_back()
    }

    pub(super) fn bytes(&self) -> u64 {
        self.list.iter().map(|segment| segment.bytes).sum()
    }

    /// Registers a reader; from now on nothing from `position` on is recycled.
    pub(super) fn add_reader(&mut self, position: u64) -> u64 {
        self.next_reader += 1;
        self.readers.insert(self.next_reader, Cursor { position, overrun: false });
        self.next_reader
    }

    pub(super) fn remove_reader(&mut self, reader: u64) {
        self.readers.remove(&reader);
    }

    /// Notes that a reader needs nothing before `position` any more.
    pub(super) fn advance(&mut self, reader: u64, position: u64) {
        if let Some(cursor) = self.readers.get_mut(&reader) {
            cursor.position = position;
        }
    }

    /// Whether a reader has not passed this position.
    pub(super) fn is_awaited(&self, position: u64) -> bool {
        self.readers.values().any(|cursor| cursor.position < position)
    }

    /// Whether something that the reader had not read was removed since the last call.
    pub(super) fn take_overrun(&mut self, reader: u64) -> bool {
        self.readers.get_mut(&reader).is_some_and(|cursor| std::mem::take(&mut cursor.overrun))
    }

    /// Those that end after a position.
    pub(super) fn after(&self, position: u64) -> Vec<Segment> {
        self.list.iter().filter(|segment| segment.end > position).cloned().collect()
    }

    pub(super) fn locate(&self, position: u64) -> Location {
        let next = self.list.partition_point(|segment| segment.end <= position);
        match self.list.get(next) {
            None => Location::End,
            Some(segment) if segment.first <= position => Location::In(segment.clone()),
            Some(segment) => Location::Gap { to: segment.first, lost: segment.after_loss },
        }
    }

    /// Forgets a segment whose file is not there. False when it was not to be there any more.
    pub(super) fn forget(&mut self, first: u64) -> bool {
        let before = self.list.len();
        self.list.retain(|segment| segment.first != first);
        self.list.len() < before
    }

    /// Takes out the segments that may be removed: those outside of head and tail that every reader
    /// has passed, and, oldest first, those that slow readers need beyond the limit. The first part
    /// of the result may be overwritten; the second may still be open in a reader.
    pub(super) fn trim(&mut self, limits: &LogLimits) -> (Vec<Segment>, Vec<Segment>) {
        let (head, tail) = self.head_and_tail(limits);
        let (mut free, mut forced) = (Vec::new(), Vec::new());
        let mut total = self.bytes();
        for middle in self.list.drain(head..tail).collect::<Vec<_>>() {
            let needed = |cursor: &Cursor| cursor.position < middle.end;
            if !self.readers.values().any(needed) {
                total -= middle.bytes;
                free.push(middle);
            } else if total > limits.live_bytes {
                for cursor in self.readers.values_mut().filter(|cursor| needed(cursor)) {
                    cursor.overrun = true;
                }
                total -= middle.bytes;
                forced.push(middle);
            } else {
                self.list.push_back(middle);
            }
        }
        self.list.make_contiguous().sort_unstable_by_key(|segment| segment.first);
        (free, forced)
    }

    /// The segments that stay when the log has ended and all its readers are gone.
    pub(super) fn kept(&self, limits: &LogLimits) -> Vec<Segment> {
        let (head, tail) = self.head_and_tail(limits);
        self.list.range(..head).chain(self.list.range(tail..)).cloned().collect()
    }

    /// Number of segments that are kept at the start, and index of the first that is at the end.
    fn head_and_tail(&self, limits: &LogLimits) -> (usize, usize) {
        let head = self.head(limits.kept_bytes / 4);
        let head_bytes: u64 = self.list.range(..head).map(|segment| segment.bytes).sum();
        (head, self.tail(limits.kept_bytes.saturating_sub(head_bytes)).max(head))
    }

    /// Number of segments at the start that fit in `bytes`. Segments after a gap do not count, or a
    /// small one would be kept between two gaps.
    fn head(&self, bytes: u64) -> usize {
        let mut end = 0;
        let start = self.list.iter().take_while(|segment| {
            let follows = segment.first == end;
            end = segment.end;
            follows
        });
        fitting(start, bytes)
    }

    /// Index of the first of the segments at the end that fit in `bytes`; the last is always kept.
    fn tail(&self, bytes: u64) -> usize {
        self.list.len() - fitting(self.list.iter().rev(), bytes).max(1).min(self.list.len())
    }
}

fn fitting<'a>(segments: impl Iterator<Item = &'a Segment>, bytes: u64) -> usize {
    let mut total = 0;
    segments
        .take_while(|segment| {
            total += segment.bytes;
            total <= bytes
        })
        .count()
}
