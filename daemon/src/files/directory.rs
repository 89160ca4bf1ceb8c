//! A directory that is not ours. What else may be in its place is never waited for.

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use std::os::fd::OwnedFd;
use std::path::Path;

/// Opens a directory for listing it; a symbolic link in its place is not followed.
///
/// # Errors
///
/// The system's.
pub(crate) fn open_dir(path: &Path) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    rustix::fs::open(path, flags, Mode::empty())
}

/// Opens a directory to look names up in it, which needs no leave to read it. Links are followed.
///
/// # Errors
///
/// The system's.
pub(crate) fn open_for_lookup(path: &Path) -> Result<OwnedFd, Errno> {
    let flags = OFlags::DIRECTORY | OFlags::CLOEXEC | PATH_ONLY;
    rustix::fs::open(path, flags, Mode::empty())
}

#[cfg(target_os = "linux")]
const PATH_ONLY: OFlags = OFlags::PATH;
#[cfg(not(target_os = "linux"))]
const PATH_ONLY: OFlags = OFlags::empty();
