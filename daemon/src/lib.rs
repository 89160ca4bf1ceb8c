//! The build daemon: watches what builds read, decides what runs when, runs it, and serves
//! clients.
//!
//! Each module is a room with one duty; `ARCHITECTURE.md` is the map. The pure ones decide
//! ([`model`], [`index`], [`scheduler`], [`drivers`], [`engine`]), the others act ([`watch`],
//! [`process`], [`output`], [`store`], [`server`], [`lifecycle`]) and do not know each other; `files`
//! reads for them what is not the daemon's own, and [`runtime`] joins them to the engine.

pub mod drivers;
pub mod engine;
mod files;
pub mod index;
pub mod lifecycle;
pub mod model;
pub mod output;
pub mod process;
pub mod runtime;
pub mod scheduler;
pub mod server;
pub mod store;
pub mod watch;
pub mod workspace;
