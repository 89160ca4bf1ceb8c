//! The build daemon: watches what builds read, decides what runs when, runs it, and serves
//! clients.
//!
//! Each module is a room with one duty; `docs/architecture.md` is the map. The pure ones decide
//! ([`model`], [`changes`], [`schedule`], [`engine`]), the others act ([`watch`], [`exec`],
//! [`events`], [`persist`], [`server`], [`lifecycle`]) and do not know each other; [`hands`]
//! joins them to the engine.

pub mod changes;
pub mod engine;
pub mod events;
pub mod exec;
pub mod hands;
pub mod lifecycle;
mod memory;
pub mod model;
pub mod persist;
pub mod schedule;
pub mod server;
pub mod watch;
