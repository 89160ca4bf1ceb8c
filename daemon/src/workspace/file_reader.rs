//! Reads files outside of a workspace, and knows later whether what was read still stands, and what
//! could not be read. Knows not what is in them.

use super::ignore_files::{FileText, MAX_RULES_BYTES};
use crate::files::{Fault, ForeignFile};
use rustix::fs::{FileType, RawMode};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// What was read, in the order of its reading.
#[derive(Debug, Default)]
pub(super) struct FileReader {
    noted: Vec<Noted>,
    /// What could not be read of what was asked for by [`FileReader::bytes`], as shown to people.
    problems: Vec<String>,
}

/// How something was before it was read.
#[derive(Debug)]
struct Noted {
    path: PathBuf,
    stamp: Option<Stamp>,
    /// It had changed so shortly before that another change may leave no trace in the stamp.
    is_racy: bool,
}

/// How long after a change another one may have the same time: many times the tick of any clock by
/// which a file system goes.
const RACY: Duration = Duration::from_millis(50);

/// The part of a time below a second, as the system has it.
#[cfg(target_os = "linux")]
type Nanoseconds = u64;
#[cfg(not(target_os = "linux"))]
type Nanoseconds = i64;

/// What `stat` says of a file that changes when its content may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    inode: u64,
    mode: RawMode,
    /// Size, modification and change; `None` for a directory, in which something changes all the
    /// time: it only counts that it is there.
    of_file: Option<(i64, [i64; 2], [Nanoseconds; 2])>,
}

impl FileReader {
    /// Reads a file, or notes that it is not there.
    pub(super) fn read(&mut self, path: &Path) -> FileText {
        self.note(path.to_path_buf());
        ForeignFile::at(path).read(MAX_RULES_BYTES as u64).into()
    }

    /// The same, but a symbolic link is not followed.
    pub(super) fn read_no_link(&mut self, path: &Path) -> FileText {
        self.note(path.to_path_buf());
        ForeignFile::at(path).no_link().read(MAX_RULES_BYTES as u64).into()
    }

    /// Reads a file of at most `limit` bytes, if it is there; what else is in its place is a problem.
    pub(super) fn bytes(&mut self, path: &Path, limit: u64) -> Option<Vec<u8>> {
        self.note(path.to_path_buf());
        match ForeignFile::at(path).read(limit) {
            Ok(bytes) => return Some(bytes),
            Err(Fault::Absent | Fault::Directory) => {}
            Err(fault) => self.problems.push(format!("cannot read {}: {fault}", path.display())),
        }
        None
    }

    /// Takes what could not be read.
    pub(super) fn take_problems(&mut self) -> Vec<String> {
        std::mem::take(&mut self.problems)
    }

    /// Notes whether something is there, before it is read: what changes meanwhile has another stamp.
    pub(super) fn note(&mut self, path: PathBuf) {
        if self.noted.last().is_some_and(|last| last.path == path) {
            return;
        }
        let stamp = stamp(&path);
        self.noted.push(Noted { is_racy: stamp.is_some_and(Stamp::is_racy), path, stamp });
    }

    /// Whether a path was noted.
    #[cfg(test)]
    pub(super) fn has_noted(&self, path: &Path) -> bool {
        self.noted.iter().any(|noted| noted.path == path)
    }

    /// Whether something that was read may not be as it was.
    pub(super) fn has_changed(&self) -> bool {
        self.noted.iter().any(|noted| noted.is_racy || stamp(&noted.path) != noted.stamp)
    }
}

impl Stamp {
    fn is_racy(self) -> bool {
        let Some((_, [_, seconds], [_, nanoseconds])) = self.of_file else { return false };
        let (Ok(seconds), Ok(nanoseconds)) = (u64::try_from(seconds), u32::try_from(nanoseconds))
        else {
            return false;
        };
        let changed = SystemTime::UNIX_EPOCH + Duration::new(seconds, nanoseconds);
        // One of the future may change unseen as well.
        changed.elapsed().map_or(true, |age| age < RACY)
    }
}

fn stamp(path: &Path) -> Option<Stamp> {
    let stat = rustix::fs::stat(path).ok()?;
    let times = [stat.st_mtime, stat.st_ctime];
    let parts = [stat.st_mtime_nsec, stat.st_ctime_nsec];
    let is_dir = FileType::from_raw_mode(stat.st_mode).is_dir();
    let of_file = (!is_dir).then_some((stat.st_size, times, parts));
    Some(Stamp { inode: stat.st_ino, mode: stat.st_mode, of_file })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_just_changed_may_change_again_unseen() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("file");
        let read = || {
            let mut files = FileReader::default();
            let text = files.read(&path);
            (files, text)
        };
        let (files, text) = read();
        assert!(text == FileText::Absent && !files.has_changed());
        std::fs::write(&path, "x").expect("a file");
        assert!(files.has_changed());
        let (files, text) = read();
        assert!(text == FileText::Bytes(b"x".to_vec()) && files.has_changed());
        // After a while it is certain what was read.
        while read().0.has_changed() {
            std::thread::sleep(Duration::from_millis(5));
        }
        let (files, _) = read();
        std::fs::write(&path, "y").expect("a file");
        assert!(files.has_changed());
        std::fs::write(&path, vec![b'x'; MAX_RULES_BYTES]).expect("a file");
        assert!(matches!(read().1, FileText::Bytes(_)));
        std::fs::write(&path, vec![b'x'; MAX_RULES_BYTES + 1]).expect("a file");
        assert_eq!(read().1, FileText::TooLarge);
    }
}
