//! What is kept on disk, in sled: builds, executions and attempts, and states of workspaces. Only what can be lost without harm
//! lives only here; a store that is damaged is set aside and a new one begun.

mod database;
mod frame;
mod history_reader;
mod record;
mod snapshots;
mod worker;

pub use database::StoreError;
pub use history_reader::{HistoryError, HistoryReader};
pub use snapshots::StoredSnapshot;
pub use worker::{Query, Recovered, SnapshotsHandle, StoreHandle};
