//! Deletes old logs. Knows nothing of executions but the names of their directories.

use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::error::LogError;

/// The result of a collection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Collected {
    /// Logs that were deleted.
    pub logs: usize,
    /// Bytes of their files.
    pub bytes: u64,
    /// Bytes of the files of all logs that are left.
    pub left_bytes: u64,
    /// Logs that should have been deleted and could not be; they are tried again next time.
    pub failed: usize,
}

struct Found {
    path: PathBuf,
    bytes: u64,
    /// When something was last written to it.
    written: SystemTime,
    kept: bool,
}

/// Deletes logs below `root` that are older than `max_age`, then the oldest until all together
/// have at most `max_total_bytes`. Logs for whose directory name `keep` returns true stay, those
/// being written; their bytes count.
///
/// # Errors
///
/// When `root` can not be read. When it does not exist, there is nothing to delete.
pub(super) fn collect(
    root: &Path,
    max_total_bytes: u64,
    max_age: Duration,
    keep: &dyn Fn(&str) -> bool,
) -> Result<Collected, LogError> {
    let read = || LogError::io("read the logs in", root);
    let entries = match std::fs::read_dir(root) {
        Err(source) if source.kind() == io::ErrorKind::NotFound => return Ok(Collected::default()),
        entries => entries.map_err(read())?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry.map_err(read())?;
        let name = entry.file_name();
        // One that can not be measured is being deleted, or is no log.
        if let (Some(name), Ok((bytes, written))) = (name.to_str(), measure(&entry.path())) {
            found.push(Found { path: entry.path(), bytes, written, kept: keep(name) });
        }
    }
    found.sort_unstable_by_key(|log| log.written);
    let mut collected =
        Collected { left_bytes: found.iter().map(|log| log.bytes).sum(), ..Collected::default() };
    let oldest = SystemTime::now().checked_sub(max_age).unwrap_or(SystemTime::UNIX_EPOCH);
    for log in found.iter().filter(|log| !log.kept) {
        if log.written >= oldest && collected.left_bytes <= max_total_bytes {
            break;
        }
        if std::fs::remove_dir_all(&log.path).is_err() {
            collected.failed += 1;
            continue;
        }
        collected.logs += 1;
        collected.bytes += log.bytes;
        collected.left_bytes -= log.bytes;
    }
    Ok(collected)
}

fn measure(dir: &Path) -> io::Result<(u64, SystemTime)> {
    let mut bytes = 0;
    let mut written = std::fs::metadata(dir)?.modified()?;
    for entry in std::fs::read_dir(dir)? {
        let metadata = entry?.metadata()?;
        bytes += metadata.len();
        written = written.max(metadata.modified()?);
    }
    Ok((bytes, written))
}
