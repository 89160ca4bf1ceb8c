//! What the engine knows of scheduling: who asks for what, who may start, and why others wait.

use super::MachineLoad;
use crate::model::{Digest, ExecutionId, LaneKey, Priority, Resources, WaitReason};
use std::collections::HashMap;
use std::fmt::Debug;

/// An execution that wants to start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Which.
    pub execution: ExecutionId,
    /// Who asked for it, as `KIND` or `KIND:ID`.
    pub session: String,
    /// The highest class among those who want it.
    pub priority: Priority,
    /// Among equals the lowest is first: the order of the requests.
    pub turn: u64,
    /// What it needs of the machine, as far as somebody has said.
    pub resources: Resources,
    /// The lane it needs.
    pub lane: Option<LaneKey>,
    /// What durations are learned by: the [shape](crate::model::Command::shape) of its command.
    pub shape: Digest,
}

/// The right to run, until it is given back with [`Scheduler::release`].
#[derive(Debug, PartialEq, Eq)]
#[must_use = "a lease that is lost is never given back"]
pub enum Lease {
    /// Of this execution's own.
    Own(ExecutionId),
    /// Inside that of the execution which asked for it and waits for it.
    Inherited,
}

/// Why executions wait, at one moment.
#[derive(Clone, Debug, Default)]
pub struct WaitReasons(pub(super) HashMap<ExecutionId, WaitReason>);

impl WaitReasons {
    /// Why an execution waits; `None` where it is not the scheduler that lets it wait.
    #[must_use]
    pub fn of(&self, execution: ExecutionId) -> Option<&WaitReason> {
        self.0.get(&execution)
    }
}

/// Decides which waiting execution starts when, and says why others wait. Learns how long things
/// take. Times are on the monotonic clock, in milliseconds.
pub trait Scheduler: Debug + Send {
    /// Adds a waiting execution, or changes the request of one that waits, which keeps its turn.
    fn enqueue(&mut self, request: Request);

    /// Takes out an execution that is not wanted any more, or starts by another way.
    fn remove(&mut self, execution: ExecutionId);

    /// Takes out the executions that are to start now, in their order; each holds its lease.
    fn admit(&mut self, now_ms: u64, load: &MachineLoad) -> Vec<(ExecutionId, Lease)>;

    /// Takes back the lease of an execution that was admitted.
    fn release(&mut self, lease: Lease);

    /// Takes note that an admitted execution has started.
    fn started(&mut self, execution: ExecutionId, now_ms: u64);

    /// Waiting executions in the order in which they are to start.
    fn order(&self) -> Vec<ExecutionId>;

    /// Why those wait who wait for the scheduler.
    fn wait_reasons(&self, now_ms: u64) -> WaitReasons;

    /// When [`admit`](Self::admit) may have another answer though nothing was given back; `None` for
    /// never.
    fn wake_at(&self) -> Option<u64>;

    /// Learns how long a command of this shape took, in milliseconds.
    fn learn(&mut self, shape: Digest, duration_ms: u64);

    /// How long a command of this shape is expected to take, in milliseconds.
    fn estimate(&self, shape: Digest) -> Option<u64>;
}
