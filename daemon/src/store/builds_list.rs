//! A list beside the database of the builds that it has, with the checksums of their records. sled
//! drops what comes after damage without a word; by this list it is noticed, and said which builds it
//! were.
//!
//! A row a version of a record, appended when the database has flushed it; the last row of a build
//! counts. Rows have one length and a checksum each, so that damage costs a row.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

const ROW_BYTES: usize = 24;
const SUM_BYTES: usize = 4;

/// Rows after which the list is written anew with the last row of each build.
const MOST_ROWS: usize = 200_000;

/// The last version of a build's record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Listed {
    /// The record's checksum, as it is stored with it.
    pub(super) sum: [u8; SUM_BYTES],
    /// When it was submitted, in milliseconds since 1970.
    pub(super) submitted_ms: u64,
    /// Whether it had ended.
    pub(super) ended: bool,
}

/// Checksums of records, by id.
pub(super) type Sums = BTreeMap<u64, [u8; SUM_BYTES]>;

/// The open list.
#[derive(Debug)]
pub(super) struct BuildsList {
    file: File,
    /// What was in it when it was opened, by id.
    pub(super) builds: BTreeMap<u64, Listed>,
    /// Rows in it that are damaged.
    pub(super) damaged: usize,
    /// What the database had when it was opened.
    pub(super) stored: Sums,
    /// What is to be appended.
    pending: BTreeMap<u64, Listed>,
}

impl BuildsList {
    /// Where the list of a store is.
    pub(super) fn path_beside(store: &Path) -> PathBuf {
        store.with_file_name("builds")
    }

    /// Opens the list, or begins one. Of the builds in it the newest `most` are read.
    pub(super) fn open(path: &Path, most: usize) -> io::Result<Self> {
        if let Some(dir) = path.parent() {
            fs::create_dir_all(dir)?;
        }
        let open =
            || OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path);
        let mut file = open()?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        let whole = bytes.len() / ROW_BYTES * ROW_BYTES;
        if whole < bytes.len() {
            // A kill cut it short.
            file.set_len(whole as u64)?;
        }
        let (mut builds, mut damaged) = (BTreeMap::new(), 0);
        for row in bytes.chunks_exact(ROW_BYTES) {
            match read(row) {
                Some((id, listed)) => drop(builds.insert(id, listed)),
                None => damaged += 1,
            }
        }
        while builds.len() > most {
            builds.pop_first();
        }
        if bytes.len() / ROW_BYTES > MOST_ROWS || damaged > 0 {
            let rows: Vec<u8> = builds.iter().flat_map(|(id, listed)| row(*id, listed)).collect();
            let new = path.with_extension("new");
            fs::write(&new, rows)?;
            fs::set_permissions(&new, std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
            File::open(&new)?.sync_data()?;
            fs::rename(&new, path)?;
            file = open()?;
        }
        Ok(Self { file, builds, damaged, stored: Sums::new(), pending: BTreeMap::new() })
    }

    /// Takes note of a version of a build's record.
    pub(super) fn put(&mut self, id: u64, listed: Listed) {
        // What was put since is no loss.
        self.builds.remove(&id);
        self.stored.remove(&id);
        self.pending.insert(id, listed);
    }

    /// Appends a row each for what was taken note of, by one write. What fails is tried again with the
    /// next.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let rows: Vec<u8> = self.pending.iter().flat_map(|(id, listed)| row(*id, listed)).collect();
        let before = self.file.metadata()?.len();
        self.file.write_all(&rows).inspect_err(|_| {
            // A part of a row would make nonsense of those after it.
            let _ = self.file.set_len(before);
        })?;
        self.pending.clear();
        Ok(())
    }
}

fn row(id: u64, listed: &Listed) -> [u8; ROW_BYTES] {
    let mut row = [0; ROW_BYTES];
    row[..8].copy_from_slice(&id.to_be_bytes());
    // Its first byte is free until the year 10,000 and beyond.
    row[8..16].copy_from_slice(&listed.submitted_ms.to_be_bytes());
    row[8] = u8::from(listed.ended);
    row[16..20].copy_from_slice(&listed.sum);
    let sum = sum(&row[..20]);
    row[20..].copy_from_slice(&sum);
    row
}

fn read(row: &[u8]) -> Option<(u64, Listed)> {
    let (content, found) = row.split_at_checked(ROW_BYTES - SUM_BYTES)?;
    if found != sum(content) {
        return None;
    }
    let mut submitted: [u8; 8] = content.get(8..16)?.try_into().ok()?;
    let ended = std::mem::take(&mut submitted[0]) != 0;
    let id = u64::from_be_bytes(content.get(..8)?.try_into().ok()?);
    let sum = content.get(16..20)?.try_into().ok()?;
    Some((id, Listed { sum, submitted_ms: u64::from_be_bytes(submitted), ended }))
}

fn sum(bytes: &[u8]) -> [u8; SUM_BYTES] {
    let [a, b, c, d, ..] = *blake3::hash(bytes).as_bytes();
    [a, b, c, d]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(byte: u8) -> Listed {
        Listed { sum: [byte; 4], submitted_ms: 1_790_000_000_000, ended: byte % 2 == 1 }
    }

    #[test]
    fn the_last_row_of_each_build_counts_and_a_damaged_row_costs_itself() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("builds");
        let mut list = BuildsList::open(&path, 9).expect("a list");
        for rows in [[(1, listed(1)), (2, listed(2))], [(2, listed(3)), (3, listed(4))]] {
            rows.into_iter().for_each(|(id, listed)| list.put(id, listed));
            list.flush().expect("appended");
            list.flush().expect("nothing to do");
        }
        drop(list);
        // As a kill leaves it.
        let whole = fs::read(&path).expect("rows");
        fs::write(&path, [&whole[..], b"half a row"].concat()).expect("written");
        let list = BuildsList::open(&path, 9).expect("a list");
        let all = BTreeMap::from([(1, listed(1)), (2, listed(3)), (3, listed(4))]);
        assert_eq!((&list.builds, list.damaged), (&all, 0));
        assert_eq!(fs::read(&path).expect("rows"), whole);
        assert_eq!(BuildsList::open(&path, 2).expect("a list").builds.len(), 2);
        for at in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[at] ^= 1;
            fs::write(&path, damaged).expect("written");
            let list = BuildsList::open(&path, 9).expect("a list");
            assert_eq!(list.damaged, 1, "byte {at}");
            // It is said once.
            assert_eq!(BuildsList::open(&path, 9).expect("a list").damaged, 0);
        }
    }
}
