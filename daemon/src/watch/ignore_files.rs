//! What a directory says of itself: the ignore files in it, the root's `bd.toml`, and the mark of a
//! cache.

use super::crawl::{Listing, join, signature};
use super::readdir::Name;
use super::rules::{self, CACHE_TAG, IGNORE_FILES, WORKSPACE_FILE};
use super::toml;
use crate::index::Signature;
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use std::ffi::OsStr;
use std::fs::File;
use std::io::Read as _;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;

/// Largest ignore file that is read.
const LARGEST_RULES: u64 = 1 << 20;

/// Whether the system can not read anything now, which says nothing of what was to be read.
pub(super) fn is_resource_exhausted(error: Errno) -> bool {
    matches!(error, Errno::MFILE | Errno::NFILE | Errno::NOMEM)
}

/// Signature of the file that marks a directory as a cache. Taken before the file is read, so that
/// whatever happens to it later gives it another one.
pub(super) fn cache_mark(dir: &OwnedFd) -> Result<Option<Signature>, Errno> {
    let (name, begins) = CACHE_TAG;
    let Some(tag) = open_in(dir, name)? else { return Ok(None) };
    let Ok(stat) = rustix::fs::fstat(&tag) else { return Ok(None) };
    let mut start = Vec::new();
    let read = tag.take(begins.len() as u64).read_to_end(&mut start);
    Ok((read.is_ok() && start == begins).then(|| signature(&stat)))
}

/// Reads the files among `names` that say what is ignored.
pub(super) fn take_rules(
    dir: &OwnedFd,
    names: &[Name],
    listing: &mut Listing,
) -> Result<(), Errno> {
    let mut texts = [None, None, None];
    for (text, file) in texts.iter_mut().zip(IGNORE_FILES) {
        *text = text_of(dir, names, file)?;
    }
    let mut problems = Vec::new();
    let mut rules = [None, None, None];
    for ((rules, text), file) in rules.iter_mut().zip(&texts).zip(IGNORE_FILES) {
        let Some(text) = text else { continue };
        let what = PathBuf::from(OsStr::from_bytes(&join(&listing.path, file.as_bytes())));
        let (parsed, wrong) = rules::parse(text, &what.display().to_string());
        *rules = parsed;
        problems.extend(wrong);
    }
    if listing.path.is_empty()
        && let Some(text) = text_of(dir, names, WORKSPACE_FILE)?
    {
        match toml::parse(&text) {
            Ok(workspace) => {
                listing.on_change = workspace.on_change;
                let own = texts[0].as_deref().map(String::from_utf8_lossy).unwrap_or_default();
                let lines = own.lines().chain(workspace.ignore.iter().map(String::as_str));
                let (parsed, wrong) = rules::of_lines(lines, WORKSPACE_FILE);
                rules[0] = parsed;
                problems.extend(wrong);
            }
            Err(wrong) => problems.push(wrong),
        }
    }
    listing.has_rules = rules.iter().any(Option::is_some);
    listing.rules = listing.rules.with(&listing.path, rules);
    listing.problems.extend(problems);
    Ok(())
}

/// The bytes of a file, if it is among `names` and can be read.
fn text_of(dir: &OwnedFd, names: &[Name], file: &str) -> Result<Option<Vec<u8>>, Errno> {
    if names.binary_search_by(|(name, _)| (**name).cmp(file.as_bytes())).is_err() {
        return Ok(None);
    }
    let Some(file) = open_in(dir, file)? else { return Ok(None) };
    let mut text = Vec::new();
    let read = file.take(LARGEST_RULES).read_to_end(&mut text);
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
