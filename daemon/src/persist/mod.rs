//! History on disk: builds, executions and attempts in sled. Only what can be lost without harm
//! lives only here; a store that is damaged is set aside and a new one begun.

mod frame;
mod journal;
mod record;
mod store;

pub use journal::{Journal, Query, Recovered};
pub use store::StoreError;
