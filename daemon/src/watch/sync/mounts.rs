//! What is mounted at places in a workspace. No event tells that something was mounted over a directory
//! or a file that is watched, or taken away from it again.

use std::fs::File;
use std::io::{Read as _, Seek as _};
use std::os::fd::{AsFd as _, BorrowedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// Where the system lists the mounts of this process.
const LIST: &str = "/proc/self/mountinfo";

/// The mounts of this process, where the system lists them.
static TABLE: LazyLock<Mutex<Table>> = LazyLock::new(|| {
    let file = File::open(LIST).ok();
    Mutex::new(Table { file, version: 0 })
});

/// The mounts of this process. One descriptor is enough for all workspaces.
#[derive(Debug)]
struct Table {
    /// `None` where there is no such list.
    file: Option<File>,
    /// Counts the changes that were noticed.
    version: u64,
}

/// What was mounted in one workspace when that was last looked at.
#[derive(Debug)]
pub(super) struct Mounts {
    version: u64,
    /// A line for each: what is mounted, and where.
    below: Vec<Vec<u8>>,
}

/// Wakes who waits for changes when something is mounted or taken away. Has a descriptor of its own: the
/// system tells each reader once.
#[derive(Debug)]
pub(in crate::watch) struct MountEvents {
    /// `None` where there is no such list.
    list: Option<File>,
}

impl MountEvents {
    pub(in crate::watch) fn open() -> Self {
        Self { list: File::open(LIST).ok() }
    }

    /// What to wait for, with these flags; `None` where there is no such list.
    pub(in crate::watch) fn descriptor(&self) -> Option<(BorrowedFd<'_>, PollFlags)> {
        Some((self.list.as_ref()?.as_fd(), PollFlags::POLLPRI))
    }
}

impl Mounts {
    /// What is mounted below `root` now.
    pub(super) fn of(root: &Path) -> Self {
        let mut table = table();
        let version = table.current_version();
        Self { version, below: table.below(root) }
    }

    /// Whether mounts have changed, wherever. Costs one system call.
    pub(super) fn have_changed(&self) -> bool {
        table().current_version() != self.version
    }

    /// Looks again if mounts have changed; returns whether others are below `root` now.
    pub(super) fn refresh(&mut self, root: &Path) -> bool {
        if !self.have_changed() {
            return false;
        }
        let before = std::mem::replace(self, Self::of(root));
        before.below != self.below
    }
}

fn table() -> MutexGuard<'static, Table> {
    TABLE.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Table {
    /// The system says of this file once that it has changed.
    fn current_version(&mut self) -> u64 {
        if let Some(file) = &self.file {
            let mut descriptors = [PollFd::new(file.as_fd(), PollFlags::POLLPRI)];
            let found = poll(&mut descriptors, PollTimeout::ZERO);
            let changed = PollFlags::POLLPRI | PollFlags::POLLERR;
            let is_changed = |fd: &PollFd<'_>| fd.revents().is_some_and(|e| e.intersects(changed));
            if found.is_ok() && is_changed(&descriptors[0]) {
                self.version += 1;
            }
        }
        self.version
    }

    fn below(&mut self, root: &Path) -> Vec<Vec<u8>> {
        let Some(file) = &mut self.file else { return Vec::new() };
        let mut text = Vec::new();
        if file.rewind().and_then(|()| file.read_to_end(&mut text)).is_err() {
            return Vec::new();
        }
        below(&text, root)
    }
}

/// The lines of a list of mounts that are of places below `root`, as far as they say what is where.
fn below(text: &[u8], root: &Path) -> Vec<Vec<u8>> {
    let mut root = escaped(root.as_os_str().as_bytes());
    if !root.ends_with(b"/") {
        root.push(b'/');
    }
    let mut found = Vec::new();
    for line in text.split(|byte| *byte == b'\n') {
        // Of the mount: its number, its parent's, its device, what of that is mounted, and where.
        let fields: Vec<_> = line.split(|byte| *byte == b' ').take(5).collect();
        if let [number, _, device, what, place] = fields[..]
            && place.starts_with(&root)
        {
            found.push([number, device, what, place].join(&b' '));
        }
    }
    found
}

/// A path as the system has it in that list.
fn escaped(path: &[u8]) -> Vec<u8> {
    let mut escaped = Vec::with_capacity(path.len());
    for byte in path {
        match byte {
            b' ' | b'\t' | b'\n' | b'\\' => escaped.extend(format!("\\{byte:03o}").into_bytes()),
            byte => escaped.push(*byte),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_mounted_in_the_workspace_counts() {
        let text = b"22 1 8:1 / / rw - ext4 /dev/sda1 rw\n\
            30 22 0:30 / /w rw - tmpfs t rw\n\
            31 30 0:31 /a /w/my\\040dir/x rw,nosuid shared:1 - tmpfs t rw\n\
            32 30 0:32 / /w/my\\040dirs rw - tmpfs t rw\n\n";
        let found = |root: &str| below(text, Path::new(root));
        assert_eq!(found("/w/my dir"), [b"31 0:31 /a /w/my\\040dir/x".to_vec()]);
        assert_eq!(found("/w").len(), 2);
        assert_eq!(found("/").len(), 4);
        assert!(found("/elsewhere").is_empty());
    }

    #[test]
    fn nothing_is_said_to_have_changed_where_nothing_has() {
        let dir = tempfile::tempdir().expect("a directory");
        let mut mounts = Mounts::of(dir.path());
        assert!(!mounts.refresh(dir.path()));
    }
}
