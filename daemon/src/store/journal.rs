//! A file beside the database that a build's record is appended to before anybody is told of it: the
//! database takes milliseconds until what it was given survives a kill, one `write` does at once.
//!
//! Records are framed with their length and a checksum. A file that has become large is followed by
//! another, and is retired when the database has flushed everything in it; what is not retired when a
//! daemon starts is written to the database anew. Retired files are kept, the newest of them, for the
//! day on which the database turns out to have lost something: after a power cut it may not open at
//! all. Whether a file survives a power cut is decided elsewhere: nothing here waits for the disk.

use super::frame::{decode, encode};
use super::record::{BuildRecord, Raw};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// Size after which another file is begun: some hundred records.
const MOST_BYTES: u64 = 256 << 10;

/// Bytes of retired files that are kept: some fifty thousand builds.
const MOST_RETIRED_BYTES: u64 = 64 << 20;

/// How the names of files end that the database may not have, and of those that are retired.
const SUFFIX: &str = ".journal";
const RETIRED: &str = ".retired";

/// A record has some hundred bytes. A command has eight megabytes at most, and four times that
/// where it is no text.
const MOST_RECORD_BYTES: usize = 64 << 20;

const LENGTH_BYTES: usize = 4;

/// The number of the first file where it is not known which there are.
const UNKNOWN_NUMBER: u64 = 1 << 32;

/// What is remembered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Entry {
    /// A build, as it is from now on.
    Build(Box<BuildRecord>),
    /// Whether a workspace may run commands on change, from now on, and the digest of which. Absent
    /// in what an earlier version wrote.
    Trust {
        root: Raw,
        trusted: bool,
        #[serde(default)]
        rules: Option<[u8; 32]>,
    },
}

/// Appends to the newest file.
#[derive(Debug)]
pub(super) struct Journal {
    dir: PathBuf,
    number: u64,
    /// Absent before the first entry, and after a failure.
    file: Option<File>,
    bytes: u64,
}

impl Journal {
    /// A journal that begins behind the files that are there.
    pub(super) fn behind(dir: &Path) -> Self {
        let last = |suffix| files(dir, suffix).map(|files| files.last().map_or(0, |(at, _)| *at));
        let number = match (last(SUFFIX), last(RETIRED)) {
            (Ok(one), Ok(other)) => one.max(other) + 1,
            // Behind whatever is there: there are not so many.
            _ => UNKNOWN_NUMBER,
        };
        Self { dir: dir.to_path_buf(), number, file: None, bytes: 0 }
    }

    /// Appends an entry; when this returns, it survives a kill. Returns the number of a file that
    /// nothing more is written to.
    ///
    /// # Errors
    ///
    /// When it cannot be written. The entry is then as safe as the database makes it.
    pub(super) fn append(&mut self, entry: &Entry) -> io::Result<Option<u64>> {
        let record = encode(entry);
        let length = u32::try_from(record.len()).map_err(io::Error::other)?;
        let frame = [&length.to_be_bytes()[..], &record].concat();
        let full = (self.bytes >= MOST_BYTES).then(|| self.next());
        if self.file.is_none() {
            std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.dir)?;
            let path = path(&self.dir, self.number);
            self.file = Some(OpenOptions::new().create(true).append(true).mode(0o600).open(path)?);
        }
        let file = self.file.as_mut().expect("BUG: it was opened");
        // What was begun and not finished ends a file for its reader.
        let written = file.write_all(&frame);
        self.bytes += frame.len() as u64;
        match written {
            Ok(()) => Ok(full),
            Err(error) => {
                let _ = self.next();
                Err(error)
            }
        }
    }

    /// Begins another file; returns the number of the one before.
    fn next(&mut self) -> u64 {
        self.number += 1;
        (self.file, self.bytes) = (None, 0);
        self.number - 1
    }

    /// The number of the file that is written to.
    pub(super) fn number(&self) -> u64 {
        self.number
    }
}

/// The entries in the files before number `before`, oldest first, and how many others are damaged.
///
/// # Errors
///
/// When a file cannot be read: what is in it may be the only record of what somebody was told.
pub(super) fn entries(dir: &Path, before: u64) -> io::Result<(Vec<Entry>, usize)> {
    let (mut entries, mut damaged) = (Vec::new(), 0);
    for (_, path) in files(dir, SUFFIX)?.into_iter().filter(|(number, _)| *number < before) {
        damaged += read(&std::fs::read(&path)?, &mut entries);
    }
    Ok((entries, damaged))
}

/// Retires the files before number `before`: the database has what is in them.
pub(super) fn retire(dir: &Path, before: u64) {
    let those = files(dir, SUFFIX).unwrap_or_default().into_iter().filter(|(at, _)| *at < before);
    for (_, path) in those {
        // One that stays is written to the database once more.
        let _ = std::fs::rename(&path, path.with_extension(&RETIRED[1..]));
    }
    let mut kept = 0;
    for (_, path) in files(dir, RETIRED).unwrap_or_default().into_iter().rev() {
        kept += std::fs::metadata(&path).map_or(0, |found| found.len());
        if kept > MOST_RETIRED_BYTES {
            let _ = std::fs::remove_file(path);
        }
    }
}

/// The newest version of each build in retired files. Those that cannot be read are left out.
pub(super) fn retired_builds(dir: &Path) -> HashMap<u64, BuildRecord> {
    let (mut entries, mut builds) = (Vec::new(), HashMap::<u64, BuildRecord>::new());
    for (_, path) in files(dir, RETIRED).unwrap_or_default() {
        read(&std::fs::read(path).unwrap_or_default(), &mut entries);
        for entry in entries.drain(..) {
            if let Entry::Build(record) = entry {
                builds.insert(record.id, *record);
            }
        }
    }
    builds
}

/// The paths of all files that are not retired.
pub(super) fn paths(dir: &Path) -> Vec<PathBuf> {
    files(dir, SUFFIX).unwrap_or_default().into_iter().map(|(_, path)| path).collect()
}

/// Reads entries. Returns how many are damaged: what is behind the last whole one is not, since a kill
/// cuts it short.
fn read(mut bytes: &[u8], entries: &mut Vec<Entry>) -> usize {
    let (mut damaged, mut is_whole) = (0, true);
    while !bytes.is_empty() {
        match first(bytes) {
            Some((entry, rest)) => {
                damaged += usize::from(!is_whole);
                is_whole = true;
                entries.push(entry);
                bytes = rest;
            }
            // The next one may begin at any byte.
            None => (is_whole, bytes) = (false, &bytes[1..]),
        }
    }
    damaged
}

fn first(bytes: &[u8]) -> Option<(Entry, &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<LENGTH_BYTES>()?;
    let length = u32::from_be_bytes(*length) as usize;
    let (record, rest) = rest.split_at_checked(length).filter(|_| length <= MOST_RECORD_BYTES)?;
    Some((decode(record).ok()?, rest))
}

/// The files with names that end so, by number, oldest first. Without a directory there are none.
fn files(dir: &Path, suffix: &str) -> io::Result<Vec<(u64, PathBuf)>> {
    let listed = match std::fs::read_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        listed => listed?,
    };
    let mut files = Vec::new();
    for entry in listed {
        let entry = entry?;
        let name = entry.file_name();
        let number = name.to_str().and_then(|name| name.strip_suffix(suffix)?.parse().ok());
        files.extend(number.map(|number| (number, entry.path())));
    }
    files.sort();
    Ok(files)
}

fn path(dir: &Path, number: u64) -> PathBuf {
    dir.join(format!("{number:010}{SUFFIX}"))
}

#[cfg(test)]
mod tests {
    use super::super::record::tests::ended;
    use super::*;

    fn build(id: u64) -> Entry {
        Entry::Build(Box::new(BuildRecord::of(&ended(id))))
    }

    fn found(dir: &Path, before: u64) -> Vec<Entry> {
        entries(dir, before).expect("it can be read").0
    }

    #[test]
    fn what_is_behind_a_damaged_record_is_read_and_the_damage_is_counted() {
        let mut whole = Vec::new();
        let all: Vec<_> = (1..=3).map(build).collect();
        let mut starts = vec![0];
        for entry in &all {
            let record = encode(entry);
            let length = u32::try_from(record.len()).expect("small");
            whole.extend([&length.to_be_bytes()[..], &record].concat());
            starts.push(whole.len());
        }
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x41;
            let which = starts.partition_point(|start| *start <= at) - 1;
            let (mut entries, mut left) = (Vec::new(), all.clone());
            let damaged = read(&bytes, &mut entries);
            left.remove(which);
            assert_eq!(entries, left, "byte {at}");
            assert_eq!(damaged, usize::from(which < 2), "byte {at}: the last may be cut short");
        }
    }

    #[test]
    fn what_was_appended_is_read_however_the_last_record_was_cut() {
        let dir = tempfile::tempdir().expect("a directory");
        let dir = dir.path().join("journal");
        let mut journal = Journal::behind(&dir);
        let root = Raw::from_path(Path::new("/ws"));
        let trust = Entry::Trust { root, trusted: true, rules: Some([7; 32]) };
        for entry in [&build(1), &trust, &build(2)] {
            assert_eq!(journal.append(entry).expect("appended"), None);
        }
        assert_eq!(found(&dir, 1), [], "of a daemon before, there are none");
        let all = [build(1), trust, build(2)];
        assert_eq!(found(&dir, 2), all);
        let file = path(&dir, 1);
        let whole = std::fs::read(&file).expect("its bytes");
        let last = LENGTH_BYTES + encode(&all[2]).len();
        for cut in 1..=last {
            std::fs::write(&file, &whole[..whole.len() - cut]).expect("cut");
            assert_eq!(found(&dir, 2), all[..2], "cut by {cut}");
        }
        let mut damaged = whole.clone();
        *damaged.last_mut().expect("bytes") ^= 1;
        std::fs::write(&file, damaged).expect("damaged");
        assert_eq!(found(&dir, 2), all[..2]);
        // The next daemon writes behind it, and retires it.
        let mut next = Journal::behind(&dir);
        let _ = next.append(&build(3)).expect("appended");
        assert_eq!(found(&dir, u64::MAX), [&all[..2], &[build(3)]].concat());
        retire(&dir, next.number());
        assert_eq!(found(&dir, u64::MAX), [build(3)]);
        assert!(retired_builds(&dir).contains_key(&1));
        retire(&dir, u64::MAX);
        assert_eq!(Journal::behind(&dir).number(), next.number() + 1, "no number comes again");
        let retired = retired_builds(&dir);
        assert_eq!((retired.len(), &retired[&3]), (2, &BuildRecord::of(&ended(3))));
    }

    #[test]
    fn what_an_earlier_version_wrote_of_consent_is_to_no_rules() {
        let before = br#"{"trust":{"root":"/ws","trusted":true}}"#;
        let entry: Entry = serde_json::from_slice(before).expect("an entry");
        let root = Raw::from_path(Path::new("/ws"));
        assert_eq!(entry, Entry::Trust { root, trusted: true, rules: None });
    }

    #[test]
    fn a_large_file_is_followed_by_another() {
        let dir = tempfile::tempdir().expect("a directory");
        let mut journal = Journal::behind(dir.path());
        let mut full = Vec::new();
        for id in 0..4_000 {
            full.extend(journal.append(&build(id)).expect("appended"));
        }
        assert!(full.starts_with(&[1, 2]) && full.is_sorted(), "{full:?}");
        assert_eq!(journal.number(), full.len() as u64 + 1);
        assert_eq!(found(dir.path(), u64::MAX).len(), 4_000);
    }
}
