//! What changed in an index since it was saved, in records of what changed: a clock that somebody is
//! given is then known also to a daemon that comes after this one was killed. Knows no file.
//!
//! A record leads from one clock to another. Those that follow each other from the clock of what was
//! saved are applied, and whatever does not fit is left out: then the later clocks are not known.

use super::bytes::{Reader, Writer};
use super::index::Index;
use super::node::Node;
use crate::index::clock::{Clock, Instance};
use crate::index::log::{Log, LogEntry};
use std::collections::BTreeSet;

/// Entries of the log in a record: what takes some hundred microseconds to write.
const MAX_LOGGED: usize = 8192;

/// Instances before this one whose clocks are known; when it is saved, fewer are kept.
const MAX_INSTANCES: usize = 64;

/// What there is to write before somebody is given the clock.
#[derive(Debug, PartialEq, Eq)]
pub enum Recorded {
    /// Nothing: what was written before has the clock.
    Nothing,
    /// A record.
    Record(Vec<u8>),
    /// More than fits in a record: the index has to be saved.
    TooMuch,
}

impl Index {
    /// Whether it was never saved, so that nothing can be recorded.
    #[must_use]
    pub fn is_unsaved(&self) -> bool {
        self.recording.until.is_none()
    }

    /// What to write before somebody is given the clock. `unreported` are paths whose changes until
    /// now are not reported to everybody: whoever asks about this clock later is told of them.
    /// `now` is in nanoseconds since 1970.
    pub fn record<'a>(
        &mut self,
        unreported: impl IntoIterator<Item = &'a [u8]>,
        now: i64,
    ) -> Recorded {
        self.seal();
        let to = self.clock();
        let Some(from) = self.recording.until else { return Recorded::Nothing };
        let held: Vec<_> = unreported.into_iter().filter_map(|path| self.held_back(path)).collect();
        if from == to && held.is_empty() {
            return Recorded::Nothing;
        }
        let logged = self.history.log.since_added(self.recording.logged);
        let Some(logged) = logged.filter(|logged| logged.len() <= MAX_LOGGED) else {
            return Recorded::TooMuch;
        };
        if self.recording.has_overflowed {
            return Recorded::TooMuch;
        }
        let touched: BTreeSet<_> = self.recording.touched.iter().copied().collect();
        let mut out = Writer::default();
        out.number(from.instance.0).number(from.tick).number(to.instance.0).number(to.tick);
        out.number(self.nodes.len() as u64).number(touched.len() as u64);
        for at in touched {
            let node = &self.nodes[at as usize];
            out.0.extend_from_slice(&at.to_le_bytes());
            out.0.push(u8::from(node.is_free()));
            if !node.is_free() {
                out.node(node, now);
            }
        }
        for (tick, happened) in logged {
            out.number(*tick).happened(happened);
        }
        for happened in &held {
            out.number(to.tick + 1).happened(happened);
        }
        self.recording.begin(to, self.history.log.added());
        Recorded::Record(out.sealed())
    }

    fn held_back(&self, path: &[u8]) -> Option<LogEntry> {
        let node = self.lookup(path).filter(|node| *node != Self::ROOT)?;
        let entry = Some(self.node(node).signature.entry_type());
        Some(LogEntry::Changed { path: path.into(), before: entry, after: entry })
    }
}

/// An index that is being restored.
pub(super) struct Restored {
    pub(super) nodes: Vec<Option<Node>>,
    /// Clocks that are known, the last one that of the index.
    pub(super) past: Vec<Clock>,
    pub(super) log: Log,
    /// Entries that are not as they were saved.
    pub(super) touched: BTreeSet<u32>,
}

/// What a record says.
struct Record {
    from: Clock,
    to: Clock,
    /// Entries of the index, the unused ones included.
    count: usize,
    nodes: Vec<(u32, Option<Node>)>,
    log: Vec<(u64, LogEntry)>,
}

impl Restored {
    /// Applies the records that follow each other; the others are of before what was saved, or behind
    /// something that is lost.
    pub(super) fn apply_all(&mut self, records: &[Vec<u8>]) {
        for record in records.iter().filter_map(|record| Record::read(record)) {
            if self.past.last() == Some(&record.from) {
                self.apply(record);
            }
        }
    }

    fn apply(&mut self, record: Record) {
        let Record { to, count, nodes, log, .. } = record;
        let fits = count >= self.nodes.len()
            && count <= self.nodes.len() + nodes.len()
            && nodes.iter().all(|(at, _)| (*at as usize) < count);
        if !fits {
            return;
        }
        self.nodes.resize_with(count, || None);
        for (at, node) in nodes {
            self.nodes[at as usize] = node;
            self.touched.insert(at);
        }
        log.into_iter().for_each(|(tick, happened)| self.log.add(tick, happened));
        match self.past.last_mut() {
            Some(last) if last.instance == to.instance => *last = to,
            _ => self.past.push(to),
        }
        if self.past.len() > MAX_INSTANCES {
            self.past.remove(0);
        }
    }
}

impl Record {
    fn read(record: &[u8]) -> Option<Self> {
        let mut reader = Reader::unsealed(record)?;
        let clock = |reader: &mut Reader<'_>| {
            Some(Clock { instance: Instance(reader.number()?), tick: reader.number()? })
        };
        let (from, to) = (clock(&mut reader)?, clock(&mut reader)?);
        let (count, touched) = (reader.number()?, reader.number()?);
        let mut nodes = Vec::new();
        for _ in 0..touched {
            let at = u32::from_le_bytes(reader.take()?);
            nodes.push((at, if reader.byte()? == 0 { Some(reader.node()?) } else { None }));
        }
        let mut log = Vec::new();
        while !reader.0.is_empty() {
            log.push((reader.number()?, reader.happened()?));
        }
        Some(Self { from, to, count: usize::try_from(count).ok()?, nodes, log })
    }
}
