//! Sources of change events: inotify, the `notify` crate, and none at all (polling); which of them
//! a workspace gets, and what they share. Knows directories and names, not what they mean to a
//! workspace.

mod change_source;
#[cfg(target_os = "linux")]
mod event_router;
mod filesystem;
#[cfg(target_os = "linux")]
mod inotify;
#[cfg(target_os = "linux")]
mod inotify_event;
mod kind;
mod limits;
mod notify;
mod poll;
mod sources;
mod waker;

pub(super) use change_source::{ChangeSource, FsEvent, NameChange, WatchId};
pub(super) use filesystem::undeliverable_reason;
pub use kind::{SourceKind, SourcePreference};
pub(super) use limits::limit_hint;
pub(super) use poll::PollSource;
pub(super) use sources::Sources;
pub(super) use waker::Waker;
