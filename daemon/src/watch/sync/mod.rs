//! Synchronising: what an event leads to. Keeps the index of one workspace equal to what is on disk.
//! Knows nothing of requests.
//!
//! `synchronizer` is the entry. It owns tables that know one thing each (`root`, `watch_table`,
//! `rule_table`, `unwatched`, `event_feed`, `open_writers`). `events` turns what was reported into a
//! `work_list`; `run` does that item by item, by `stat_path` and `list`, whose listings `merge` tells
//! the index.

mod event_feed;
mod events;
mod fast_path;
mod list;
mod merge;
mod mounts;
mod open_writers;
mod root;
mod rule_table;
mod run;
#[cfg(test)]
mod scripted;
mod stat_path;
mod synchronizer;
#[cfg(test)]
mod tests;
mod unwatched;
mod verify;
mod watch_table;
mod work_list;

pub(super) use mounts::MountEvents;
pub(super) use synchronizer::Synchronizer;
pub(super) use verify::{Comparison, Walk, Walked};
pub use verify::{MAX_DIFFERENCES, Verified};
