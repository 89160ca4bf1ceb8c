//! How many workspaces are observed at once, and which gives way to another. One that gave way is
//! saved, and comes back when somebody asks for it. Pure.

use std::time::Duration;

/// One that nobody has asked for so long gives way when there are many.
const UNASKED: Duration = Duration::from_secs(24 * 3600);

/// So many are kept whoever asks for them, if there is room.
const FEW: usize = 32;

/// Files and directories in all workspaces: an entry takes two to three hundred bytes of memory.
const MAX_ENTRIES: u64 = 2_000_000;

/// What an observed workspace takes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Load {
    /// How long nobody has asked for it.
    pub(super) unasked: Duration,
    pub(super) entries: u64,
    pub(super) watches: u64,
}

/// What all may take together.
#[derive(Clone, Copy, Debug)]
pub(super) struct Capacity {
    pub(super) entries: u64,
    pub(super) watches: u64,
}

impl Capacity {
    /// That of this machine. Half of the watches that a user may have are left to others: editors
    /// and git have some as well.
    pub(super) fn of_machine() -> Self {
        let limit = std::fs::read_to_string("/proc/sys/fs/inotify/max_user_watches");
        let limit = limit.ok().and_then(|limit| limit.trim().parse::<u64>().ok());
        Self { entries: MAX_ENTRIES, watches: limit.map_or(u64::MAX, |limit| limit / 2) }
    }

    /// Which of them gives way to one more, if one has to.
    pub(super) fn gives_way(&self, loads: &[Load]) -> Option<usize> {
        let sum = |part: fn(&Load) -> u64| loads.iter().map(part).fold(0, u64::saturating_add);
        let is_full =
            sum(|load| load.entries) >= self.entries || sum(|load| load.watches) >= self.watches;
        let (oldest, load) = loads.iter().enumerate().max_by_key(|(_, load)| load.unasked)?;
        let is_forgotten = loads.len() >= FEW && load.unasked > UNASKED;
        (is_full || is_forgotten).then_some(oldest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: u64 = 24 * 3600;

    fn loads(count: u64, each: impl Fn(u64) -> Load) -> Vec<Load> {
        (0..count).map(each).collect()
    }

    fn asked_before(seconds: u64) -> Load {
        Load { unasked: Duration::from_secs(seconds), entries: 1000, watches: 100 }
    }

    #[test]
    fn what_was_asked_for_within_a_day_is_kept_while_there_is_room() {
        let capacity = Capacity { entries: 1_000_000, watches: 50_000 };
        for (count, ages, expected) in [
            (0, 0, None),
            (200, DAY - 300, None),
            (31, 10 * DAY, None),
            (32, 10 * DAY, Some(31)),
            (32, DAY - 31, None),
            (32, DAY - 30, Some(31)),
        ] {
            let loads = loads(count, |one| asked_before(ages + one));
            assert_eq!(capacity.gives_way(&loads), expected, "{count} asked {ages} s ago");
        }
    }

    #[test]
    fn the_one_not_asked_for_longest_gives_way_when_there_is_no_room() {
        let capacity = Capacity { entries: 20_000, watches: 5_000 };
        for (entries, watches, is_full) in [
            (1_999, 0, false),
            (2_000, 0, true),
            (0, 499, false),
            (0, 500, true),
            (u64::MAX, 0, true),
        ] {
            let age = |one| Duration::from_secs(if one == 3 { 60 } else { 1 });
            let loads = loads(10, |one| Load { unasked: age(one), entries, watches });
            assert_eq!(capacity.gives_way(&loads), is_full.then_some(3), "{entries}, {watches}");
        }
    }
}
