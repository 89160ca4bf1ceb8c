//! What is on disk: where workspaces begin, what is in them, and what changes. Keeps an
//! [`Index`](crate::changes::Index) of each workspace equal to the disk; knows nothing of builds.
//!
//! A [`Desk`] takes questions to one `keeper` a workspace, which has a thread (`seat`). Its
//! `observer` looks where events of a `source` point, `crawl` lists directories (`marks` reads their
//! ignore files), `reading` has contents read by `hash`.

mod answer;
mod brief;
mod choose;
mod crawl;
mod desk;
mod events;
mod git;
mod globs;
mod hash;
#[cfg(target_os = "linux")]
mod inotify;
mod keeper;
mod look;
mod marks;
mod merge;
mod names;
mod notify;
mod observer;
#[cfg(test)]
mod observer_tests;
mod outside;
mod reading;
mod root;
mod rules;
mod seat;
mod shelf;
mod source;
mod summing;
mod telling;
mod toml;
mod unheard;
mod verify;
mod wake;

pub use answer::{ChangesQuery, MOST_DIFFERENCES, SourceKind, SourceWish, Summary, Verified};
pub use desk::Desk;
pub use globs::Globs;
pub use keeper::{State, TellRules};
pub use root::root_of;
pub use shelf::{NoShelf, Saved, Shelf};
pub use toml::OnChange;
