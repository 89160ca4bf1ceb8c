//! Removes what sled trips over when it was killed while it opened. Knows the names of sled's
//! files, not what is in them.

use std::io;
use std::path::Path;

/// How sled's snapshots of its page table begin; the number of the log follows.
const SNAPSHOT: &str = "snap.";
const SNAPSHOT_DIGITS: usize = 16;

/// Removes half-written snapshots from a store that nobody has open.
///
/// sled writes a snapshot as `snap.N.generating` and renames it. At its next opening it takes
/// every file that begins with `snap.` for a snapshot, the last by name for the newest, and fails
/// for good when that one is cut short. The finished one before it is still there, and the log
/// holds everything that came after, so nothing is lost with an unfinished one.
pub(super) fn remove_unfinished(store: &Path) -> io::Result<()> {
    let entries = match std::fs::read_dir(store) {
        Ok(entries) => entries,
        // There is none yet, or something else is in its place, which opening it reports.
        Err(error)
            if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) =>
        {
            return Ok(());
        }
        Err(error) => return Err(error),
    };
    for entry in entries {
        let entry = entry?;
        if is_unfinished(&entry.file_name().to_string_lossy()) {
            tracing::info!(file = %entry.path().display(), "a half-written snapshot is removed");
            std::fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// Removes sled's snapshots of its page table, which it can do without. Returns whether there was any.
pub(super) fn remove_snapshots(store: &Path) -> io::Result<bool> {
    let mut any = false;
    for entry in std::fs::read_dir(store).into_iter().flatten() {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(SNAPSHOT) {
            std::fs::remove_file(entry.path())?;
            any = true;
        }
    }
    Ok(any)
}

fn is_unfinished(name: &str) -> bool {
    name.strip_prefix(SNAPSHOT).is_some_and(|number| {
        number.len() != SNAPSHOT_DIGITS || !number.bytes().all(|digit| digit.is_ascii_hexdigit())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_snapshot_that_was_not_finished_goes() {
        let dir = tempfile::tempdir().expect("a directory");
        remove_unfinished(&dir.path().join("none")).expect("nothing to do");
        let kept = ["blobs", "conf", "db", "snap.00000000000C91B2"];
        let removed = ["snap.00000000000C91B2.generating", "snap.", "snap.00000000000C91B2~"];
        for name in kept.iter().chain(&removed) {
            std::fs::write(dir.path().join(name), "").expect("a file");
        }
        remove_unfinished(dir.path()).expect("removed");
        let mut left: Vec<_> = std::fs::read_dir(dir.path())
            .expect("a directory")
            .map(|entry| entry.expect("an entry").file_name().into_string().expect("a name"))
            .collect();
        left.sort();
        assert_eq!(left, kept);
    }
}
