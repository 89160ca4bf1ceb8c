//! How long the daemon may take for requests that need more than a moment.

use std::time::Duration;

/// For requests that may have to digest a whole tree, read a long history or wait for processes
/// to end.
pub(super) const SLOW: Duration = Duration::from_secs(60);

/// For requests that may have to read every file of a workspace that is not yet known: a million
/// files take minutes on a cold disk.
pub(super) const READ_ALL: Duration = Duration::from_secs(600);
