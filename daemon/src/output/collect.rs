//! Finds the logs that an earlier daemon left. Knows nothing of executions but the names of their
//! directories.

use std::io;
use std::path::Path;
use std::time::SystemTime;

use super::ended::EndedLog;
use super::error::LogError;
use crate::model::ExecutionId;

/// The ended logs below `root`. Directories with nothing in them are removed: there is no log of an
/// execution that printed nothing. Those for which `is_live` returns true are somebody else's.
///
/// # Errors
///
/// When `root` can not be read. When it does not exist, there are no logs.
pub(super) fn scan(
    root: &Path,
    is_live: &dyn Fn(ExecutionId) -> bool,
) -> Result<Vec<EndedLog>, LogError> {
    let read = || LogError::io("read the logs in", root);
    let entries = match std::fs::read_dir(root) {
        Err(source) if source.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(read())?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry.map_err(read())?;
        let Some(execution) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        let path = entry.path();
        // Only an empty directory can be removed so.
        if is_live(execution) || std::fs::remove_dir(&path).is_ok() {
            continue;
        }
        // One that can not be measured is being removed, or is no log.
        if let Ok((bytes, written)) = measure(&path) {
            found.push(EndedLog { execution, bytes, written });
        }
    }
    Ok(found)
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
