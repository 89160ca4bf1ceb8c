//! The build daemon.

pub mod changes;
pub mod engine;
pub mod model;
pub mod schedule;
pub mod watch;
