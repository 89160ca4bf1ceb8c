//! Reads files outside of a workspace, and knows later whether what was read still stands. Knows not
//! what is in them.

use super::ignore_files::{FileText, MAX_RULES_BYTES};
use rustix::fs::{FileType, Mode, OFlags, RawMode};
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

/// What was read, in the order of its reading.
#[derive(Debug, Default)]
pub(super) struct FileReader {
    stamps: Vec<(PathBuf, Option<Stamp>)>,
}

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
        self.open(path, OFlags::empty())
    }

    /// The same, but a symbolic link is not followed.
    pub(super) fn read_no_link(&mut self, path: &Path) -> FileText {
        self.open(path, OFlags::NOFOLLOW)
    }

    /// Notes whether something is there.
    pub(super) fn note(&mut self, path: PathBuf) {
        let stamp = stamp(&path);
        self.stamps.push((path, stamp));
    }

    /// Whether something that was read is not as it was.
    pub(super) fn has_changed(&self) -> bool {
        self.stamps.iter().any(|(path, before)| stamp(path) != *before)
    }

    /// The stamp is taken first: what changes while it is read has another one.
    fn open(&mut self, path: &Path, link: OFlags) -> FileText {
        self.note(path.to_path_buf());
        // Should a pipe be there, opening it must not wait for a writer.
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | link;
        let Ok(file) = rustix::fs::open(path, flags, Mode::empty()) else {
            return FileText::Absent;
        };
        let file = File::from(file);
        match file.metadata() {
            Ok(found) if found.is_file() => text_of(file).unwrap_or_default(),
            _ => FileText::Absent,
        }
    }
}

/// What is in a file.
pub(crate) fn text_of(file: File) -> std::io::Result<FileText> {
    let mut text = Vec::new();
    file.take(MAX_RULES_BYTES as u64 + 1).read_to_end(&mut text)?;
    Ok(if text.len() > MAX_RULES_BYTES { FileText::TooLarge } else { FileText::Bytes(text) })
}

fn stamp(path: &Path) -> Option<Stamp> {
    let stat = rustix::fs::stat(path).ok()?;
    let times = [stat.st_mtime, stat.st_ctime];
    let parts = [stat.st_mtime_nsec, stat.st_ctime_nsec];
    let is_dir = FileType::from_raw_mode(stat.st_mode).is_dir();
    let of_file = (!is_dir).then_some((stat.st_size, times, parts));
    Some(Stamp { inode: stat.st_ino, mode: stat.st_mode, of_file })
}
