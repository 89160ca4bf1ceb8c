//! What is on disk: where workspaces begin, what is in them, and what changes. Keeps an
//! [`Index`](crate::index::Index) of each workspace equal to the disk; knows nothing of builds.
//!
//! A [`WorkspaceRegistry`] takes questions to one `actor` a workspace, which has a thread (`slot`). Its
//! `synchronizer` looks where events of a `source` point, `crawl` lists directories (`marks` reads their
//! ignore files), `reading` has contents read by `hash`.

mod actor;
mod crawl;
mod events;
mod fast_path;
mod git;
mod global_ignores;
mod globs;
mod hash;
mod hashing;
mod ignore_files;
#[cfg(target_os = "linux")]
mod inotify;
mod merge;
mod notify;
mod query;
mod readdir;
mod registry;
mod root;
mod rules;
mod select;
mod snapshot;
mod source;
mod stat_path;
mod subscribers;
mod summary;
mod synchronizer;
#[cfg(test)]
mod synchronizer_tests;
mod thread;
mod toml;
mod unwatched;
mod verify;
mod wake_pipe;

pub use actor::{OnRulesChanged, State};
pub use globs::Globs;
pub use query::{ChangesQuery, MAX_DIFFERENCES, SourceKind, SourcePreference, Summary, Verified};
pub use registry::WorkspaceRegistry;
pub use root::root_of;
pub use snapshot::{NoSnapshots, Saved, SnapshotStore};
pub use toml::OnChange;
