//! The logs that have ended: which there are, how large and how old, and which of them are no longer
//! kept. Pure: touches no file. So that a collection costs what it removes, and not what there is.

use std::collections::{HashSet, VecDeque};
use std::time::SystemTime;

use super::limits::Retention;
use crate::model::ExecutionId;

/// One log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct EndedLog {
    pub(super) execution: ExecutionId,
    /// Bytes of its files.
    pub(super) bytes: u64,
    /// When something was last written to it.
    pub(super) written: SystemTime,
}

/// All of them: thirty bytes each.
#[derive(Debug, Default)]
pub(super) struct EndedLogs {
    /// Oldest first.
    logs: VecDeque<EndedLog>,
    bytes: u64,
    /// Whether the logs of earlier daemons are among them.
    pub(super) scanned: bool,
}

impl EndedLogs {
    /// Adds the log that ended last.
    pub(super) fn push(&mut self, log: EndedLog) {
        self.bytes += log.bytes;
        self.logs.push_back(log);
    }

    /// Adds what earlier daemons left. Some may have ended since it was looked for, and are known.
    pub(super) fn add_scanned(&mut self, mut found: Vec<EndedLog>) {
        let known: HashSet<_> = self.logs.iter().map(|log| log.execution).collect();
        found.retain(|log| !known.contains(&log.execution));
        self.bytes += found.iter().map(|log| log.bytes).sum::<u64>();
        self.logs.extend(found);
        self.logs.make_contiguous().sort_by_key(|log| log.written);
        self.scanned = true;
    }

    /// Whether the oldest one is no longer kept: it is too old, or all of them with `live_bytes`
    /// of logs that are written are too much.
    pub(super) fn is_due(&self, retention: Retention, live_bytes: u64, now: SystemTime) -> bool {
        let oldest_kept = now.checked_sub(retention.max_age).unwrap_or(SystemTime::UNIX_EPOCH);
        let full = self.bytes.saturating_add(live_bytes) > retention.total_bytes;
        self.logs.front().is_some_and(|oldest| full || oldest.written < oldest_kept)
    }

    /// Takes out the oldest one.
    pub(super) fn pop(&mut self) -> Option<EndedLog> {
        let log = self.logs.pop_front()?;
        self.bytes -= log.bytes;
        Some(log)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const HOUR: Duration = Duration::from_secs(3600);

    fn log(id: u64, written: SystemTime) -> EndedLog {
        EndedLog { execution: ExecutionId(id), bytes: 100, written }
    }

    /// Takes out what is due; returns the ids of what is left.
    fn kept(logs: &mut EndedLogs, total_bytes: u64, max_age: Duration, live: u64) -> Vec<u64> {
        let now = SystemTime::UNIX_EPOCH + 100 * HOUR;
        while logs.is_due(Retention { total_bytes, max_age }, live, now) {
            let _ = logs.pop().expect("BUG: nothing is due");
        }
        assert_eq!(logs.bytes, 100 * logs.logs.len() as u64);
        logs.logs.iter().map(|log| log.execution.0).collect()
    }

    #[test]
    fn the_oldest_go_by_age_and_by_size_and_live_ones_count() {
        let mut logs = EndedLogs::default();
        let at = |hour: u32| SystemTime::UNIX_EPOCH + hour * HOUR;
        logs.push(log(7, at(99)));
        // Out of order, and one that is known by now.
        logs.add_scanned(vec![log(2, at(92)), log(1, at(91)), log(7, at(98)), log(3, at(93))]);
        assert_eq!(kept(&mut logs, 400, 90 * HOUR, 0), [1, 2, 3, 7]);
        assert_eq!(kept(&mut logs, 400, 90 * HOUR, 1), [2, 3, 7]);
        assert_eq!(kept(&mut logs, 400, 7 * HOUR, 0), [3, 7]);
        assert_eq!(kept(&mut logs, 199, 7 * HOUR, 0), [7]);
        assert_eq!(kept(&mut logs, 0, 7 * HOUR, 0), [0; 0]);
        assert_eq!(kept(&mut logs, 0, Duration::ZERO, 9), [0; 0]);
    }
}
