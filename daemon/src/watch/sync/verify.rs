//! Compares the index of a workspace with a full walk that reads every file. Knows no requests.

use super::synchronizer::Synchronizer;
use crate::index::{Clock, Index, Instance, Kind};
use crate::model::Digest;
use crate::watch::error::WorkspaceError;
use crate::watch::scan::{READ_BUFFER_BYTES, ReadJob, ReadResult};
use crate::watch::source::PollSource;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

/// Most paths named in [`Verified::differences`].
pub const MAX_DIFFERENCES: usize = 100;

/// What a comparison with the disk came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// The index's digest before.
    pub believed: Digest,
    /// Digest by a full walk that trusts nothing.
    pub found: Digest,
    /// Files that were read.
    pub files: u64,
    /// Paths at which the index was wrong, sorted; at most [`MAX_DIFFERENCES`].
    pub differences: Vec<PathBuf>,
    /// Whether everything is read again since the index was wrong.
    pub repaired: bool,
}

/// A comparison that has begun: what was believed then.
#[derive(Debug)]
pub(in crate::watch) struct Comparison {
    begun: Clock,
    believed: Digest,
    before: Entries,
}

/// The full walk for it, which takes as long as the disk does and is done beside all else.
#[derive(Debug)]
pub(in crate::watch) struct Walk {
    root: PathBuf,
    excluded: Vec<PathBuf>,
}

/// What it found.
#[derive(Debug)]
pub(in crate::watch) struct Walked {
    found: Digest,
    entries: Entries,
    files: u64,
}

impl Comparison {
    /// Begins one of what `synchronizer` believes, all of it read, with what is there.
    pub(in crate::watch) fn begin(synchronizer: &mut Synchronizer) -> (Self, Walk) {
        let begun = synchronizer.index.clock();
        let believed = synchronizer.index.digest().expect("BUG: verified before it was read");
        let before = entries(&synchronizer.index);
        let root = synchronizer.root().to_path_buf();
        (Self { begun, believed, before }, Walk { root, excluded: synchronizer.excluded.clone() })
    }

    /// Ends it. What has changed meanwhile is no difference. `repair` says whether the index is
    /// given up if it is wrong.
    pub(in crate::watch) fn end(
        self,
        synchronizer: &mut Synchronizer,
        walked: Walked,
        repair: bool,
    ) -> Result<Verified, WorkspaceError> {
        let Self { begun, believed, before } = self;
        let Walked { found, entries, files } = walked;
        synchronizer.sync(Instant::now())?;
        let meanwhile = synchronizer.index.changes_since(begun).changes;
        let meanwhile: HashSet<PathBuf> = meanwhile.into_iter().map(|change| change.path).collect();
        let mut differences = differences(&before, &entries);
        differences.retain(|path| !meanwhile.contains(path));
        // What has changed meanwhile makes another digest, and no difference.
        let found = if differences.is_empty() { believed } else { found };
        let repaired = repair && !differences.is_empty();
        differences.truncate(MAX_DIFFERENCES);
        Ok(Verified { believed, found, files, differences, repaired })
    }
}

impl Walk {
    /// Lists and reads everything, beside whoever observes it.
    pub(in crate::watch) fn run(self) -> Result<Walked, WorkspaceError> {
        let Self { root, excluded } = self;
        let source = Arc::new(PollSource);
        let mut walked = Synchronizer::begin(&root, &excluded, source, Err(Instance(0)))?;
        let files = read_all(&mut walked)?;
        let found = walked.index.digest().expect("BUG: a walk that has not read everything");
        Ok(Walked { found, entries: entries(&walked.index), files })
    }
}

type Entries = BTreeMap<Box<[u8]>, (Kind, Option<Digest>)>;

fn entries(index: &Index) -> Entries {
    let mut entries = Entries::new();
    index.for_each(|path, kind, content| {
        entries.insert(path.into(), (kind, content));
    });
    entries
}

fn differences(a: &Entries, b: &Entries) -> Vec<PathBuf> {
    let paths: BTreeSet<&[u8]> = a.keys().chain(b.keys()).map(|path| &**path).collect();
    let different = paths.into_iter().filter(|path| a.get(*path) != b.get(*path));
    different.map(|path| PathBuf::from(OsStr::from_bytes(path))).collect()
}

/// Reads everything; returns how many entries were read.
fn read_all(synchronizer: &mut Synchronizer) -> Result<u64, WorkspaceError> {
    let (mut buffer, mut files) = (vec![0; READ_BUFFER_BYTES], 0);
    while !synchronizer.index.all_read() {
        for (node, generation) in synchronizer.index.unread() {
            let signature = synchronizer.index.signature(node);
            let path = synchronizer.path_of(node);
            let job = ReadJob { node, generation, path, signature, superseded: Arc::default() };
            files += 1;
            match job.run(&mut buffer).result {
                ReadResult::Content { digest, racy } => {
                    synchronizer.index.record_content(node, generation, Some(digest), racy);
                }
                ReadResult::Unreadable => {
                    synchronizer.index.record_content(node, generation, None, true)
                }
                ReadResult::Changed | ReadResult::Superseded => synchronizer.restat(node)?,
                ReadResult::ResourceExhausted(error) => {
                    return Err(WorkspaceError::exhausted(synchronizer.path_of(node), error));
                }
            }
        }
    }
    Ok(files)
}
