//! Who runs next, and how long things take. Pure; knows executions by their ids only.

mod estimates;
mod queue;

pub use estimates::{Estimates, start_times};
pub use queue::{Policy, PriorityQueue};
