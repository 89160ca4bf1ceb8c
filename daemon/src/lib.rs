//! The build daemon.

pub mod engine;
pub mod model;
pub mod schedule;
