//! How long commands take, learned from how long they took.

use crate::model::Digest;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

/// Shapes remembered: a person's day of work, at 40 bytes each.
const MOST: usize = 4096;
/// Weight of the newest duration, in eighths: three old builds are forgotten within a few new.
const NEWEST_EIGHTHS: u64 = 3;

/// Expected durations by command [shape](crate::model::Command::shape).
#[derive(Debug, Default)]
pub(super) struct Estimates {
    durations: HashMap<Digest, u64>,
}

impl Estimates {
    /// Learns one duration, in milliseconds.
    pub(super) fn learn(&mut self, shape: Digest, duration_ms: u64) {
        if self.durations.len() >= MOST && !self.durations.contains_key(&shape) {
            // Which one goes matters little: a guess that is missing costs nothing but itself.
            if let Some(any) = self.durations.keys().next().copied() {
                self.durations.remove(&any);
            }
        }
        self.durations
            .entry(shape)
            .and_modify(|known| {
                *known = (*known * (8 - NEWEST_EIGHTHS) + duration_ms * NEWEST_EIGHTHS) / 8;
            })
            .or_insert(duration_ms);
    }

    /// Expected duration, in milliseconds.
    #[must_use]
    pub(super) fn of(&self, shape: Digest) -> Option<u64> {
        self.durations.get(&shape).copied()
    }
}

/// Time until each member of a queue starts, in milliseconds: `remaining` are the times that
/// running executions still need, `durations` those of the members in their order. `None` as soon
/// as one that counts is unknown.
#[must_use]
pub(super) fn start_times(
    remaining: &[Option<u64>],
    durations: &[Option<u64>],
) -> Vec<Option<u64>> {
    let mut ends: Option<BinaryHeap<Reverse<u64>>> =
        remaining.iter().map(|time| time.map(Reverse)).collect();
    let start = |duration: &Option<u64>| {
        let start = ends.as_mut().and_then(BinaryHeap::pop).map(|Reverse(start)| start);
        match (start, duration, &mut ends) {
            (Some(start), Some(duration), Some(ends)) => ends.push(Reverse(start + duration)),
            _ => ends = None,
        }
        start
    };
    durations.iter().map(start).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_duration_is_believed_and_later_ones_move_it() {
        let (mut estimates, shape) = (Estimates::default(), Digest([7; 32]));
        assert_eq!(estimates.of(shape), None);
        estimates.learn(shape, 800);
        assert_eq!(estimates.of(shape), Some(800));
        estimates.learn(shape, 1600);
        assert_eq!(estimates.of(shape), Some(1100));
    }

    #[test]
    fn memory_is_bounded() {
        let mut estimates = Estimates::default();
        for number in 0..2 * MOST {
            let mut shape = [0; 32];
            shape[..8].copy_from_slice(&number.to_le_bytes());
            estimates.learn(Digest(shape), 1);
        }
        assert_eq!(estimates.durations.len(), MOST);
    }

    #[test]
    fn a_place_comes_free_when_the_first_running_one_ends() {
        for (remaining, ahead, start) in [
            (&[Some(5), Some(9)][..], &[][..], Some(5)),
            (&[Some(5), Some(9)], &[Some(1)], Some(6)),
            (&[Some(5), Some(9)], &[Some(10)], Some(9)),
            (&[Some(5), None], &[], None),
            (&[Some(5)], &[None], None),
        ] {
            let next = start_times(remaining, &[ahead, &[None]].concat()).pop();
            assert_eq!(next, Some(start), "{remaining:?} {ahead:?}");
        }
    }
}
