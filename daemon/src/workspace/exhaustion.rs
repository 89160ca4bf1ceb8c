//! Distinguishes a system that has nothing left from a file that can not be read.

use rustix::io::Errno;

/// Whether the system had no descriptor or memory left, which says nothing of what was to be read:
/// another try may succeed.
pub(crate) fn is_resource_exhausted(error: Errno) -> bool {
    matches!(error, Errno::MFILE | Errno::NFILE | Errno::NOMEM)
}
