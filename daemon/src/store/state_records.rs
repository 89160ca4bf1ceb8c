//! What is recorded of workspaces between two savings, in files beside the database: one `write` a
//! record, on the thread of whoever records it. Knows nothing of what is in them.
//!
//! A workspace has a directory, named by the digest of its root's path, with numbered files. When a
//! snapshot is saved another file is begun, and those before are removed once it is on the disk.

use super::snapshots::root_digest;
use std::collections::{BTreeMap, HashSet};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Bytes of the records of one workspace that are read; they are saved as a whole before they are so
/// many.
const MOST_BYTES: u64 = 64 << 20;

const LENGTH_BYTES: usize = 4;

/// Records of all workspaces. Cloning it is cheap; all clones are the same.
#[derive(Clone, Debug)]
pub(super) struct StateRecords {
    dir: PathBuf,
    open: Arc<Mutex<BTreeMap<PathBuf, Newest>>>,
}

/// The newest file of a workspace.
#[derive(Debug)]
struct Newest {
    number: u64,
    /// Absent before the first record.
    file: Option<File>,
}

impl StateRecords {
    pub(super) fn new(dir: PathBuf) -> Self {
        Self { dir, open: Arc::default() }
    }

    /// Appends a record. When this returns without an error, it survives a kill.
    pub(super) fn append(&self, root: &Path, record: &[u8]) -> io::Result<()> {
        let length = u32::try_from(record.len()).map_err(io::Error::other)?;
        let mut open = self.lock();
        let newest = self.newest(&mut open, root);
        if newest.file.is_none() {
            let dir = self.dir_of(root);
            fs::DirBuilder::new().recursive(true).mode(0o700).create(&dir)?;
            let path = dir.join(name(newest.number));
            let file = OpenOptions::new().create(true).append(true).mode(0o600).open(path)?;
            newest.file = Some(file);
        }
        let file = newest.file.as_mut().expect("BUG: it was opened");
        file.write_all(&[&length.to_be_bytes()[..], record].concat())
    }

    /// Begins another file; returns the number of the one before.
    pub(super) fn rotate(&self, root: &Path) -> u64 {
        let mut open = self.lock();
        let newest = self.newest(&mut open, root);
        newest.file = None;
        newest.number += 1;
        newest.number - 1
    }

    /// What was recorded of a workspace, oldest first, as far as it can be read.
    pub(super) fn read(&self, root: &Path) -> Vec<Vec<u8>> {
        let (mut records, mut left) = (Vec::new(), MOST_BYTES);
        for (_, path) in files(&self.dir_of(root)) {
            let bytes = fs::metadata(&path).map_or(0, |file| file.len());
            let Some(rest) = left.checked_sub(bytes) else { break };
            left = rest;
            match fs::read(&path) {
                Ok(bytes) => split(&bytes, &mut records),
                Err(error) => {
                    tracing::warn!(path = %path.display(), %error, "records are not read")
                }
            }
        }
        records
    }

    /// Removes the files of a workspace up to this number.
    pub(super) fn remove_until(&self, root: &Path, number: u64) {
        for (_, path) in files(&self.dir_of(root)).into_iter().filter(|(at, _)| *at <= number) {
            // One that stays is of no use and does no harm.
            let _ = fs::remove_file(path);
        }
    }

    /// Removes all of a workspace.
    pub(super) fn remove(&self, root: &Path) {
        let mut open = self.lock();
        open.remove(root);
        let _ = fs::remove_dir_all(self.dir_of(root));
    }

    /// Removes what is of other workspaces than these.
    pub(super) fn prune(&self, kept: &[PathBuf]) {
        let open = self.lock();
        let kept: HashSet<_> =
            kept.iter().chain(open.keys()).map(|root| self.dir_of(root)).collect();
        for entry in fs::read_dir(&self.dir).into_iter().flatten().flatten() {
            if !kept.contains(&entry.path()) {
                let _ = fs::remove_dir_all(entry.path());
            }
        }
    }

    fn newest<'a>(&self, open: &'a mut BTreeMap<PathBuf, Newest>, root: &Path) -> &'a mut Newest {
        open.entry(root.to_path_buf()).or_insert_with(|| {
            let last = files(&self.dir_of(root)).last().map_or(0, |(number, _)| *number);
            Newest { number: last + 1, file: None }
        })
    }

    fn dir_of(&self, root: &Path) -> PathBuf {
        let name: String = root_digest(root).iter().map(|byte| format!("{byte:02x}")).collect();
        self.dir.join(name)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<PathBuf, Newest>> {
        // Each of its entries is whole between two operations.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Records up to the first that is not whole: a kill cut it short.
fn split(mut bytes: &[u8], records: &mut Vec<Vec<u8>>) {
    while let Some((length, rest)) = bytes.split_first_chunk::<LENGTH_BYTES>() {
        let Some((record, rest)) = rest.split_at_checked(u32::from_be_bytes(*length) as usize)
        else {
            return;
        };
        records.push(record.to_vec());
        bytes = rest;
    }
}

/// The files by number, oldest first.
fn files(dir: &Path) -> Vec<(u64, PathBuf)> {
    let listed = fs::read_dir(dir).into_iter().flatten().flatten();
    let mut files: Vec<_> = listed
        .filter_map(|entry| {
            let number = entry.file_name().to_str()?.strip_suffix(".records")?.parse().ok()?;
            Some((number, entry.path()))
        })
        .collect();
    files.sort();
    files
}

fn name(number: u64) -> String {
    format!("{number:010}.records")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_read_in_order_over_daemons_and_savings_and_removed_with_their_workspace() {
        let dir = tempfile::tempdir().expect("a directory");
        let open = || StateRecords::new(dir.path().join("records"));
        let (here, there) = (Path::new("/here"), Path::new("/there"));
        let first = open();
        first.append(here, b"1").expect("appended");
        first.append(here, b"").expect("appended");
        let until = first.rotate(here);
        first.append(here, b"3").expect("appended");
        first.append(there, b"else").expect("appended");
        let second = open();
        second.append(here, b"4").expect("appended");
        assert_eq!(second.read(here), [&b"1"[..], b"", b"3", b"4"]);
        second.remove_until(here, until);
        assert_eq!(second.read(here), [b"3", b"4"]);
        // One cut short by a kill costs itself only.
        let (_, newest) = files(&second.dir_of(here)).pop().expect("a file");
        fs::write(newest, b"\0\0\0\x05half").expect("cut");
        assert_eq!(second.read(here), [b"3"]);
        second.prune(&[here.to_path_buf()]);
        assert_eq!((second.read(here).len(), second.read(there).len()), (1, 0));
        second.remove(here);
        assert_eq!(second.read(here), [[0_u8; 0]; 0]);
    }
}
