//! Who runs next, how long things take, and why others wait. Pure; knows executions by their ids
//! only. The engine sees a [`Scheduler`] and nothing of the policy behind it.

mod estimates;
mod interface;
mod load;
mod priority_scheduler;

pub use interface::{Lease, Request, Scheduler, WaitReasons};
pub use load::MachineLoad;
pub use priority_scheduler::PriorityScheduler;
