//! The sled database: opening, checking, setting aside. Knows trees and keys, not when to write.

use super::builds_list::{BuildsList, Listed, Sums};
use super::error::{StoreError, Warning};
use super::frame::{FrameError, decode, encode, sum_of};
use super::leftovers;
use super::output_record::OutputRecord;
use super::record::{AttemptRecord, BuildRecord, ExecutionRecord};
use super::snapshots::Snapshots;
use crate::model::{ExecutionId, OutputSeal};
use std::cell::RefCell;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Version of the schema: which trees there are and what their keys mean.
const SCHEMA: u32 = 1;

/// Cache of the database, in bytes. History is read rarely; sled's default is a gigabyte.
const CACHE_BYTES: u64 = 4 << 20;

/// Size of the database's segments, in bytes; sled's default of 512 KiB keeps several of them in
/// memory for a database that is usually smaller than one.
const SEGMENT_BYTES: usize = 64 << 10;

/// Bytes that are read at once to learn whether they can be.
const READ_BYTES: usize = 256 << 10;

/// How long a database may stay locked by a process that is about to release it.
const LOCK_PATIENCE: Duration = Duration::from_secs(2);

/// Damaged stores that are kept for examination.
const SET_ASIDE_KEPT: usize = 2;

/// Builds that are kept; the oldest go first. These are months of work, and listing them all takes
/// milliseconds.
pub(super) const MOST_BUILDS: usize = 20_000;

/// The open database.
#[derive(Debug)]
pub(super) struct Database {
    db: sled::Db,
    meta: sled::Tree,
    builds: sled::Tree,
    executions: sled::Tree,
    attempts: sled::Tree,
    pub(super) snapshots: Snapshots,
    path: PathBuf,
    /// What was written, by a file that does not share the database's damage.
    list: RefCell<BuildsList>,
    /// Whether the previous daemon ended without closing it.
    pub(super) unclean: bool,
}

impl Database {
    /// Opens the store in `dir`, or creates it. One that does not open or fails its checks is set
    /// aside, and the second value is a warning of that.
    pub(super) fn open(dir: &Path) -> Result<(Self, Option<Warning>), StoreError> {
        match Self::open_when_free(dir).or_else(|cause| Self::open_by_log(dir, cause)) {
            Ok(store) => Ok((store, None)),
            Err(error) if error.is_about_the_disk() => Err(error),
            Err(cause) => {
                let aside = set_aside(dir)?;
                Ok((Self::open_checked(dir)?, Some(Warning::SetAside { aside, cause })))
            }
        }
    }

    /// Opens a store that did not open, without sled's snapshot of its page table if there is one: the
    /// log has everything that is in it.
    fn open_by_log(dir: &Path, cause: StoreError) -> Result<Self, StoreError> {
        if !cause.may_be_the_snapshot() {
            return Err(cause);
        }
        let removed = leftovers::remove_snapshots(dir)
            .map_err(|source| StoreError::Leftovers { path: dir.to_path_buf(), source })?;
        if !removed {
            return Err(cause);
        }
        tracing::warn!(%cause, "the store is read without its snapshot");
        Self::open_when_free(dir)
    }

    /// Opens the store, waiting for a lock that is about to be released: sled releases it a moment
    /// after a database was dropped, and the system a moment after a process was killed.
    fn open_when_free(dir: &Path) -> Result<Self, StoreError> {
        let until = Instant::now() + LOCK_PATIENCE;
        loop {
            match Self::open_checked(dir) {
                Err(error) if error.is_locked() && Instant::now() < until => {
                    std::thread::sleep(Duration::from_millis(5));
                }
                opened => return opened,
            }
        }
    }

    fn open_checked(dir: &Path) -> Result<Self, StoreError> {
        let existed = fs::read_dir(dir).is_ok_and(|mut entries| entries.next().is_some());
        leftovers::remove_unfinished(dir)
            .map_err(|source| StoreError::Leftovers { path: dir.to_path_buf(), source })?;
        // sled takes what it cannot read for the end of its log, and writes over what follows.
        let db = dir.join("db");
        read_through(&db).map_err(|source| StoreError::Read { path: db, source })?;
        let path = BuildsList::path_beside(dir);
        let mut list = Some(
            BuildsList::open(&path, MOST_BUILDS)
                .map_err(|source| StoreError::List { path, source })?,
        );
        // sled panics on some damage instead of returning it.
        let opened = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let list = list.take().expect("BUG: it is opened once");
            let store = Self::open_trees(dir, list)
                .map_err(|source| StoreError::Open { path: dir.to_path_buf(), source })?;
            store.check_schema(dir, existed)?;
            if store.unclean {
                store.check_values(dir)?;
            }
            store.meta.remove("clean")?;
            store.db.flush()?;
            // Read now, when it can still be set aside.
            store.list.borrow_mut().stored = store.sums()?;
            Ok(store)
        }));
        opened.map_err(|_| StoreError::Panicked(dir.to_path_buf()))?
    }

    fn open_trees(dir: &Path, list: BuildsList) -> sled::Result<Self> {
        let db = sled::Config::new()
            .path(dir)
            .cache_capacity(CACHE_BYTES)
            .segment_size(SEGMENT_BYTES)
            .flush_every_ms(None)
            .open()?;
        let tree = |name: &str| db.open_tree(name);
        let (meta, builds) = (tree("meta")?, tree("builds")?);
        let (executions, attempts) = (tree("executions")?, tree("attempts")?);
        let unclean = meta.get("clean")?.is_none() && meta.get("schema")?.is_some();
        let era = meta.get("era")?.and_then(|era| Some(u64::from_be_bytes(*era.first_chunk()?)));
        let era = era.unwrap_or(0) + u64::from(unclean);
        meta.insert("era", &era.to_be_bytes())?;
        let snapshots = Snapshots::new(tree("states")?, era);
        let (path, list) = (dir.to_path_buf(), RefCell::new(list));
        Ok(Self { db, meta, builds, executions, attempts, snapshots, path, list, unclean })
    }

    /// The checksums of all builds, by id.
    fn sums(&self) -> Result<Sums, StoreError> {
        let mut sums = Sums::new();
        for pair in &self.builds {
            let (key, value) = pair?;
            if let (Ok(id), Some(sum)) = (key.as_ref().try_into(), sum_of(&value)) {
                sums.insert(u64::from_be_bytes(id), sum);
            }
        }
        Ok(sums)
    }

    /// `existed` is whether there were files before this opening; their creator wrote the schema
    /// first.
    fn check_schema(&self, path: &Path, existed: bool) -> Result<(), StoreError> {
        match self.meta.get("schema")? {
            None if existed => Err(StoreError::Emptied(path.to_path_buf())),
            None => {
                self.meta.insert("schema", encode(&SCHEMA))?;
                Ok(())
            }
            Some(value) => match decode::<u32>(&value) {
                Ok(found) if found > SCHEMA => {
                    Err(StoreError::Newer { path: path.to_path_buf(), found, known: SCHEMA })
                }
                Ok(_) => Ok(()),
                Err(source) => Err(damaged(path, "meta", b"schema", source)),
            },
        }
    }

    fn check_values(&self, path: &Path) -> Result<(), StoreError> {
        for pair in &self.builds {
            let (key, value) = pair?;
            decode::<BuildRecord>(&value).map_err(|e| damaged(path, "builds", &key, e))?;
        }
        for pair in &self.executions {
            let (key, value) = pair?;
            decode::<ExecutionRecord>(&value).map_err(|e| damaged(path, "executions", &key, e))?;
        }
        for pair in &self.attempts {
            let (key, value) = pair?;
            decode::<AttemptRecord>(&value).map_err(|e| damaged(path, "attempts", &key, e))?;
        }
        Ok(())
    }

    pub(super) fn put_build(&self, record: &BuildRecord) -> Result<(), StoreError> {
        let value = encode(record);
        self.list.borrow_mut().put(record.id, listed(record, &value));
        self.builds.insert(record.id.to_be_bytes(), value)?;
        Ok(())
    }

    /// Writes what was written before. A build that has ended is not taken back: its end may be what is
    /// damaged where this comes from.
    pub(super) fn put_again(&self, record: &BuildRecord) -> Result<(), StoreError> {
        if record.end.is_some() {
            return self.put_build(record);
        }
        if self.build(record.id)?.is_none_or(|known| known.end.is_none()) {
            // Not listed: the list may know of its end.
            self.builds.insert(record.id.to_be_bytes(), encode(record))?;
        }
        Ok(())
    }

    /// The list of builds, to be compared with what the database had when it was opened.
    pub(super) fn list(&self) -> &RefCell<BuildsList> {
        &self.list
    }

    /// A build; a damaged one is none.
    pub(super) fn build(&self, id: u64) -> Result<Option<BuildRecord>, StoreError> {
        let value = self.builds.get(id.to_be_bytes())?;
        Ok(value.and_then(|value| decode(&value).ok()))
    }

    pub(super) fn put_execution(&self, record: &ExecutionRecord) -> Result<(), StoreError> {
        self.executions.insert(record.id.to_be_bytes(), encode(record))?;
        Ok(())
    }

    /// Adds its output to an execution. One that is not there has nothing to add to.
    pub(super) fn put_output(
        &self,
        execution: ExecutionId,
        output: OutputRecord,
    ) -> Result<(), StoreError> {
        let Some(found) = self.execution(execution)? else { return Ok(()) };
        self.put_execution(&ExecutionRecord { output: Some(output), ..found })
    }

    /// What the output of an execution consists of.
    pub(super) fn seal(&self, execution: ExecutionId) -> Option<OutputSeal> {
        self.execution(execution).ok()??.output?.into_seal()
    }

    /// An execution; a damaged one is none.
    fn execution(&self, execution: ExecutionId) -> Result<Option<ExecutionRecord>, StoreError> {
        let value = self.executions.get(execution.0.to_be_bytes())?;
        Ok(value.and_then(|value| decode(&value).ok()))
    }

    pub(super) fn put_attempt(&self, record: &AttemptRecord) -> Result<(), StoreError> {
        self.attempts.insert(record.id.to_be_bytes(), encode(record))?;
        Ok(())
    }

    /// Builds, newest first. A damaged one is left out: there is nothing to show of it.
    pub(super) fn builds(&self) -> impl Iterator<Item = BuildRecord> {
        self.builds_before(None)
    }

    /// The same, only those with smaller ids than this.
    pub(super) fn builds_before(
        &self,
        before: Option<u64>,
    ) -> impl Iterator<Item = BuildRecord> + use<> {
        let end = before.map_or(Bound::Unbounded, |id| Bound::Excluded(id.to_be_bytes()));
        let range = self.builds.range::<[u8; 8], _>((Bound::Unbounded, end));
        range.rev().filter_map(|pair| decode(&pair.ok()?.1).ok())
    }

    /// The builds whose ids lie in this inclusive range, newest first.
    pub(super) fn builds_between(&self, from: u64, to: u64) -> impl Iterator<Item = BuildRecord> {
        let range = from.to_be_bytes()..=to.to_be_bytes();
        self.builds.range(range).rev().filter_map(|pair| decode(&pair.ok()?.1).ok())
    }

    /// The builds with such ids, newest first. Of the others, only their keys are read.
    pub(super) fn builds_with(
        &self,
        wanted: impl Fn(u64) -> bool,
    ) -> impl Iterator<Item = BuildRecord> {
        let ids = self.builds.iter().keys().rev();
        let ids =
            ids.filter_map(|key| Some(u64::from_be_bytes(key.ok()?.as_ref().try_into().ok()?)));
        ids.filter(move |id| wanted(*id))
            .filter_map(|id| decode(&self.builds.get(id.to_be_bytes()).ok()??).ok())
    }

    /// Removes the oldest entries beyond [`MOST_BUILDS`].
    pub(super) fn prune(&self) -> Result<(), StoreError> {
        for tree in [&self.builds, &self.executions, &self.attempts] {
            for key in tree.iter().keys().rev().skip(MOST_BUILDS) {
                tree.remove(key?)?;
            }
        }
        Ok(())
    }

    /// The largest number that any id in the store has.
    pub(super) fn last_id(&self) -> u64 {
        [&self.builds, &self.executions, &self.attempts]
            .into_iter()
            .filter_map(|tree| tree.last().ok()??.0.as_ref().try_into().ok())
            .map(u64::from_be_bytes)
            .max()
            .unwrap_or(0)
    }

    pub(super) fn flush(&self) -> Result<(), StoreError> {
        self.db.flush()?;
        let listed = self.list.borrow_mut().flush();
        let path = BuildsList::path_beside(&self.path);
        listed.map_err(|source| StoreError::List { path, source })
    }

    /// Marks the store as closed, and makes sure that it is on the disk even if the power goes now.
    /// After this the store is only dropped.
    pub(super) fn close(&self) -> Result<(), StoreError> {
        self.meta.insert("clean", b"1")?;
        self.flush()?;
        // sled's flush is no fsync.
        let path = self.path.join("db");
        let synced = fs::File::open(&path).and_then(|file| file.sync_data());
        synced.map_err(|source| StoreError::Sync { path, source })
    }
}

fn listed(record: &BuildRecord, value: &[u8]) -> Listed {
    Listed {
        sum: sum_of(value).unwrap_or_default(),
        submitted_ms: record.submitted_ms,
        ended: record.end.is_some(),
    }
}

/// Reads a file and forgets it. One that is not there is no matter.
fn read_through(path: &Path) -> io::Result<()> {
    let mut file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        file => file?,
    };
    let mut buffer = vec![0; READ_BYTES];
    while file.read(&mut buffer)? > 0 {}
    Ok(())
}

fn damaged(path: &Path, tree: &'static str, key: &[u8], source: FrameError) -> StoreError {
    StoreError::Damaged { path: path.to_path_buf(), tree, key: key.to_vec(), source }
}

/// Renames the store, and removes all but the newest of those renamed before.
fn set_aside(dir: &Path) -> Result<PathBuf, StoreError> {
    let error = |source| StoreError::SetAside { path: dir.to_path_buf(), source };
    let parent = dir.parent().unwrap_or(Path::new("."));
    let mut aside: Vec<PathBuf> = fs::read_dir(parent)
        .map_err(error)?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| {
            path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("damaged-"))
        })
        .collect();
    aside.sort();
    let newest = aside
        .last()
        .and_then(|path| path.file_name()?.to_str()?.strip_prefix("damaged-")?.parse::<u64>().ok());
    let target = parent.join(format!("damaged-{:06}", newest.unwrap_or(0) + 1));
    fs::rename(dir, &target).map_err(error)?;
    let surplus = (aside.len() + 1).saturating_sub(SET_ASIDE_KEPT);
    for old in &aside[..surplus.min(aside.len())] {
        // One that stays costs space, not correctness.
        let _ = fs::remove_dir_all(old);
    }
    Ok(target)
}

#[cfg(test)]
mod tests {
    use super::super::record::tests::ended;
    use super::*;

    fn fill(dir: &Path) {
        let (store, set_aside) = Database::open(dir).expect("a store");
        assert!(set_aside.is_none(), "{set_aside:?}");
        for id in 1..=200 {
            store.put_build(&BuildRecord::of(&ended(id))).expect("written");
        }
        store.flush().expect("flushed");
    }

    #[test]
    fn what_was_flushed_is_there_again() {
        let dir = tempfile::tempdir().expect("a directory");
        fill(&dir.path().join("store"));
        let (store, set_aside) = Database::open(&dir.path().join("store")).expect("a store");
        assert!(set_aside.is_none(), "{set_aside:?}");
        assert_eq!((store.unclean, store.last_id()), (true, 200));
        let ids: Vec<_> = store.builds().map(|record| record.id).collect();
        assert_eq!(ids, (1..=200).rev().collect::<Vec<_>>());
        store.close().expect("closed");
        drop(store);
        assert!(!Database::open(&dir.path().join("store")).expect("a store").0.unclean);
    }

    #[test]
    fn a_snapshot_that_a_kill_left_half_written_costs_nothing() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("store");
        fill(&path);
        let newest = path.join("snap.FFFFFFFFFFFFFFFF.generating");
        for half in [&b""[..], b"half a snapshot, longer than its checksum"] {
            fs::write(&newest, half).expect("a leftover");
            let (store, set_aside) = Database::open(&path).expect("a store");
            assert!(set_aside.is_none(), "{set_aside:?}");
            assert_eq!(store.builds().count(), 200);
            assert!(!newest.exists(), "sled would write its own over it, and leave its end");
        }
    }

    #[test]
    fn a_damaged_store_is_set_aside_or_read_right_but_never_wrong() {
        let dir = tempfile::tempdir().expect("a directory");
        fill(&dir.path().join("good"));
        let whole = fs::read(dir.path().join("good/db")).expect("the database file");
        let mut set_aside = 0;
        for round in 0..24 {
            let home = dir.path().join(format!("round{round}"));
            copy(&dir.path().join("good"), &home.join("store"));
            let mut bytes = whole.clone();
            let at = bytes.len() * round / 24;
            if round % 2 == 0 {
                bytes.truncate(at);
            } else {
                bytes[at..].iter_mut().take(64).for_each(|byte| *byte ^= 0xa5);
            }
            fs::write(home.join("store/db"), bytes).expect("damaged");
            let (store, warning) =
                Database::open(&home.join("store")).expect("a store, old or new");
            set_aside += usize::from(warning.is_some());
            for record in store.builds() {
                assert_eq!(record.clone().into_view(), ended(record.id), "round {round}");
            }
        }
        assert!(set_aside > 0, "no damage was ever noticed");
    }

    fn copy(from: &Path, to: &Path) {
        fs::create_dir_all(to).expect("create");
        for entry in fs::read_dir(from).expect("list") {
            let entry = entry.expect("an entry");
            if entry.path().is_dir() {
                copy(&entry.path(), &to.join(entry.file_name()));
            } else {
                fs::copy(entry.path(), to.join(entry.file_name())).expect("copy");
            }
        }
    }

    #[test]
    fn a_store_of_a_newer_schema_is_set_aside_whole() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("store");
        fill(&path);
        let (store, _) = Database::open(&path).expect("a store");
        store.meta.insert("schema", encode(&(SCHEMA + 1))).expect("written");
        store.flush().expect("flushed");
        drop(store);
        let (store, set_aside) = Database::open(&path).expect("a store");
        let warning = set_aside.expect("a warning").to_string();
        assert!(warning.contains("schema 2"), "{warning}");
        assert_eq!(store.builds().count(), 0);
        assert!(dir.path().join("damaged-000001/db").exists(), "the newer one is kept");
    }
}
