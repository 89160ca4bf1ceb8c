//! Snapshots of workspaces in the database, under the digest of the root's path, and to which
//! of their rules somebody consented. Knows nothing of what the bytes of a snapshot mean.

use super::error::StoreError;
use crate::model::Digest;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

const KEY_BYTES: usize = 16;

/// Parts of a snapshot, in the order of their keys.
const ROOT: u8 = 0;
const HEADER: u8 = 1;
const PAGE: u8 = 2;
/// The path once more, of a workspace that an earlier version let run whatever it would ask for.
const TRUST: u8 = 3;
/// The digest of the rules that somebody consented to, and the path.
const CONSENT: u8 = 4;

/// Bytes of that digest.
const DIGEST_BYTES: usize = 32;

/// One snapshot: a header, and numbered pages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoredSnapshot {
    /// Describes the pages; absent when more pages follow in another write.
    pub header: Option<Vec<u8>>,
    /// Pages by number.
    pub pages: BTreeMap<u32, Vec<u8>>,
}

/// The tree of snapshots.
#[derive(Debug)]
pub(super) struct Snapshots {
    tree: sled::Tree,
    /// Counts the unclean ends of daemons. Written before each header, for readers of before.
    era: u64,
}

impl Snapshots {
    pub(super) fn new(tree: sled::Tree, era: u64) -> Self {
        Self { tree, era }
    }

    /// Writes pages and, behind the last of them, a header.
    pub(super) fn put(&self, root: &Path, snapshot: &StoredSnapshot) -> Result<(), StoreError> {
        let mut batch = sled::Batch::default();
        batch.insert(key(root, ROOT, 0), root.as_os_str().as_bytes());
        if let Some(header) = &snapshot.header {
            batch.insert(key(root, HEADER, 0), [&self.era.to_be_bytes()[..], header].concat());
        }
        for (number, page) in &snapshot.pages {
            batch.insert(key(root, PAGE, *number), page.as_slice());
        }
        self.tree.apply_batch(batch)?;
        Ok(())
    }

    pub(super) fn get(&self, root: &Path) -> Option<StoredSnapshot> {
        let header = self.tree.get(key(root, HEADER, 0)).ok()??;
        let (_, header) = header.split_first_chunk::<8>()?;
        let mut snapshot =
            StoredSnapshot { header: Some(header.to_vec()), ..StoredSnapshot::default() };
        for pair in self.tree.range(key(root, PAGE, 0)..=key(root, PAGE, u32::MAX)) {
            let (key, page) = pair.ok()?;
            let (_, number) = key.split_last_chunk()?;
            snapshot.pages.insert(u32::from_be_bytes(*number), page.to_vec());
        }
        Some(snapshot)
    }

    pub(super) fn remove(&self, root: &Path) -> Result<(), StoreError> {
        let mut batch = sled::Batch::default();
        for key in self.tree.range(key(root, ROOT, 0)..=key(root, PAGE, u32::MAX)).keys() {
            batch.remove(key?);
        }
        self.tree.apply_batch(batch)?;
        Ok(())
    }

    pub(super) fn put_consent(&self, root: &Path, rules: Option<Digest>) -> Result<(), StoreError> {
        let mut batch = sled::Batch::default();
        batch.remove(key(root, TRUST, 0));
        match rules {
            Some(Digest(digest)) => {
                let value = [&digest[..], root.as_os_str().as_bytes()].concat();
                batch.insert(key(root, CONSENT, 0), value);
            }
            None => batch.remove(key(root, CONSENT, 0)),
        }
        self.tree.apply_batch(batch)?;
        Ok(())
    }

    /// Consent as an earlier version remembered it.
    pub(super) fn put_trust(&self, root: &Path) -> Result<(), StoreError> {
        self.tree.insert(key(root, TRUST, 0), root.as_os_str().as_bytes())?;
        Ok(())
    }

    /// The workspaces that may run commands on change and still exist, and which commands: of a
    /// consent that an earlier version remembered, nobody knows.
    pub(super) fn consents(&self) -> Vec<(PathBuf, Option<Digest>)> {
        let path = |bytes: &[u8]| PathBuf::from(OsStr::from_bytes(bytes));
        let consents = self.each_root().filter_map(|root| {
            let part = |part: u8| self.tree.get([&root[..], &[part], &[0; 4]].concat()).ok()?;
            if let Some(value) = part(CONSENT) {
                let (digest, root) = value.split_first_chunk::<DIGEST_BYTES>()?;
                return Some((path(root), Some(Digest(*digest))));
            }
            part(TRUST).map(|value| (path(&value), None))
        });
        consents.filter(|(root, _)| root.is_dir()).collect()
    }

    /// The first part of each workspace's keys.
    fn each_root(&self) -> impl Iterator<Item = Vec<u8>> {
        let mut next = vec![0; KEY_BYTES];
        std::iter::from_fn(move || {
            let (key, _) = self.tree.range(next.clone()..).next()?.ok()?;
            let digest = key.get(..KEY_BYTES)?.to_vec();
            next = [&digest[..], &[u8::MAX; 5]].concat();
            Some(digest)
        })
    }

    /// Removes the snapshots of workspaces that no longer exist, and returns those that do.
    pub(super) fn prune(&self) -> Result<Vec<PathBuf>, StoreError> {
        let mut roots = Vec::new();
        for digest in self.each_root().collect::<Vec<_>>() {
            let key = [&digest[..], &[ROOT], &[0; 4]].concat();
            let Some(value) = self.tree.get(key)? else { continue };
            let root = Path::new(OsStr::from_bytes(&value)).to_path_buf();
            if root.is_dir() {
                roots.push(root);
            } else {
                self.remove(&root)?;
                self.put_consent(&root, None)?;
            }
        }
        Ok(roots)
    }
}

fn key(root: &Path, part: u8, number: u32) -> Vec<u8> {
    [&root_digest(root)[..], &[part], &number.to_be_bytes()].concat()
}

/// The name of a workspace where its path would be too long.
pub(super) fn root_digest(root: &Path) -> [u8; KEY_BYTES] {
    let digest = blake3::hash(root.as_os_str().as_bytes());
    *digest.as_bytes().first_chunk().expect("BUG: a digest is longer")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn snapshots_are_kept_apart_and_removed_with_their_roots() {
        let dir = tempfile::tempdir().expect("a directory");
        let db = sled::Config::new().path(dir.path().join("db")).open().expect("a database");
        let snapshots = Snapshots::new(db.open_tree("states").expect("a tree"), 7);
        let snapshot = |byte: u8, numbers: &[u32]| StoredSnapshot {
            header: Some(vec![byte; 3]),
            pages: numbers.iter().map(|number| (*number, vec![byte; 9])).collect(),
        };
        let (here, gone) = (dir.path().to_path_buf(), dir.path().join("gone"));
        snapshots.put(&here, &snapshot(1, &[0, 1, 300])).expect("written");
        snapshots.put(&gone, &snapshot(2, &[0])).expect("written");
        snapshots.put(&here, &snapshot(1, &[1])).expect("written again");
        assert_eq!(snapshots.get(&here), Some(snapshot(1, &[0, 1, 300])));
        assert_eq!(snapshots.prune().expect("pruned"), std::slice::from_ref(&here));
        assert_eq!(snapshots.get(&gone), None);
        let rules = Some(Digest([7; 32]));
        snapshots.put_trust(&here).expect("as before");
        assert_eq!(snapshots.consents(), [(here.clone(), None)]);
        snapshots.put_consent(&here, rules).expect("consent");
        snapshots.put_consent(&gone, rules).expect("consent");
        assert_eq!(snapshots.consents(), [(here.clone(), rules)]);
        snapshots.put_consent(&here, None).expect("no consent");
        assert!(snapshots.consents().is_empty());
    }
}
