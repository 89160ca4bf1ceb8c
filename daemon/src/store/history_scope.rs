//! Which part of the history is asked for. Has no behaviour.

use std::path::PathBuf;

/// Where builds ran.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HistoryScope {
    /// Anywhere.
    All,
    /// In this directory or below it.
    Under(PathBuf),
    /// In the workspace with this root.
    Workspace(PathBuf),
}
