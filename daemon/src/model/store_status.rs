//! Whether what happens is saved.

/// What the store is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StoreState {
    /// It saves everything.
    #[default]
    Ok,
    /// It cannot write, or is not open. Builds are kept in memory and written when it can.
    Degraded,
    /// It saves everything, and what was there before this daemon was damaged: set aside, or lost in
    /// part.
    SetAside,
}

/// The store as it is now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoreStatus {
    /// What it is doing.
    pub state: StoreState,
    /// Since when, in milliseconds since 1970, where that is not [`StoreState::Ok`].
    pub since_ms: Option<u64>,
    /// Why, in a sentence.
    pub message: Option<String>,
    /// Builds whose records are in memory only, or were lost there for want of room.
    pub unsaved_builds: u64,
}
