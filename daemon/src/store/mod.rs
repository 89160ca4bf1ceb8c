//! What is kept on disk, in sled: builds, executions and attempts, and snapshots of workspaces.
//! Knows nothing of who writes it and why.
//!
//! Only what can be lost without harm is kept nowhere else: a store that is damaged is set aside
//! and a new one begun. One thread owns the database; the others have handles, which put
//! requests into its queue. What must survive a kill before it is answered is appended to files beside
//! it, on the thread of whoever answers.

mod builds_list;
mod database;
mod difference;
mod error;
mod frame;
mod handle;
mod health;
mod history_reader;
mod history_scope;
mod journal;
mod leftovers;
mod lost;
mod output_record;
mod query;
mod record;
mod recovery;
mod request;
mod snapshots;
mod snapshots_handle;
mod state_records;
mod store_sync;
mod unwritten;
mod worker;

#[cfg(test)]
mod tests;

pub use error::StoreWarning;
pub use handle::StoreHandle;
pub use health::StoreHealth;
pub use history_reader::HistoryReader;
pub use history_scope::HistoryScope;
pub use query::HistoryError;
pub use recovery::Recovered;
pub use snapshots::StoredSnapshot;
pub use snapshots_handle::SnapshotsHandle;
pub use store_sync::StoreSync;
