//! The output of executions, on disk: written once, read by any number of readers at any time.
//!
//! Knows nothing of processes, builds or connections. The log of one execution is a directory of
//! segments, each a sequence of records as they go over the wire, so that a reader's bytes can be
//! sent as they are:
//!
//! ```text
//! <logs>/<execution>/00000000000000000000.log   records from position 0 on
//!                    00000000000008388512.log   ...
//!                    00000000000031457280.lost.log   the output before it could not be written
//! ```
//!
//! One [`Writer`] appends and does not wait for readers; each [`Reader`] reads the files at its own
//! pace, so one that never reads costs nothing and one that comes late gets everything from the
//! first byte. Positions count the bytes of both streams, so that gaps show. [`OutputStore`] has
//! the logs of all executions.
//!
//! A log that ends is sealed: what it consists of, with digests, which somebody else keeps. Opened by
//! its seal, it gives nothing that was changed on disk, and says what is lost.

mod collect;
mod ended;
mod error;
mod limits;
mod log;
mod open;
mod output_store;
mod output_sync;
mod reader;
mod record;
mod seal;
mod segments;
mod shared;
mod unwritten;
mod writer;

#[cfg(test)]
mod full_disk_tests;
#[cfg(test)]
mod oracle;
#[cfg(test)]
mod tests;

pub use error::LogError;
pub use limits::{LogLimits, Retention};
pub use log::Log;
pub use output_store::{Collection, OutputStore};
pub use output_sync::OutputSync;
pub use reader::{FRAME_BYTES, GapReason, Next, Reader};
pub use record::{HEADER_BYTES, RECORD_BYTES, StreamKind, header};
pub use writer::Writer;
