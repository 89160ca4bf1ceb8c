//! The output of executions, on disk: written once, read by anybody at any time.
//!
//! Knows nothing of processes, builds or connections. The log of one execution is a directory of
//! segments, each a sequence of records as they go over the wire, so that a reader's bytes can be
//! sent as they are:
//!
//! ```text
//! <logs>/<execution>/00000000000000000000.log   records from position 0 on
//!                    00000000000008388512.log   ...
//!                    00000000000031457280.lost.log   what came just before could not be written
//! ```
//!
//! One [`Writer`] appends and never waits for readers; each [`Reader`] reads the files at its own
//! pace, so one that never reads costs nothing and one that comes late has everything from the
//! first byte. Positions count the bytes of both streams, so what was left out shows.

mod collect;
mod log;
mod open;
mod output_store;
mod reader;
mod record;
mod segments;
mod writer;

#[cfg(test)]
mod tests;

pub use collect::{Collected, collect};
pub use log::{Log, LogError, LogLimits};
pub use output_store::{OutputStore, Retention};
pub use reader::{FRAME_BYTES, GapReason, Next, Reader};
pub use record::{HEADER_BYTES, RECORD_BYTES, StreamKind, header};
pub use writer::Writer;
