//! What is kept on disk, in sled: builds, executions and attempts, and states of workspaces. Only what can be lost without harm
//! lives only here; a store that is damaged is set aside and a new one begun.

mod frame;
mod journal;
mod record;
mod states;
mod store;

pub use journal::{Journal, JournalStates, Query, Recovered};
pub use states::StoredState;
pub use store::StoreError;
