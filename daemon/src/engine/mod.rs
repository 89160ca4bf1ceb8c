//! The engine: a pure core that decides. It takes an [`Input`] and returns the [`Effect`]s that are
//! to be carried out; it never waits, never reads a clock and never touches a file.

mod admission;
mod apart;
#[cfg(test)]
mod apart_tests;
mod attempts;
mod build;
mod cancellation;
mod coalescing;
mod consents;
mod effect;
mod execution;
mod input;
mod nesting;
mod nodes;
mod on_change;
#[cfg(test)]
mod on_change_tests;
#[cfg(test)]
mod plan_tests;
mod state_machine;
#[cfg(test)]
mod tests;
mod trigger;
mod trigger_state;
#[cfg(test)]
mod trigger_tests;
mod view;

pub use effect::{Effect, TriggerEvent};
pub use input::{
    ChangedFile, Input, InputVersion, Moved, NoVersion, NodeRef, Now, Refusal, Submission, Target,
    TriggerRequest, WorkspaceRules,
};
pub use state_machine::{Core, Limits};
pub use trigger::no_option;
