//! The ticks of one workspace and the log of what happened at them. Knows no entries.

use super::clock::{Clock, Instance};
use super::log::{Log, LogEntry};

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
        }
    }

    /// One that was saved, as a new instance that knows the clocks of the old ones.
    pub(super) fn restored(instance: Instance, past: Vec<Clock>, tick: u64, log: Log) -> Self {
        // What was held back is logged behind the last tick.
        let is_open = log.newest_tick().is_some_and(|newest| newest > tick);
        Self { instance, past, tick, is_open, logging: true, log }
    }

    /// Adds what happened to the next tick.
    pub(super) fn add(&mut self, entry: LogEntry) {
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
