//! Compares the index of a workspace with a full walk that reads every file. Knows no requests.

use super::synchronizer::Synchronizer;
use crate::index::{Index, Kind};
use crate::model::Digest;
use crate::watch::error::WorkspaceError;
use crate::watch::scan::{READ_BUFFER_BYTES, ReadJob, ReadResult};
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

/// Compares what `synchronizer` believes, all of it read, with what is there. What changes meanwhile
/// is no difference. `repair` says whether the index is given up if it is wrong.
pub(in crate::watch) fn verify(
    synchronizer: &mut Synchronizer,
    repair: bool,
) -> Result<Verified, WorkspaceError> {
    let before_walk = synchronizer.index.clock();
    let believed = synchronizer.index.digest().expect("BUG: verified before it was read");
    let before = entries(&synchronizer.index);
    let mut walked = synchronizer.walk()?;
    let files = read_all(&mut walked)?;
    let found = walked.index.digest().expect("BUG: a walk that has not read everything");
    synchronizer.sync(Instant::now())?;
    let meanwhile = synchronizer.index.changes_since(before_walk).changes;
    let meanwhile: HashSet<PathBuf> = meanwhile.into_iter().map(|change| change.path).collect();
    let mut differences = differences(&before, &entries(&walked.index));
    differences.retain(|path| !meanwhile.contains(path));
    // What has changed meanwhile makes another digest, and no difference.
    let found = if differences.is_empty() { believed } else { found };
    let repaired = repair && !differences.is_empty();
    differences.truncate(MAX_DIFFERENCES);
    Ok(Verified { believed, found, files, differences, repaired })
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
