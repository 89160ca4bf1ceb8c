//! Between the model and the wire: the only place that knows the types of both.

mod build;
mod changes;
mod difference;
mod process_state;
mod store;
mod text;
mod trigger;
mod workspace;

pub(super) use build::{build, join_reason, listed, model_priority};
pub(super) use changes::{changes, verification};
pub(super) use process_state::process_state;
pub(super) use store::store;
pub(super) use text::time;
pub(super) use trigger::{GlobsError, globs, triggered};
pub(super) use workspace::workspace;
