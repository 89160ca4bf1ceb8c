//! Saves the index of a workspace, records what changes in between, and loads what was saved before.
//! Where it is stored is decided elsewhere.

use crate::index::{Continuity, Index, Instance, Recorded};
use crate::watch::stat::now_ns;
use crate::watch::sync::Synchronizer;
use crate::workspace::RULES_VERSION;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long nothing must have changed before the index is saved.
const QUIET: Duration = Duration::from_secs(2);

/// The longest that a change stays unsaved while others follow. When the daemon is killed, what was not
/// saved is in the records, as far as somebody has a clock of it; the rest is compared with the disk.
const MAX_UNSAVED: Duration = Duration::from_secs(20);

/// Pages saved at once: a megabyte or two, so that saving a large index needs little memory.
const PAGES_PER_PART: usize = 64;

/// Bytes of records after which the index is saved instead.
const MOST_RECORDED: usize = 1 << 20;

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
    /// What was recorded since, oldest first. There may be some of before.
    pub records: Vec<Vec<u8>>,
}

/// Where indexes are saved. It may lose them: then everything is read again.
pub trait SnapshotStore: Send + Sync + Debug {
    /// What was saved of the workspace at `root`.
    fn load(&self, root: &Path) -> Option<Saved>;

    /// Saves what changed; the records of a part are not saved. When a part with a header is saved,
    /// the records of before it are of no use any more.
    fn save(&self, root: &Path, saved: Saved);

    /// Appends a record, which survives a kill when this returns. It may get lost: then the clocks
    /// after it are not known to the next daemon.
    fn record(&self, root: &Path, record: &[u8]);

    /// Forgets what was saved.
    fn forget(&self, root: &Path);
}

/// Saves nothing.
#[derive(Debug)]
pub struct NoSnapshots;

impl SnapshotStore for NoSnapshots {
    fn load(&self, _: &Path) -> Option<Saved> {
        None
    }

    fn save(&self, _: &Path, _: Saved) {}

    fn record(&self, _: &Path, _: &[u8]) {}

    fn forget(&self, _: &Path) {}
}

/// When to save.
#[derive(Debug, Default)]
pub(super) struct Saving {
    first: Option<Instant>,
    last: Option<Instant>,
    tick: u64,
    next_part: Option<Instant>,
    /// When to save once more what was too young when it was saved.
    aged: Option<Instant>,
    /// Bytes recorded since the index was saved.
    recorded: usize,
    /// More has changed than can be recorded.
    is_urgent: bool,
    /// Changes that were not reported to everybody when they were logged.
    unreported: BTreeSet<PathBuf>,
}

impl Saving {
    /// When to save next, if there is anything to save.
    pub(super) fn due(&mut self, index: &Index, now: Instant) -> Option<Instant> {
        let is_urgent = self.is_urgent || self.recorded >= MOST_RECORDED;
        if !index.has_changed_pages() && !index.is_unsaved() && !is_urgent {
            (self.first, self.last, self.next_part) = (None, None, None);
            return self.aged;
        }
        if let Some(next) = self.next_part {
            return Some(next);
        }
        // The first time at once, unless that takes long: before it, no clock survives a kill.
        if is_urgent || (index.is_unsaved() && index.changed_pages() <= PAGES_PER_PART) {
            return Some(now);
        }
        if self.last.is_none() || self.tick != index.clock().tick {
            (self.last, self.tick) = (Some(now), index.clock().tick);
        }
        let first = *self.first.get_or_insert(now);
        Some((self.last? + QUIET).min(first + MAX_UNSAVED))
    }

    /// Has what changed survive a kill: to be called before somebody is given the clock. `unreported`
    /// are paths whose changes are not reported yet to whoever is given it. Costs some microseconds
    /// after a change, and nothing where nothing has changed.
    pub(super) fn record(
        &mut self,
        synchronizer: &mut Synchronizer,
        snapshots: &dyn SnapshotStore,
        unreported: &BTreeSet<PathBuf>,
    ) {
        if self.unreported != *unreported {
            self.unreported.clone_from(unreported);
        }
        self.append(synchronizer, snapshots);
    }

    fn append(&mut self, synchronizer: &mut Synchronizer, snapshots: &dyn SnapshotStore) {
        let bytes = self.unreported.iter().map(|path| path.as_os_str().as_bytes());
        match synchronizer.index_mut().record(bytes, now_ns()) {
            Recorded::Nothing => {}
            Recorded::Record(record) => {
                self.recorded += record.len();
                snapshots.record(synchronizer.root(), &record);
            }
            Recorded::TooMuch => self.is_urgent = true,
        }
    }

    /// Saves a part.
    pub(super) fn save(&mut self, synchronizer: &mut Synchronizer, snapshots: &dyn SnapshotStore) {
        (self.first, self.last) = (None, None);
        // The records lead to what is saved, so that they are of use until it is on the disk.
        self.append(synchronizer, snapshots);
        let place = place(synchronizer.root());
        let index = synchronizer.index_mut();
        let was_for_age = self.aged.take().is_some();
        index.age(now_ns());
        let (header, pages) = index.save(PAGES_PER_PART, now_ns());
        self.next_part = header.is_none().then(|| Instant::now() + PART_INTERVAL);
        let is_last = header.is_some();
        // Once: what has a time of the future stays young.
        let is_young = is_last && !was_for_age && index.has_young_pages();
        self.aged = is_young.then(|| Instant::now() + RACY_PATIENCE);
        let header = header.map(|header| [&place[..], &[RULES_VERSION], &header].concat());
        snapshots.save(synchronizer.root(), Saved { header, pages, records: Vec::new() });
        if is_last {
            (self.recorded, self.is_urgent) = (0, false);
            self.append(synchronizer, snapshots);
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
        synchronizer.index_mut().age(now_ns());
        while synchronizer.index().has_changed_pages() || synchronizer.index().is_unsaved() {
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
    let Saved { header, pages, records } = snapshots.load(root)?;
    let header = header?;
    let (saved_in, header) = header.split_first_chunk::<PLACE_BYTES>()?;
    // By other rules other files would be in it.
    let (rules, header) = header.split_first()?;
    let continuity = match *saved_in == place(root) {
        true => Continuity::Unbroken,
        false => Continuity::Broken,
    };
    let index = match *rules == RULES_VERSION {
        true => Index::restore(instance, (header, &pages), &records, continuity),
        false => None,
    };
    if index.is_none() {
        tracing::warn!(root = %root.display(), "the saved index makes no sense; everything is read again");
    }
    index
}

const PLACE_BYTES: usize = 16;

/// Identity of the running system and of the mounted file system: when either is another than before,
/// the last writes of before may have been lost, without a trace. The start of a digest, since only
/// equality counts.
fn place(root: &Path) -> [u8; PLACE_BYTES] {
    let mut all = fs::read("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    all.extend(mount_id(root).unwrap_or_default().to_le_bytes());
    let mut short = [0; PLACE_BYTES];
    short.copy_from_slice(&blake3::hash(&all).as_bytes()[..PLACE_BYTES]);
    short
}

/// The number of the mount, which no other has until the system is started anew; `None` where the
/// system has no such number.
fn mount_id(root: &Path) -> Option<u64> {
    #[cfg(target_os = "linux")]
    {
        use rustix::fs::{AtFlags, CWD, StatxFlags, statx};
        /// `STATX_MNT_ID_UNIQUE`, since Linux 6.8.
        const UNIQUE: StatxFlags = StatxFlags::from_bits_retain(0x4000);
        let found = statx(CWD, root, AtFlags::empty(), UNIQUE).ok()?;
        StatxFlags::from_bits_retain(found.stx_mask).contains(UNIQUE).then_some(found.stx_mnt_id)
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = root;
        None
    }
}
