//! The log of changes, and the net difference between two moments. Knows paths, no entries.

use super::change::{Change, ChangeKind, EntryType};
use std::collections::{HashMap, VecDeque};
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;
use std::path::PathBuf;

/// Entries kept: some ten megabytes, after a storm that touches so many paths. Whoever asks about
/// a moment before the oldest gets everything.
const MAX_ENTRIES: usize = 131_072;

/// Something that happened. Paths are relative to the root.
#[derive(Debug)]
pub(super) enum LogEntry {
    /// Something came, went, or may have changed.
    Changed { path: Box<[u8]>, before: Option<EntryType>, after: Option<EntryType> },
    /// Something was moved.
    Moved { from: Box<[u8]>, to: Box<[u8]>, entry: EntryType, replaced: Option<EntryType> },
}

/// What happened, tick by tick.
#[derive(Debug, Default)]
pub(super) struct Log {
    entries: VecDeque<(u64, LogEntry)>,
    /// Ticks up to this one are forgotten.
    forgotten: u64,
    /// How many entries were ever added.
    added: u64,
}

/// What came of one path.
#[derive(Clone, Copy, Debug)]
struct Net<'a> {
    before: Option<EntryType>,
    after: Option<EntryType>,
    /// Where that what is here now was at the beginning; `None` if it was nowhere.
    origin: Option<&'a [u8]>,
    /// Whether more than its path may have changed.
    touched: bool,
}

impl Log {
    /// A log that knows nothing before and at `tick`.
    pub(super) fn starting_at(tick: u64) -> Self {
        Self { entries: VecDeque::new(), forgotten: tick, added: 0 }
    }

    pub(super) fn add(&mut self, tick: u64, entry: LogEntry) {
        if self.entries.len() == MAX_ENTRIES
            && let Some((oldest, _)) = self.entries.pop_front()
        {
            // What else happened at that tick is of no use without it.
            self.forgotten = self.forgotten.max(oldest);
        }
        self.entries.push_back((tick, entry));
        self.added += 1;
    }

    /// How many entries were ever added.
    pub(super) fn added(&self) -> u64 {
        self.added
    }

    /// The entries after the first `added` that ever were; `None` when some of them are forgotten.
    pub(super) fn since_added(
        &self,
        added: u64,
    ) -> Option<impl ExactSizeIterator<Item = &(u64, LogEntry)>> {
        let new = usize::try_from(self.added.checked_sub(added)?).ok()?;
        Some(self.entries.range(self.entries.len().checked_sub(new)?..))
    }

    /// The tick of the newest entry.
    pub(super) fn newest_tick(&self) -> Option<u64> {
        self.entries.back().map(|(tick, _)| *tick)
    }

    /// Whether everything after this tick is known.
    pub(super) fn knows_since(&self, tick: u64) -> bool {
        tick >= self.forgotten
    }

    /// The newest entries, at most so many, and the tick up to which nothing is known then.
    pub(super) fn newest(&self, most: usize) -> (u64, impl Iterator<Item = &(u64, LogEntry)>) {
        let mut skip = self.entries.len().saturating_sub(most);
        let mut forgotten = self.forgotten;
        if skip > 0 {
            forgotten = self.entries[skip - 1].0;
            skip = self.entries.partition_point(|(at, _)| *at <= forgotten);
        }
        (forgotten, self.entries.range(skip..))
    }

    /// How many entries there are after `tick`.
    pub(super) fn count_since(&self, tick: u64) -> usize {
        self.entries.len() - self.entries.partition_point(|(at, _)| *at <= tick)
    }

    /// What came of every path touched after `tick`, sorted.
    pub(super) fn net_since(&self, tick: u64) -> Vec<Change> {
        let start = self.entries.partition_point(|(at, _)| *at <= tick);
        let mut nets: HashMap<&[u8], Net<'_>> = HashMap::new();
        for (_, entry) in self.entries.range(start..) {
            follow(&mut nets, entry);
        }
        net_changes(&nets)
    }
}

fn follow<'a>(nets: &mut HashMap<&'a [u8], Net<'a>>, entry: &'a LogEntry) {
    match entry {
        LogEntry::Changed { path, before, after } => {
            let net = nets.entry(path).or_insert_with(|| Net::at(path, *before));
            if net.after.is_none() || after.is_none() {
                net.origin = None;
            }
            net.after = *after;
            net.touched = true;
        }
        LogEntry::Moved { from, to, entry, replaced } => {
            let source = nets.entry(from).or_insert_with(|| Net::at(from, Some(*entry)));
            let (origin, touched) = (source.origin.take(), source.touched);
            source.after = None;
            let target = nets.entry(to).or_insert_with(|| Net::at(to, *replaced));
            *target = Net { before: target.before, after: Some(*entry), origin, touched };
        }
    }
}

impl<'a> Net<'a> {
    fn at(path: &'a [u8], before: Option<EntryType>) -> Self {
        Self { before, after: before, origin: before.map(|_| path), touched: false }
    }
}

fn net_changes(nets: &HashMap<&[u8], Net<'_>>) -> Vec<Change> {
    let gone = |path: &[u8]| nets.get(path).is_some_and(|net| net.after.is_none());
    let renamed: HashMap<&[u8], &[u8]> = nets
        .iter()
        .filter(|(_, net)| net.before.is_none() && net.after.is_some())
        .filter_map(|(path, net)| Some((net.origin.filter(|origin| gone(origin))?, *path)))
        .collect();
    let mut changes: Vec<Change> = nets
        .iter()
        .filter_map(|(&path, net)| {
            let (kind, entry) = match (net.before, net.after) {
                (None, None) => return None,
                (Some(_), None) if renamed.contains_key(path) => return None,
                (Some(before), None) => (ChangeKind::Removed, before),
                (Some(_), Some(_)) if net.origin == Some(path) && !net.touched => return None,
                (Some(_), Some(after)) => (ChangeKind::Modified, after),
                (None, Some(after)) => match net.origin.filter(|origin| gone(origin)) {
                    Some(from) => (ChangeKind::Renamed { from: path_of(from) }, after),
                    None => (ChangeKind::Added, after),
                },
            };
            Some(Change { path: path_of(path), kind, entry })
        })
        .collect();
    changes.sort_unstable_by(|a, b| a.path.as_os_str().cmp(b.path.as_os_str()));
    changes
}

pub(super) fn path_of(bytes: &[u8]) -> PathBuf {
    OsString::from_vec(bytes.to_vec()).into()
}

#[cfg(test)]
mod tests {
    use super::EntryType::{Dir, File};
    use super::*;

    fn set(path: &str, before: Option<EntryType>, after: Option<EntryType>) -> LogEntry {
        LogEntry::Changed { path: path.as_bytes().into(), before, after }
    }

    fn moved(from: &str, to: &str, replaced: Option<EntryType>) -> LogEntry {
        let (from, to) = (from.as_bytes().into(), to.as_bytes().into());
        LogEntry::Moved { from, to, entry: File, replaced }
    }

    /// What is reported of these, one tick each, in short.
    fn net(entries: Vec<LogEntry>) -> Vec<String> {
        let mut log = Log::starting_at(0);
        entries.into_iter().zip(1..).for_each(|(entry, tick)| log.add(tick, entry));
        let short = |change: Change| {
            let path = change.path.display();
            match change.kind {
                ChangeKind::Added => format!("A {path}"),
                ChangeKind::Modified => format!("M {path}"),
                ChangeKind::Removed => format!("D {path}"),
                ChangeKind::Renamed { from } => format!("R {} {path}", from.display()),
            }
        };
        log.net_since(0).into_iter().map(short).collect()
    }

    #[test]
    fn what_came_of_a_path_is_reported_not_what_happened_to_it() {
        let (none, file, dir) = (None, Some(File), Some(Dir));
        for (entries, expected) in [
            (vec![set("a", none, file), set("a", file, file)], vec!["A a"]),
            (vec![set("a", none, file), set("a", file, none)], vec![]),
            (vec![set("a", file, none), set("a", none, file)], vec!["M a"]),
            (vec![set("a", file, none), set("a", none, dir)], vec!["M a"]),
            (vec![set("b", file, file), set("a", file, none)], vec!["D a", "M b"]),
            (vec![moved("a", "b", none)], vec!["R a b"]),
            (vec![moved("a", "b", none), moved("b", "c", none)], vec!["R a c"]),
            (vec![moved("a", "b", none), moved("b", "a", none)], vec![]),
            (vec![moved("a", "b", none), set("b", file, file), moved("b", "a", none)], vec!["M a"]),
            (vec![moved("a", "b", none), set("b", file, none)], vec!["D a"]),
            (vec![moved("a", "b", none), set("a", none, file)], vec!["M a", "A b"]),
            (vec![moved("a", "b", file)], vec!["D a", "M b"]),
            (
                vec![moved("a", "t", none), moved("b", "a", none), moved("t", "b", none)],
                vec!["M a", "M b"],
            ),
            // The ways in which editors save.
            (vec![set("t", none, file), moved("t", "a", file)], vec!["M a"]),
            (
                vec![moved("a", "a~", none), set("a", none, file), set("a~", file, none)],
                vec!["M a"],
            ),
            (vec![set("t", none, file), moved("t", "a", none)], vec!["A a"]),
        ] {
            let shown = format!("{entries:?}");
            assert_eq!(net(entries), expected, "{shown}");
        }
    }

    #[test]
    fn a_moment_that_is_forgotten_is_known_to_be() {
        let mut log = Log::starting_at(5);
        assert!(!log.knows_since(4) && log.knows_since(5));
        for tick in 6..6 + MAX_ENTRIES as u64 + 10 {
            log.add(tick, set("a", Some(File), Some(File)));
        }
        assert!(!log.knows_since(14) && log.knows_since(15));
        assert_eq!(log.net_since(5 + MAX_ENTRIES as u64).len(), 1);
    }
}
