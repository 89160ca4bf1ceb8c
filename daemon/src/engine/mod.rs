//! The engine: a pure core that decides, and the loop that feeds it and carries out what it
//! decided.

mod build;
mod cancellation;
mod coalescing;
mod execution;
pub mod input;
mod nesting;
pub mod state_machine;
#[cfg(test)]
mod tests;
mod trigger;
#[cfg(test)]
mod trigger_tests;
mod view;

pub use input::{Effect, Input, Join, Moved, Now, Refusal, Submission, Target, TriggerEvent};
pub use state_machine::{Core, Limits};
