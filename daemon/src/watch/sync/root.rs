//! The root of a workspace: whether the directory at its path is still the same one (rule 15).

use crate::index::Signature;
use crate::watch::error::WorkspaceError;
use rustix::io::Errno;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

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
