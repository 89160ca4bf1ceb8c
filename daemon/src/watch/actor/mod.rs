//! One actor a workspace, on threads that all share: it answers what is asked, has contents read when a digest is asked for,
//! reports changes to those who wait for them, and saves the index. Knows nothing of builds.

mod capacity;
mod contents;
mod input_sets;
mod memory;
mod query;
mod registry;
mod request;
mod snapshot;
mod subscribers;
mod summary;
mod task;
mod tree_names;
mod verifying;
mod worker_pool;
mod workspace_actor;

pub use query::{ChangesQuery, Summary, WorkspaceState};
pub use registry::WorkspaceRegistry;
pub use snapshot::{NoSnapshots, Saved, SnapshotStore};
pub use workspace_actor::OnRulesChanged;
