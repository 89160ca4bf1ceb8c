//! Compares the state of a workspace with a full walk that reads every file.

use super::hash::{Job, Reading};
use super::query::{MAX_DIFFERENCES, Verified};
use super::synchronizer::{Synchronizer, WorkspaceError};
use crate::index::{Index, Kind};
use crate::model::Digest;
use std::collections::{BTreeMap, HashSet};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

/// Bytes read at once.
const BUFFER_BYTES: usize = 128 << 10;

/// Compares what `synchronizer` believes, all of it read, with what is there. What changes meanwhile
/// is no difference. `repair` tells whether the state is given up if it is wrong, which mends it.
pub(super) fn verify(
    synchronizer: &mut Synchronizer,
    repair: bool,
) -> Result<Verified, WorkspaceError> {
    let begun = synchronizer.index.clock();
    let believed = synchronizer.index.digest().expect("BUG: verified before it was read");
    let before = entries(&synchronizer.index);
    let mut walked = synchronizer.beside()?;
    let files = read_all(&mut walked)?;
    let found = walked.index.digest().expect("BUG: a walk that has not read everything");
    synchronizer.sync(Instant::now())?;
    let meanwhile = synchronizer.index.changes_since(begun).changes;
    let meanwhile: HashSet<PathBuf> = meanwhile.into_iter().map(|change| change.path).collect();
    let mut differences = different(&before, &entries(&walked.index));
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

fn different(a: &Entries, b: &Entries) -> Vec<PathBuf> {
    let differs = |path: &[u8]| a.get(path) != b.get(path);
    let paths: std::collections::BTreeSet<&[u8]> =
        a.keys().chain(b.keys()).map(|path| &**path).collect();
    let wrong = paths.into_iter().filter(|path| differs(path));
    wrong.map(|path| Path::new(OsStr::from_bytes(path)).to_path_buf()).collect()
}

/// Reads everything; returns how many entries were read.
fn read_all(synchronizer: &mut Synchronizer) -> Result<u64, WorkspaceError> {
    let (mut buffer, mut files) = (vec![0; BUFFER_BYTES], 0);
    while !synchronizer.index.all_read() {
        for (node, generation) in synchronizer.index.unread() {
            let signature = synchronizer.index.signature(node);
            let path = synchronizer.index.path_under(synchronizer.root(), node);
            let job = Job { node, generation, path, signature, superseded: Arc::default() };
            files += 1;
            match job.done(&mut buffer).result {
                Reading::Content { digest, racy } => {
                    synchronizer.index.read(node, generation, Some(digest), racy);
                }
                Reading::Unreadable => synchronizer.index.read(node, generation, None, true),
                Reading::Moved | Reading::Superseded => synchronizer.restat(node)?,
                Reading::NotNow(error) => {
                    let path = synchronizer.index.path_under(synchronizer.root(), node);
                    return Err(WorkspaceError::ResourceExhausted { path, source: error.into() });
                }
            }
        }
    }
    Ok(files)
}
