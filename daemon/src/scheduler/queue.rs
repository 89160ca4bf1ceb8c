//! The order in which waiting executions start. [`Policy`] is all the engine knows of it.

use crate::model::{ExecutionId, Priority};
use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap};
use std::fmt::Debug;

/// Decides which waiting execution starts when.
pub trait Policy: Debug + Send {
    /// Adds a waiting execution, or changes the priority of one that waits. Among equals the one
    /// with the lowest `turn` is first; of one that waits already it stays as it was.
    fn enqueue(&mut self, execution: ExecutionId, priority: Priority, turn: u64);
    /// Takes out an execution that is not wanted any more, or starts by another way.
    fn remove(&mut self, execution: ExecutionId);
    /// Takes out the execution that is to start now, if one may; it holds its place among the
    /// running ones until [`release`](Self::release).
    fn admit(&mut self) -> Option<ExecutionId>;
    /// Gives back the place of an execution that was admitted.
    fn release(&mut self, execution: ExecutionId);
    /// Waiting executions in the order in which they are to start.
    fn order(&self) -> Vec<ExecutionId>;
    /// Executions that hold a place, and how many may.
    fn occupancy(&self) -> (u32, u32);
}

/// Strict priority classes, first come first served inside a class, a fixed number of places.
#[derive(Debug)]
pub struct PriorityQueue {
    limit: u32,
    waiting: BTreeSet<(Reverse<Priority>, u64, ExecutionId)>,
    turns: HashMap<ExecutionId, (Priority, u64)>,
    admitted: BTreeSet<ExecutionId>,
}

impl PriorityQueue {
    /// An empty queue in front of `limit` places, at least one.
    #[must_use]
    pub fn new(limit: u32) -> Self {
        Self {
            limit: limit.max(1),
            waiting: BTreeSet::new(),
            turns: HashMap::new(),
            admitted: BTreeSet::new(),
        }
    }
}

impl Policy for PriorityQueue {
    fn enqueue(&mut self, execution: ExecutionId, priority: Priority, turn: u64) {
        let turn = match self.turns.get(&execution) {
            Some((old, turn)) => {
                self.waiting.remove(&(Reverse(*old), *turn, execution));
                *turn
            }
            None => turn,
        };
        self.turns.insert(execution, (priority, turn));
        self.waiting.insert((Reverse(priority), turn, execution));
    }

    fn remove(&mut self, execution: ExecutionId) {
        if let Some((priority, turn)) = self.turns.remove(&execution) {
            self.waiting.remove(&(Reverse(priority), turn, execution));
        }
    }

    fn admit(&mut self) -> Option<ExecutionId> {
        if self.admitted.len() as u64 >= u64::from(self.limit) {
            return None;
        }
        let (_, _, execution) = self.waiting.pop_first()?;
        self.turns.remove(&execution);
        self.admitted.insert(execution);
        Some(execution)
    }

    fn release(&mut self, execution: ExecutionId) {
        self.admitted.remove(&execution);
    }

    fn order(&self) -> Vec<ExecutionId> {
        self.waiting.iter().map(|(_, _, execution)| *execution).collect()
    }

    fn occupancy(&self) -> (u32, u32) {
        (u32::try_from(self.admitted.len()).unwrap_or(u32::MAX), self.limit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admitted(queue: &mut PriorityQueue) -> Vec<u64> {
        std::iter::from_fn(|| queue.admit()).map(|execution| execution.0).collect()
    }

    #[test]
    fn higher_classes_first_and_first_come_first_served_inside() {
        let mut queue = PriorityQueue::new(10);
        for (id, priority) in [
            (1, Priority::Background),
            (2, Priority::Agent),
            (3, Priority::User),
            (4, Priority::Agent),
            (5, Priority::User),
            (6, Priority::Editor),
        ] {
            queue.enqueue(ExecutionId(id), priority, id);
        }
        assert_eq!(admitted(&mut queue), [3, 5, 6, 2, 4, 1]);
    }

    #[test]
    fn who_asked_first_is_first_even_if_it_entered_later() {
        let mut queue = PriorityQueue::new(9);
        queue.enqueue(ExecutionId(1), Priority::Agent, 20);
        queue.enqueue(ExecutionId(2), Priority::Agent, 10);
        assert_eq!(admitted(&mut queue), [2, 1]);
    }

    #[test]
    fn no_more_run_than_places() {
        let mut queue = PriorityQueue::new(2);
        (1..=3).for_each(|id| queue.enqueue(ExecutionId(id), Priority::Agent, id));
        assert_eq!(admitted(&mut queue), [1, 2]);
        assert_eq!(queue.occupancy(), (2, 2));
        queue.release(ExecutionId(1));
        assert_eq!(admitted(&mut queue), [3]);
    }

    #[test]
    fn a_raised_priority_keeps_the_turn_and_a_removed_one_never_starts() {
        let mut queue = PriorityQueue::new(9);
        (1..=3).for_each(|id| queue.enqueue(ExecutionId(id), Priority::Agent, id));
        queue.enqueue(ExecutionId(3), Priority::User, 0);
        queue.enqueue(ExecutionId(1), Priority::User, 9);
        queue.remove(ExecutionId(2));
        assert_eq!(queue.order(), [ExecutionId(1), ExecutionId(3)]);
        assert_eq!(admitted(&mut queue), [1, 3]);
    }
}
