//! Who answers questions about workspaces: a source of changes, the model, or one in another process.

use bd_daemon::index::{Changes, Clock};
use bd_daemon::watch::Summary;
use std::path::{Path, PathBuf};

/// Who answers questions about workspaces, one after the other.
pub trait Answers {
    /// Synchronises, and says what there is.
    ///
    /// # Errors
    ///
    /// Why that is not known.
    fn info(&mut self, root: &Path) -> Result<Summary, String>;

    /// Synchronises, and says what has changed since.
    ///
    /// # Errors
    ///
    /// Why that is not known.
    fn changes(&mut self, root: &Path, since: Option<Clock>) -> Result<Changes, String>;

    /// Forgets a workspace; whether there was one.
    fn forget(&mut self, root: &Path) -> bool;

    /// Where the answers are wrong, if whoever gives them can find out.
    fn differences(&mut self, _root: &Path) -> Vec<PathBuf> {
        Vec::new()
    }
}
