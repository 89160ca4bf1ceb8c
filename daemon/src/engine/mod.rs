//! The engine: a pure core that decides, and the loop that feeds it and carries out what it
//! decided.

mod build;
pub mod core;
mod execution;
mod giving_up;
pub mod input;
mod nesting;
pub mod run;
mod sharing;
#[cfg(test)]
mod tests;
mod trigger;
#[cfg(test)]
mod trigger_tests;
mod view;

pub use self::core::{Core, Limits};
pub use input::{Effect, Input, Join, Moved, Now, Refusal, Submission, Target, TriggerNews};
