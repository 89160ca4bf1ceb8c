//! Today's policy: strict priority classes, first come first served inside a class, a fixed number
//! of slots. Knows nothing of the machine.

use super::MachineLoad;
use super::estimates::{Estimates, start_times};
use super::interface::{Lease, Request, Scheduler, WaitReasons};
use crate::model::{Digest, ExecutionId, Priority, WaitReason};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// Strict priority classes, first come first served inside a class, a fixed number of slots.
#[derive(Debug)]
pub struct PriorityScheduler {
    slots: u32,
    order: BTreeSet<(Reverse<Priority>, u64, ExecutionId)>,
    waiting: HashMap<ExecutionId, Request>,
    /// In the order of their ids, so that equal inputs have equal answers.
    admitted: BTreeMap<ExecutionId, Admitted>,
    estimates: Estimates,
}

#[derive(Clone, Copy, Debug)]
struct Admitted {
    shape: Digest,
    started_ms: Option<u64>,
}

impl PriorityScheduler {
    /// A scheduler with this many slots, at least one.
    #[must_use]
    pub fn new(slots: u32) -> Self {
        Self {
            slots: slots.max(1),
            order: BTreeSet::new(),
            waiting: HashMap::new(),
            admitted: BTreeMap::new(),
            estimates: Estimates::default(),
        }
    }

    fn take_out(&mut self, execution: ExecutionId) -> Option<Request> {
        let request = self.waiting.remove(&execution)?;
        self.order.remove(&place_of(&request));
        Some(request)
    }

    /// Time until each waiting execution starts, in their order.
    fn starts(&self, now_ms: u64) -> Vec<Option<u64>> {
        let remaining: Vec<_> = self
            .admitted
            .values()
            .map(|admitted| {
                let spent = admitted.started_ms.map_or(0, |at| now_ms.saturating_sub(at));
                Some(self.estimates.of(admitted.shape)?.saturating_sub(spent))
            })
            .collect();
        let shape = |id: &ExecutionId| self.waiting[id].shape;
        let order = self.order.iter();
        let durations: Vec<_> = order.map(|(_, _, id)| self.estimates.of(shape(id))).collect();
        start_times(&remaining, &durations)
    }
}

fn place_of(request: &Request) -> (Reverse<Priority>, u64, ExecutionId) {
    (Reverse(request.priority), request.turn, request.execution)
}

impl Scheduler for PriorityScheduler {
    fn enqueue(&mut self, request: Request) {
        let old = self.take_out(request.execution);
        let turn = old.map_or(request.turn, |old| old.turn);
        let request = Request { turn, ..request };
        self.order.insert(place_of(&request));
        self.waiting.insert(request.execution, request);
    }

    fn remove(&mut self, execution: ExecutionId) {
        self.take_out(execution);
    }

    fn admit(&mut self, _now_ms: u64, _load: &MachineLoad) -> Vec<(ExecutionId, Lease)> {
        let mut admitted = Vec::new();
        while self.admitted.len() < self.slots as usize
            && let Some((_, _, execution)) = self.order.pop_first()
        {
            let request = self.waiting.remove(&execution).expect("BUG: in order but not waiting");
            let shape = request.shape;
            self.admitted.insert(execution, Admitted { shape, started_ms: None });
            admitted.push((execution, Lease::Own(execution)));
        }
        admitted
    }

    fn release(&mut self, lease: Lease) {
        if let Lease::Own(execution) = lease {
            self.admitted.remove(&execution);
        }
    }

    fn started(&mut self, execution: ExecutionId, now_ms: u64) {
        if let Some(admitted) = self.admitted.get_mut(&execution) {
            admitted.started_ms = Some(now_ms);
        }
    }

    fn order(&self) -> Vec<ExecutionId> {
        self.order.iter().map(|(_, _, execution)| *execution).collect()
    }

    fn wait_reasons(&self, now_ms: u64) -> WaitReasons {
        if self.order.is_empty() {
            return WaitReasons::default();
        }
        let running = u32::try_from(self.admitted.len()).unwrap_or(u32::MAX);
        let starts = self.starts(now_ms).into_iter();
        let reasons = self.order.iter().zip(1..).zip(starts);
        WaitReasons(
            reasons
                .map(|(((_, _, execution), position), estimate_ms)| {
                    let limit = self.slots;
                    // The engine knows their commands.
                    let taken_by = Arc::default();
                    let reason =
                        WaitReason::Workers { position, running, limit, estimate_ms, taken_by };
                    (*execution, reason)
                })
                .collect(),
        )
    }

    fn wake_at(&self) -> Option<u64> {
        None
    }

    fn learn(&mut self, shape: Digest, duration_ms: u64) {
        self.estimates.learn(shape, duration_ms);
    }

    fn estimate(&self, shape: Digest) -> Option<u64> {
        self.estimates.of(shape)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Resources;

    fn request(id: u64, priority: Priority, turn: u64) -> Request {
        Request {
            execution: ExecutionId(id),
            session: "agent:a".into(),
            priority,
            turn,
            resources: Resources::default(),
            lane: None,
            shape: Digest([id as u8; 32]),
        }
    }

    fn admitted(scheduler: &mut PriorityScheduler) -> Vec<u64> {
        let admitted = scheduler.admit(0, &MachineLoad::default());
        admitted.into_iter().map(|(execution, _)| execution.0).collect()
    }

    fn position(scheduler: &PriorityScheduler, id: u64, now_ms: u64) -> (u32, u32, Option<u64>) {
        match scheduler.wait_reasons(now_ms).of(ExecutionId(id)) {
            Some(WaitReason::Workers { position, running, estimate_ms, .. }) => {
                (*position, *running, *estimate_ms)
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn higher_classes_first_and_first_come_first_served_inside() {
        let mut scheduler = PriorityScheduler::new(10);
        for (id, priority) in [
            (1, Priority::Background),
            (2, Priority::Agent),
            (3, Priority::User),
            (4, Priority::Agent),
            (5, Priority::User),
            (6, Priority::Editor),
        ] {
            scheduler.enqueue(request(id, priority, id));
        }
        assert_eq!(admitted(&mut scheduler), [3, 5, 6, 2, 4, 1]);
    }

    #[test]
    fn who_asked_first_is_first_even_if_it_entered_later() {
        let mut scheduler = PriorityScheduler::new(9);
        scheduler.enqueue(request(1, Priority::Agent, 20));
        scheduler.enqueue(request(2, Priority::Agent, 10));
        assert_eq!(admitted(&mut scheduler), [2, 1]);
    }

    #[test]
    fn no_more_run_than_there_are_slots() {
        let mut scheduler = PriorityScheduler::new(2);
        (1..=4).for_each(|id| scheduler.enqueue(request(id, Priority::Agent, id)));
        assert_eq!(admitted(&mut scheduler), [1, 2]);
        assert_eq!(position(&scheduler, 3, 0), (1, 2, None));
        assert_eq!(position(&scheduler, 4, 0), (2, 2, None));
        assert!(admitted(&mut scheduler).is_empty());
        scheduler.release(Lease::Inherited);
        assert!(admitted(&mut scheduler).is_empty(), "an inherited lease frees no slot");
        scheduler.release(Lease::Own(ExecutionId(1)));
        assert_eq!(admitted(&mut scheduler), [3]);
        assert!(scheduler.wait_reasons(0).of(ExecutionId(3)).is_none(), "it waits no more");
    }

    #[test]
    fn a_raised_priority_keeps_the_turn_and_a_removed_one_never_starts() {
        let mut scheduler = PriorityScheduler::new(9);
        (1..=3).for_each(|id| scheduler.enqueue(request(id, Priority::Agent, id)));
        scheduler.enqueue(request(3, Priority::User, 0));
        scheduler.enqueue(request(1, Priority::User, 9));
        scheduler.remove(ExecutionId(2));
        assert_eq!(scheduler.order(), [ExecutionId(1), ExecutionId(3)]);
        assert_eq!(admitted(&mut scheduler), [1, 3]);
    }

    #[test]
    fn an_estimate_counts_what_has_run_already() {
        let mut scheduler = PriorityScheduler::new(1);
        scheduler.learn(Digest([1; 32]), 1000);
        scheduler.learn(Digest([2; 32]), 50);
        (1..=3).for_each(|id| scheduler.enqueue(request(id, Priority::Agent, id)));
        assert_eq!(admitted(&mut scheduler), [1]);
        assert_eq!(position(&scheduler, 2, 500), (1, 1, Some(1000)), "it has not started yet");
        scheduler.started(ExecutionId(1), 500);
        assert_eq!(position(&scheduler, 2, 800), (1, 1, Some(700)));
        assert_eq!(position(&scheduler, 3, 800), (2, 1, Some(750)));
        assert_eq!(position(&scheduler, 2, 9000), (1, 1, Some(0)), "it is late");
    }
}
