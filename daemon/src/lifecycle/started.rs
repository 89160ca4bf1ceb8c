//! What became of what the daemon's starter happened to have, on any system.

use crate::model::Reach;

/// Files of the daemon are for its user alone, whoever started it.
pub(super) const PRIVATE: u32 = 0o077;

/// How the daemon is after its start.
#[derive(Debug, Default)]
pub(super) struct CleanStart {
    /// What of its starter it could not lay down, each as the end of "the daemon was started with".
    pub(super) kept: Vec<String>,
    /// What commands can be given.
    pub(super) reach: Reach,
    /// Limit of open files for commands whose client names none: soft, hard.
    pub(super) open_files: Option<(u64, u64)>,
}
