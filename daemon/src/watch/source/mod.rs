//! Sources of change events: inotify, the `notify` crate, and none at all (polling); which of them
//! a workspace gets, and the pipe that wakes a thread out of its wait for events. Knows directories
//! and names, not what they mean to a workspace.

mod change_source;
mod filesystem;
#[cfg(target_os = "linux")]
mod inotify;
mod kind;
mod limits;
mod notify;
mod poll;
mod select;
mod wake_pipe;

pub(super) use change_source::{ChangeSource, FsEvent, NameChange, WatchId};
pub(super) use filesystem::undeliverable_reason;
pub use kind::{SourceKind, SourcePreference};
pub(super) use limits::limit_hint;
pub(super) use poll::PollSource;
pub(super) use select::select_source;
pub(super) use wake_pipe::{WakeReceiver, Waker, wake_pipe};
