//! When a burst of changes is over. Pure: its caller has the time.

use std::time::Duration;

/// Quiet time after a few changes: a save and what an editor does around it.
const QUIET: Duration = Duration::from_millis(2);

/// Quiet times after more changes than so many: tools that write many files pause between them.
const STORMS: [(usize, Duration); 2] =
    [(1000, Duration::from_millis(50)), (32, Duration::from_millis(10))];

/// A burst that goes on for longer is reported in parts.
const MAX_BURST: Duration = Duration::from_secs(1);

/// The same while git is at work: what it does is one change, unless it has died over it or waits
/// for somebody. Counted from the first change, so that whoever saves meanwhile is not put off by
/// each save.
const MAX_GIT_BURST: Duration = Duration::from_secs(10);

/// How often to check whether git has finished.
const GIT_INTERVAL: Duration = Duration::from_millis(2);

/// A burst of changes. Times are since any fixed moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Debounce {
    first: Duration,
    last: Duration,
    changes: usize,
}

impl Debounce {
    /// A burst that begins.
    #[must_use]
    pub fn begin(now: Duration) -> Self {
        Self { first: now, last: now, changes: 0 }
    }

    /// More changes.
    pub fn add(&mut self, now: Duration, changes: usize) {
        self.last = now;
        self.changes += changes;
    }

    /// `None` when it is over; else when to ask again. `git` says whether git is changing files.
    #[must_use]
    pub fn wait(&self, now: Duration, git: bool) -> Option<Duration> {
        if git && now < self.first + MAX_GIT_BURST {
            return Some(now + GIT_INTERVAL);
        }
        let quiet = STORMS.iter().find(|(more_than, _)| self.changes > *more_than);
        let due = self.last + quiet.map_or(QUIET, |(_, quiet)| *quiet);
        let due = due.min((self.first + MAX_BURST).max(self.last));
        (now < due).then_some(due)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn a_save_is_reported_soon_and_a_storm_when_it_is_over() {
        let mut burst = Debounce::begin(ms(100));
        burst.add(ms(100), 1);
        assert_eq!(burst.wait(ms(101), false), Some(ms(102)));
        assert_eq!(burst.wait(ms(102), false), None);
        burst.add(ms(102), 100);
        assert_eq!(burst.wait(ms(104), false), Some(ms(112)));
        burst.add(ms(105), 1000);
        assert_eq!(burst.wait(ms(154), false), Some(ms(155)));
        assert_eq!(burst.wait(ms(155), false), None);
    }

    #[test]
    fn an_endless_burst_is_reported_in_parts() {
        let mut burst = Debounce::begin(ms(0));
        for now in (0..=995).step_by(5) {
            burst.add(ms(now), 1000);
        }
        assert_eq!(burst.wait(ms(999), false), Some(ms(1000)));
        assert_eq!(burst.wait(ms(1000), false), None);
    }

    #[test]
    fn git_is_waited_for_but_not_for_ever() {
        let mut burst = Debounce::begin(ms(0));
        burst.add(ms(0), 1);
        assert_eq!(burst.wait(ms(5000), true), Some(ms(5002)));
        burst.add(ms(9000), 1);
        assert_eq!(burst.wait(ms(10_000), true), None, "a save in between puts it off no further");
    }
}
