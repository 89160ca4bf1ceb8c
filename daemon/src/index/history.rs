//! The ticks of one workspace and the log of what happened at them. Knows no entries.

use super::clock::{Clock, Instance};
use super::litter::is_litter;
use super::log::{Log, LogEntry};
use std::collections::HashSet;

/// Paths that are remembered for what follows; beyond, whatever happens counts.
const MAX_REMEMBERED: usize = 4096;

/// See the [module](self).
#[derive(Debug)]
pub(super) struct History {
    pub(super) instance: Instance,
    /// Where earlier instances ended, oldest first: what happened since is known.
    pub(super) past: Vec<Clock>,
    pub(super) tick: u64,
    /// Whether something was logged at the tick after this one.
    is_open: bool,
    /// Not before the index has been filled: nobody has a clock of then.
    pub(super) logging: bool,
    pub(super) log: Log,
    /// How many changes may have been undone since: a digest alone does not show those.
    pub(super) epoch: u64,
    /// What came since somebody last asked for the epoch: nobody knows a state with it.
    new: HashSet<Box<[u8]>>,
    /// What went without being counted: if it comes again, that counts.
    unnoticed: HashSet<Box<[u8]>>,
}

impl History {
    pub(super) fn new(instance: Instance) -> Self {
        Self {
            instance,
            past: Vec::new(),
            tick: 0,
            is_open: false,
            logging: false,
            log: Log::starting_at(0),
            epoch: 0,
            new: HashSet::new(),
            unnoticed: HashSet::new(),
        }
    }

    /// One that was saved, as a new instance that knows the clocks of the old ones.
    pub(super) fn restored(instance: Instance, past: Vec<Clock>, tick: u64, log: Log) -> Self {
        // What was held back is logged behind the last tick.
        let is_open = log.newest_tick().is_some_and(|newest| newest > tick);
        Self { past, tick, is_open, logging: true, log, ..Self::new(instance) }
    }

    /// Adds what happened to the next tick.
    pub(super) fn add(&mut self, entry: LogEntry) {
        let counts = match &entry {
            LogEntry::Changed { path, .. } if is_litter(name(path)) => false,
            // The digest shows it. If it goes again, that counts.
            LogEntry::Changed { path, before: None, .. } => {
                if self.new.len() < MAX_REMEMBERED {
                    self.new.insert(path.clone());
                }
                self.unnoticed.remove(path)
            }
            // It is still being written.
            LogEntry::Changed { path, after: Some(_), .. } => !self.new.contains(path),
            LogEntry::Changed { .. } | LogEntry::Moved { .. } => true,
        };
        self.epoch += u64::from(counts);
        self.add_unnoticed(entry);
    }

    /// The epoch, for whoever will compare it with a later one.
    pub(super) fn hand_out_epoch(&mut self) -> u64 {
        self.new.clear();
        self.epoch
    }

    /// Adds the end of what was not meant to stay, and is not missed.
    pub(super) fn add_end(&mut self, entry: LogEntry) {
        if let LogEntry::Changed { path, .. } = &entry {
            if self.unnoticed.len() == MAX_REMEMBERED {
                self.unnoticed.clear();
                self.epoch += 1;
            }
            self.unnoticed.insert(path.clone());
        }
        self.add_unnoticed(entry);
    }

    fn add_unnoticed(&mut self, entry: LogEntry) {
        self.is_open = true;
        self.log.add(self.tick + 1, entry);
    }

    /// Ends a group of changes: what comes from now on belongs to a later tick.
    pub(super) fn seal(&mut self) {
        if self.is_open {
            self.tick += 1;
            self.is_open = false;
        }
    }

    /// The moment after the last sealed group of changes.
    pub(super) fn clock(&self) -> Clock {
        Clock { instance: self.instance, tick: self.tick }
    }

    /// The tick of a clock of this instance, or of an earlier one up to where it was saved.
    pub(super) fn tick_of(&self, clock: Clock) -> Option<u64> {
        let mut instances = self.past.iter().copied().chain([self.clock()]);
        let known = instances.find(|known| known.instance == clock.instance)?;
        (clock.tick <= known.tick).then_some(clock.tick)
    }
}

fn name(path: &[u8]) -> &[u8] {
    path.rsplit(|byte| *byte == b'/').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::change::EntryType::File;
    use super::*;

    fn set(path: &str, before: bool, after: bool) -> LogEntry {
        let path = path.as_bytes().into();
        LogEntry::Changed { path, before: before.then_some(File), after: after.then_some(File) }
    }

    /// How much further the epoch is behind these, each with whether it was expected to end.
    fn counted(entries: Vec<(LogEntry, bool)>) -> u64 {
        let mut history = History::new(Instance(1));
        history.add(set("old", true, true));
        let before = history.hand_out_epoch();
        for (entry, is_end) in entries {
            if is_end {
                history.add_end(entry)
            } else {
                history.add(entry)
            }
            history.seal();
        }
        history.hand_out_epoch() - before
    }

    #[test]
    fn what_can_be_undone_unseen_counts_and_the_rest_does_not() {
        let came = || (set("a", false, true), false);
        let went = || (set("a", true, false), false);
        let was_changed = || (set("a", true, true), false);
        let ended = || (set("a", true, false), true);
        for (entries, count) in [
            (vec![], 0),
            (vec![came()], 0),
            (vec![was_changed(), was_changed()], 2),
            (vec![went(), came()], 1),
            (vec![came(), went()], 1),
            (vec![came(), was_changed(), was_changed()], 0),
            (vec![came(), was_changed(), ended()], 0),
            // Whoever ran in between may have missed it.
            (vec![ended(), came()], 1),
            (vec![ended(), came(), ended(), came()], 2),
            (vec![(set("d/.DS_Store", true, true), false)], 0),
            (vec![(set("d/4913", false, true), false), (set("d/4913", true, false), false)], 0),
        ] {
            let shown = format!("{entries:?}");
            assert_eq!(counted(entries), count, "{shown}");
        }
    }

    #[test]
    fn what_somebody_may_know_counts_when_it_changes() {
        let mut history = History::new(Instance(1));
        history.add(set("a", false, true));
        let known = history.hand_out_epoch();
        history.add(set("a", true, true));
        assert_ne!(history.hand_out_epoch(), known);
    }

    #[test]
    fn more_than_is_remembered_counts() {
        let mut history = History::new(Instance(1));
        let path = |at: usize| format!("{at}");
        for at in 0..=MAX_REMEMBERED {
            history.add_end(set(&path(at), true, false));
        }
        let before = history.epoch;
        assert_ne!(before, 0, "it begins anew");
        history.add(set(&path(MAX_REMEMBERED), false, true));
        assert_eq!(history.epoch, before + 1);
    }
}
