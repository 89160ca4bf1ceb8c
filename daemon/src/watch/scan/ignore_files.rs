//! Reads what a directory says of itself: its ignore files, the root's `bd.toml`, and the mark of a
//! cache. Knows files, not what their rules mean.

use super::readdir::DirName;
use crate::files::{Fault, ForeignFile};
use crate::index::Signature;
use crate::watch::stat::signature;
use crate::workspace::{
    CACHE_TAG, FileText, FileTexts, GIT_FILE, IGNORE_FILES, MAX_RULES_BYTES, WORKSPACE_FILE,
    is_resource_exhausted,
};
use rustix::io::Errno;
use std::io::Read as _;
use std::os::fd::OwnedFd;

/// Signature of the file that marks a directory as a cache. Taken before the file is read, so that
/// whatever happens to it later gives it another one.
///
/// Fails if the system has nothing left to read it with.
pub(super) fn cache_mark(dir: &OwnedFd) -> Result<Option<Signature>, Errno> {
    let (name, begins) = CACHE_TAG;
    let tag = match ForeignFile::in_dir(dir, name).open() {
        Err(Fault::System(error)) if is_resource_exhausted(error) => return Err(error),
        Err(_) => return Ok(None),
        Ok(tag) => tag,
    };
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
        *text = text_in(dir, names, file)?;
    }
    if is_root {
        texts.config = text_in(dir, names, WORKSPACE_FILE)?;
    }
    let is_there = |text: &FileText| *text != FileText::Absent;
    let has_any = is_there(&texts.config) || texts.ignore_files.iter().any(is_there);
    Ok(has_any.then_some(texts))
}

/// What is in a file, if it is among `names`.
fn text_in(dir: &OwnedFd, names: &[DirName], file: &str) -> Result<FileText, Errno> {
    if names.binary_search_by(|(name, _)| (**name).cmp(file.as_bytes())).is_err() {
        return Ok(FileText::Absent);
    }
    let found = ForeignFile::in_dir(dir, file);
    // Git does not follow one: what is elsewhere may be of somebody else.
    let found = if file == GIT_FILE { found.no_link() } else { found };
    match found.read(MAX_RULES_BYTES as u64) {
        Err(Fault::System(error)) if is_resource_exhausted(error) => Err(error),
        read => Ok(read.into()),
    }
}
