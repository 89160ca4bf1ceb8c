//! The build daemon.

pub mod changes;
pub mod engine;
pub mod model;
pub mod persist;
pub mod schedule;
pub mod watch;
