//! Saves the index of a workspace, and loads what was saved before. Where it is stored is decided
//! elsewhere.

use crate::index::{Index, Instance};
use crate::watch::stat::now_ns;
use crate::watch::sync::Synchronizer;
use crate::workspace::RULES_VERSION;
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::fs;
use std::path::Path;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

/// How long nothing must have changed before the index is saved.
const QUIET: Duration = Duration::from_secs(2);

/// The longest that a change stays unsaved while others follow. What is lost when the daemon is
/// killed costs a check of the files that changed, not correctness.
const MAX_UNSAVED: Duration = Duration::from_secs(20);

/// Pages saved at once: a megabyte or two, so that saving a large index needs little memory.
const PAGES_PER_PART: usize = 64;

/// Between two parts of one saving.
const PART_INTERVAL: Duration = Duration::from_millis(20);

/// How long, before the last saving, it is waited until a file that has just changed is no longer
/// racy; one whose time is in the future never is.
const RACY_PATIENCE: Duration = Duration::from_millis(100);
const RACY_INTERVAL: Duration = Duration::from_millis(5);

/// What was saved of one workspace, or a part of it that takes the place of an earlier one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Saved {
    /// What the pages are of, and which boot of the system they were saved in. A part without it
    /// is followed by others; until they have come, what is there does not fit together.
    pub header: Option<Vec<u8>>,
    /// Pages by number.
    pub pages: BTreeMap<u32, Vec<u8>>,
}

/// Where indexes are saved. It may lose them: then everything is read again.
pub trait SnapshotStore: Send + Sync + Debug {
    /// What was saved of the workspace at `root`, if it can be trusted. `same_boot` says whether
    /// a header was saved since the system was started: what was written before is on the disk
    /// for certain only if the daemon before ended well.
    fn load(&self, root: &Path, same_boot: &dyn Fn(&[u8]) -> bool) -> Option<Saved>;

    /// Saves what changed.
    fn save(&self, root: &Path, saved: Saved);

    /// Forgets what was saved.
    fn forget(&self, root: &Path);
}

/// Saves nothing.
#[derive(Debug)]
pub struct NoSnapshots;

impl SnapshotStore for NoSnapshots {
    fn load(&self, _: &Path, _: &dyn Fn(&[u8]) -> bool) -> Option<Saved> {
        None
    }

    fn save(&self, _: &Path, _: Saved) {}

    fn forget(&self, _: &Path) {}
}

/// When to save.
#[derive(Debug, Default)]
pub(super) struct Saving {
    first: Option<Instant>,
    last: Option<Instant>,
    tick: u64,
    next_part: Option<Instant>,
}

impl Saving {
    /// When to save next, if there is anything to save.
    pub(super) fn due(&mut self, index: &Index, now: Instant) -> Option<Instant> {
        if !index.has_changed_pages() {
            (self.first, self.last, self.next_part) = (None, None, None);
            return None;
        }
        if let Some(next) = self.next_part {
            return Some(next);
        }
        if self.last.is_none() || self.tick != index.clock().tick {
            (self.last, self.tick) = (Some(now), index.clock().tick);
        }
        let first = *self.first.get_or_insert(now);
        Some((self.last? + QUIET).min(first + MAX_UNSAVED))
    }

    /// Saves a part.
    pub(super) fn save(&mut self, synchronizer: &mut Synchronizer, snapshots: &dyn SnapshotStore) {
        (self.first, self.last) = (None, None);
        let index = synchronizer.index_mut();
        if index.has_changed_pages() {
            let (header, pages) = index.save(PAGES_PER_PART, now_ns());
            self.next_part = header.is_none().then(|| Instant::now() + PART_INTERVAL);
            let header = header.map(|header| [&BOOT[..], &[RULES_VERSION], &header].concat());
            snapshots.save(synchronizer.root(), Saved { header, pages });
        }
    }

    /// Saves everything, as the last thing that is done.
    ///
    /// What has just changed and nobody has read is watched until a later change would show, lest
    /// it is reported as changed only because it is uncertain.
    pub(super) fn save_all(
        &mut self,
        synchronizer: &mut Synchronizer,
        snapshots: &dyn SnapshotStore,
    ) {
        let started = Instant::now();
        while started.elapsed() < RACY_PATIENCE
            && synchronizer.index_mut().has_racy_unread(now_ns())
        {
            std::thread::sleep(RACY_INTERVAL);
        }
        if synchronizer.take().is_err() {
            return snapshots.forget(synchronizer.root());
        }
        while synchronizer.index().has_changed_pages() {
            self.save(synchronizer, snapshots);
        }
    }
}

/// The index that was saved of a workspace, as a new instance.
pub(super) fn load(
    snapshots: &dyn SnapshotStore,
    root: &Path,
    instance: Instance,
) -> Option<Index> {
    let saved = snapshots.load(root, &|header| header.starts_with(&*BOOT))?;
    let header = saved.header?;
    // By other rules other files would be in it.
    let (rules, header) = header.get(BOOT_BYTES..)?.split_first()?;
    let index = match *rules == RULES_VERSION {
        true => Index::restore(instance, header, &saved.pages),
        false => None,
    };
    if index.is_none() {
        tracing::warn!(root = %root.display(), "the saved index makes no sense; everything is read again");
    }
    index
}

const BOOT_BYTES: usize = 16;

/// Identity of this boot of the system: the start of a digest, since only equality counts.
static BOOT: LazyLock<[u8; BOOT_BYTES]> = LazyLock::new(|| {
    let id = fs::read("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let mut short = [0; BOOT_BYTES];
    short.copy_from_slice(&blake3::hash(&id).as_bytes()[..BOOT_BYTES]);
    short
});
