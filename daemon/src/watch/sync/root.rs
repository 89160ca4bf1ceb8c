//! The root of a workspace: whether the directory at its path is still the same one (rule 15).

use crate::index::Signature;
use crate::model::Digest;
use crate::model::digest::FieldHasher;
use crate::watch::error::WorkspaceError;
use crate::workspace::OnChange;
use rustix::io::Errno;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// See the [module](self).
#[derive(Debug)]
pub(super) struct WorkspaceRoot {
    path: PathBuf,
    identity: Identity,
    mode: u32,
}

/// What distinguishes a root from another one in its place. An inode number is given out again; its mode
/// may change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Identity {
    inode: u64,
    device: u64,
    /// When it was made, where the file system says so.
    created: Option<SystemTime>,
}

impl WorkspaceRoot {
    pub(super) fn open(path: &Path) -> Result<Self, WorkspaceError> {
        let (identity, mode) = identify(path)?;
        Ok(Self { path: path.to_path_buf(), identity, mode })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The device that it is on.
    pub(super) fn device(&self) -> u64 {
        self.identity.device
    }

    /// Its signature when it was opened, as far as that counts of a directory.
    pub(super) fn signature(&self) -> Signature {
        Signature { inode: self.identity.inode, mode: self.mode, ..Signature::default() }
    }

    /// What consent to these rules of it is bound to: the commands as they would be run, and this very
    /// directory, not whichever is at its path.
    pub(super) fn consent_digest(&self, rules: &[OnChange]) -> Digest {
        let Identity { inode, device, created } = self.identity;
        let created = created.and_then(|at| at.duration_since(UNIX_EPOCH).ok());
        let mut hasher = FieldHasher::new("bd 2026-11 consent to on_change");
        hasher.field(self.path.as_os_str().as_bytes()).number(device).number(inode);
        hasher.field(&created.map_or(0, |since| since.as_nanos()).to_le_bytes());
        for OnChange { on, run } in rules {
            for words in [on, run] {
                hasher.number(words.len() as u64);
                for word in words {
                    hasher.field(word.as_bytes());
                }
            }
        }
        hasher.finish()
    }

    /// Fails if it is not there any more, or another one is.
    pub(super) fn check(&self) -> Result<(), WorkspaceError> {
        match identify(&self.path)?.0 == self.identity {
            true => Ok(()),
            false => Err(WorkspaceError::RootGone(self.path.clone())),
        }
    }
}

fn identify(root: &Path) -> Result<(Identity, u32), WorkspaceError> {
    match fs::symlink_metadata(root) {
        Ok(found) if found.is_dir() => {
            let created = found.created().ok();
            let identity = Identity { inode: found.ino(), device: found.dev(), created };
            Ok((identity, found.mode()))
        }
        Ok(_) => Err(WorkspaceError::RootGone(root.to_path_buf())),
        Err(error) => match Errno::from_io_error(&error) {
            Some(Errno::NOENT | Errno::NOTDIR) => Err(WorkspaceError::RootGone(root.to_path_buf())),
            _ => {
                let path = root.to_path_buf();
                Err(WorkspaceError::Unreadable { path, source: Arc::new(error) })
            }
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn consent_is_to_these_words_in_this_directory() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("root");
        let digest = |on: &[&str], run: &[&str]| {
            let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
            let rule = OnChange { on: words(on), run: words(run) };
            WorkspaceRoot::open(&path).expect("a root").consent_digest(&[rule])
        };
        fs::create_dir(&path).expect("a root");
        let first = digest(&["a"], &["b", "c"]);
        assert_eq!(first, digest(&["a"], &["b", "c"]));
        for (on, run) in [(&["a"][..], &["b c"][..]), (&[], &["b", "c"]), (&["a", "b"], &["c"])] {
            assert_ne!(first, digest(on, run), "{on:?} {run:?}");
        }
        fs::rename(&path, dir.path().join("away")).expect("moved");
        fs::create_dir(&path).expect("another root");
        assert_ne!(first, digest(&["a"], &["b", "c"]), "of another directory");
        fs::remove_dir(&path).expect("removed");
        fs::rename(dir.path().join("away"), &path).expect("moved back");
        assert_eq!(first, digest(&["a"], &["b", "c"]), "it is back");
    }
}
