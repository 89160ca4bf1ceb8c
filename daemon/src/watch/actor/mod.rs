//! One actor a workspace: it answers what is asked, reads contents when a digest is asked for, tells
//! those who wait of changes, and saves the index. Knows nothing of builds.

mod contents;
mod memory;
mod query;
mod registry;
mod snapshot;
mod subscribers;
mod summary;
mod thread;
mod workspace_actor;

pub use query::{ChangesQuery, Summary};
pub use registry::WorkspaceRegistry;
pub use snapshot::{NoSnapshots, Saved, SnapshotStore};
pub use workspace_actor::{OnRulesChanged, State};
