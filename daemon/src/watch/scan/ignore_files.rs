//! Reads what a directory says of itself: its ignore files, the root's `bd.toml`, and the mark of a
//! cache. Knows files, not what their rules mean.

use super::readdir::DirName;
use crate::index::Signature;
use crate::watch::stat::signature;
use crate::workspace::{CACHE_TAG, FileTexts, IGNORE_FILES, WORKSPACE_FILE, is_resource_exhausted};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use std::fs::File;
use std::io::Read as _;
use std::os::fd::OwnedFd;

/// Bytes of an ignore file that are read; the rest of a larger one does not count.
const MAX_RULES_BYTES: u64 = 1 << 20;

/// Signature of the file that marks a directory as a cache. Taken before the file is read, so that
/// whatever happens to it later gives it another one.
///
/// Fails if the system has nothing left to read it with.
pub(super) fn cache_mark(dir: &OwnedFd) -> Result<Option<Signature>, Errno> {
    let (name, begins) = CACHE_TAG;
    let Some(tag) = open_in(dir, name)? else { return Ok(None) };
    let Ok(stat) = rustix::fs::fstat(&tag) else { return Ok(None) };
    let mut start = Vec::new();
    let read = tag.take(begins.len() as u64).read_to_end(&mut start);
    Ok((read.is_ok() && start == begins).then(|| signature(&stat)))
}

/// Reads the files among `names`, which are sorted, that say what is ignored; `None` where there
/// are none.
///
/// Fails if the system has nothing left to read them with.
pub(super) fn read_rules(
    dir: &OwnedFd,
    names: &[DirName],
    is_root: bool,
) -> Result<Option<FileTexts>, Errno> {
    let mut texts = FileTexts::default();
    for (text, file) in texts.ignore_files.iter_mut().zip(IGNORE_FILES) {
        *text = text_of(dir, names, file)?;
    }
    if is_root {
        texts.config = text_of(dir, names, WORKSPACE_FILE)?;
    }
    let has_any = texts.config.is_some() || texts.ignore_files.iter().any(Option::is_some);
    Ok(has_any.then_some(texts))
}

/// The bytes of a file, if it is among `names` and can be read.
fn text_of(dir: &OwnedFd, names: &[DirName], file: &str) -> Result<Option<Vec<u8>>, Errno> {
    if names.binary_search_by(|(name, _)| (**name).cmp(file.as_bytes())).is_err() {
        return Ok(None);
    }
    let Some(file) = open_in(dir, file)? else { return Ok(None) };
    let mut text = Vec::new();
    let read = file.take(MAX_RULES_BYTES).read_to_end(&mut text);
    Ok(read.is_ok().then_some(text))
}

/// A regular file in a directory, if it is there and can be read.
fn open_in(dir: &OwnedFd, name: &str) -> Result<Option<File>, Errno> {
    // Should a pipe be there, opening it must not wait for a writer.
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
    match rustix::fs::openat(dir, name, flags, Mode::empty()) {
        Ok(file) => {
            let file = File::from(file);
            let is_file = file.metadata().is_ok_and(|found| found.is_file());
            Ok(is_file.then_some(file))
        }
        Err(error) if is_resource_exhausted(error) => Err(error),
        Err(_) => Ok(None),
    }
}
