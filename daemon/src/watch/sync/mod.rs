//! Synchronising: what an event leads to. Keeps the index of one workspace equal to what is on disk.
//! Knows nothing of requests.

mod events;
mod fast_path;
mod merge;
mod stat_path;
mod synchronizer;
#[cfg(test)]
mod tests;
mod unwatched;
mod verify;

pub(super) use synchronizer::Synchronizer;
pub(super) use verify::verify;
pub use verify::{MAX_DIFFERENCES, Verified};
