//! Has what was written outlive a power cut: synchronises the files of the store with the disk, for
//! whoever decides when. Knows nothing of what is in them.

use super::builds_list::BuildsList;
use super::journal;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// Synchronises the files of one store. Cloning it is cheap; all clones are of the same store.
#[derive(Clone, Debug)]
pub struct StoreSync(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    store: PathBuf,
    journal: PathBuf,
    written: AtomicBool,
    announce: OnceLock<SyncSender<()>>,
    /// The database has everything in the journal before this file, though not on the disk yet.
    journaled: Mutex<Option<u64>>,
}

impl StoreSync {
    pub(super) fn new(store: PathBuf, journal: PathBuf) -> Self {
        Self(Arc::new(Shared {
            store,
            journal,
            written: AtomicBool::new(false),
            announce: OnceLock::new(),
            journaled: Mutex::default(),
        }))
    }

    /// Has `to` told of each first write since the last [`sync`](Self::sync). Only the first call
    /// counts.
    pub fn announce(&self, to: SyncSender<()>) {
        let _ = self.0.announce.set(to);
    }

    /// Something was written.
    pub(super) fn wrote(&self) {
        if !self.0.written.swap(true, Ordering::Relaxed)
            && let Some(announce) = self.0.announce.get()
        {
            // When it is full, somebody is told already.
            let _ = announce.try_send(());
        }
    }

    /// The database was given everything in the journal before this file, and has flushed it.
    pub(super) fn journaled(&self, before: u64) {
        *self.journaled_lock() = Some(before);
        self.wrote();
    }

    fn journaled_lock(&self) -> std::sync::MutexGuard<'_, Option<u64>> {
        // It is assigned whole.
        self.0.journaled.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has everything that was written before on the disk when it returns, if anything was written
    /// since the last time. Retires what the database has of the journal. Takes milliseconds, or as
    /// long as the disk does.
    ///
    /// # Errors
    ///
    /// When the disk fails. What was written may not outlive a power cut then.
    pub fn sync(&self) -> io::Result<()> {
        if !self.0.written.swap(false, Ordering::Relaxed) {
            return Ok(());
        }
        let journaled = self.journaled_lock().take();
        let state = self.0.store.parent().unwrap_or(Path::new("."));
        let files = journal::paths(&self.0.journal)
            .into_iter()
            .chain(files_in(&self.0.store))
            .chain([BuildsList::path_beside(&self.0.store)])
            .chain([self.0.journal.clone(), self.0.store.clone(), state.to_path_buf()]);
        let synced = files.map(|path| sync(&path)).fold(Ok(()), Result::and);
        match (&synced, journaled) {
            (Ok(()), Some(before)) => journal::retire(&self.0.journal, before),
            (Err(_), Some(before)) => {
                self.journaled_lock().get_or_insert(before);
            }
            (_, None) => {}
        }
        synced
    }
}

/// All files of the database: without the smallest of them it does not open.
fn files_in(store: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(store).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).collect()
}

/// Synchronises a file or a directory; one that is not there has nothing to lose.
fn sync(path: &Path) -> io::Result<()> {
    match File::open(path) {
        Ok(file) if file.metadata()?.is_dir() => file.sync_all(),
        Ok(file) => file.sync_data(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}
