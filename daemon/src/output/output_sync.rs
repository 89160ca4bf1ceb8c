//! Has output outlive a power cut: synchronises the files of logs with the disk, for whoever decides
//! when.

use super::shared::SharedLog;
use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// The logs that were written since they were last synchronised. Cloning it is cheap.
#[derive(Clone, Debug, Default)]
pub struct OutputSync(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    announce: OnceLock<SyncSender<()>>,
    unsynced: Mutex<Vec<Arc<SharedLog>>>,
}

impl OutputSync {
    /// Has `to` told when something was written. Only the first call counts.
    pub fn announce(&self, to: SyncSender<()>) {
        let _ = self.0.announce.set(to);
    }

    /// Something was written to a log. Costs nanoseconds but for the first time since the last
    /// [`sync`](Self::sync).
    pub(super) fn wrote(&self, log: &Arc<SharedLog>) {
        if log.unsynced.load(Ordering::Relaxed) || log.unsynced.swap(true, Ordering::Relaxed) {
            return;
        }
        // It is pushed to, and taken.
        self.0.unsynced.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(log));
        if let Some(announce) = self.0.announce.get() {
            // When it is full, somebody is told already.
            let _ = announce.try_send(());
        }
    }

    /// Has all output that was written before on the disk when it returns.
    ///
    /// # Errors
    ///
    /// When the disk fails. Some output may not outlive a power cut then.
    pub fn sync(&self) -> io::Result<()> {
        let logs =
            std::mem::take(&mut *self.0.unsynced.lock().unwrap_or_else(PoisonError::into_inner));
        let mut result = Ok(());
        let (mut files, mut dirs): (Vec<PathBuf>, BTreeSet<PathBuf>) = Default::default();
        for log in logs {
            log.unsynced.store(false, Ordering::Relaxed);
            let (segments, synced) = {
                let mut state = log.lock();
                let end = state.end;
                let synced = std::mem::replace(&mut state.synced, end);
                (state.segments.after(synced), synced)
            };
            if segments.iter().any(|segment| segment.first >= synced) {
                dirs.insert(log.dir.clone());
            }
            if synced == 0 {
                dirs.extend(log.dir.parent().map(Path::to_path_buf));
            }
            files.extend(segments.iter().map(|segment| segment.path(&log.dir)));
        }
        for path in files.iter().chain(&dirs) {
            // What was removed meanwhile has nothing to lose.
            match File::open(path).and_then(|file| file.sync_data()) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => result = Err(error),
                _ => {}
            }
        }
        result
    }
}
