//! Watching: keeps an [`Index`](crate::index::Index) of each workspace equal to the disk, and
//! answers what changed since when. Knows nothing of builds.
//!
//! `source` reports events, `scan` lists directories and reads contents, `sync` finds out what an
//! event leads to and tells the index, and `actor` answers requests: one actor a workspace, all
//! on a few threads, behind the [`WorkspaceRegistry`]. `docs/watching-rules.md` has the rules that
//! comments here refer to by number.

mod actor;
mod error;
mod paths;
mod random;
mod scan;
mod source;
mod stat;
mod sync;

pub use actor::{
    ChangesQuery, NoSnapshots, OnRulesChanged, Saved, SnapshotStore, Summary, WorkspaceRegistry,
    WorkspaceState,
};
pub use error::WorkspaceError;
pub use source::{SourceKind, SourcePreference};
pub use sync::{MAX_DIFFERENCES, Verified};
