//! Which files git tracks, by its index. Knows the bytes; whether a file is ignored as well, others
//! say.

use super::file_reader::FileReader;
use super::git::Checkout;
use crate::files::ForeignFile;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// Bytes of an index that is read: some million files.
const MAX_BYTES: u64 = 128 << 20;

/// Bytes of an entry before its hash, and of a hash of either kind.
const STAT_BYTES: usize = 40;
const HASH_BYTES: [usize; 2] = [20, 32];

/// What of the mode of an entry says that it is a directory: another checkout, or one of which
/// nothing is checked out.
const IS_DIR: u32 = 0o040_000;

/// Where the index of the checkout that a directory is in lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct GitIndex {
    top: PathBuf,
    git_dir: PathBuf,
}

/// When an index was written: another one has another of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Written([i64; 6]);

impl GitIndex {
    /// The one of the checkout that `dir` is in.
    pub(crate) fn of(dir: &Path) -> Option<Self> {
        let Checkout { top, git_dir, .. } = Checkout::of(dir, &mut FileReader::default())?;
        Some(Self { top, git_dir })
    }

    /// When it was written; `None` where it is not.
    pub(crate) fn written(&self) -> Option<Written> {
        let found = fs::metadata(self.git_dir.join("index")).ok()?;
        let [size, inode] = [found.size(), found.ino()].map(u64::cast_signed);
        Some(Written([
            size,
            inode,
            found.mtime(),
            found.mtime_nsec(),
            found.ctime(),
            found.ctime_nsec(),
        ]))
    }

    /// The top of the checkout.
    pub(crate) fn top(&self) -> &Path {
        &self.top
    }

    /// The files in it, relative to the top; `None` if it is none that we can read.
    pub(crate) fn tracked(&self) -> Option<Vec<Vec<u8>>> {
        let bytes = read(&self.git_dir.join("index"))?;
        let hash_bytes = HASH_BYTES.into_iter().find(|hash| entries(&bytes, *hash).is_some())?;
        let (mut names, rest) = entries(&bytes, hash_bytes)?;
        if let Some(shared) = shared_index(rest, hash_bytes) {
            // What was taken from it stays here: it is not there any more, or is looked at in vain.
            names.extend(entries(&read(&self.git_dir.join(shared))?, hash_bytes)?.0);
        }
        Some(names)
    }
}

fn read(path: &Path) -> Option<Vec<u8>> {
    ForeignFile::at(path).read(MAX_BYTES).ok()
}

/// The names of the entries that are files, and what comes behind all entries.
fn entries(bytes: &[u8], hash_bytes: usize) -> Option<(Vec<Vec<u8>>, &[u8])> {
    let number = |at: &[u8]| Some(u32::from_be_bytes(*at.first_chunk()?));
    let (version, count) = (number(bytes.get(4..)?)?, number(bytes.get(8..)?)?);
    if !bytes.starts_with(b"DIRC") || !(2..=4).contains(&version) {
        return None;
    }
    let mut rest = &bytes[12..];
    let mut names: Vec<Vec<u8>> = Vec::new();
    let mut name: Vec<u8> = Vec::new();
    for _ in 0..count {
        let fixed = STAT_BYTES + hash_bytes + 2;
        let (mode, flags) = (number(rest.get(24..)?)?, rest.get(fixed - 2..fixed)?);
        let flags = u16::from_be_bytes([flags[0], flags[1]]);
        let fixed = fixed + if flags & 0x4000 != 0 && version > 2 { 2 } else { 0 };
        let mut text = rest.get(fixed..)?;
        let before = text.len();
        if version == 4 {
            let kept = name.len().checked_sub(variable_number(&mut text)?)?;
            name.truncate(kept);
        } else {
            name.clear();
        }
        let end = text.iter().position(|byte| *byte == 0)?;
        name.extend_from_slice(&text[..end]);
        let length = usize::from(flags & 0xfff);
        if length < 0xfff && name.len() != length {
            return None;
        }
        let used = fixed + (before - text.len()) + end;
        // The end of a name is filled up with zeros, at least one.
        let used = if version == 4 { used + 1 } else { (used / 8 + 1) * 8 };
        rest = rest.get(used..)?;
        // One without a name replaces one of a shared index, which has it.
        let is_named = !name.is_empty();
        if is_named && mode & IS_DIR == 0 {
            names.push(name.clone());
        }
    }
    Some((names, rest))
}

/// A number as git packs those by which names are shortened.
fn variable_number(text: &mut &[u8]) -> Option<usize> {
    let mut value = 0usize;
    loop {
        let (byte, rest) = text.split_first()?;
        *text = rest;
        value = (value << 7) + usize::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            return Some(value);
        }
        value = value.checked_add(1).filter(|value| *value < 1 << 40)?;
    }
}

/// The name of the index of which this one is the difference, if it is one.
fn shared_index(mut extensions: &[u8], hash_bytes: usize) -> Option<String> {
    while let Some((head, rest)) = extensions.split_first_chunk::<8>() {
        let length = u32::from_be_bytes([head[4], head[5], head[6], head[7]]) as usize;
        let content = rest.get(..length)?;
        if &head[..4] == b"link" {
            let hash: String =
                content.get(..hash_bytes)?.iter().map(|byte| format!("{byte:02x}")).collect();
            return Some(format!("sharedindex.{hash}"));
        }
        extensions = &rest[length..];
    }
    None
}
