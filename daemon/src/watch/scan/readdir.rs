//! The names in a directory, read with as few system calls as the system allows.

use rustix::fs::FileType;
use std::io;
use std::os::fd::OwnedFd;

/// A name in a directory, and what it is of as far as the directory says.
pub(super) type DirName = (Box<[u8]>, FileType);

/// Reads directories one after another into the same memory.
#[cfg(target_os = "linux")]
#[derive(Debug)]
pub(super) struct Lister {
    buffer: Box<[std::mem::MaybeUninit<u8>]>,
}

/// Reads directories one after another.
#[cfg(not(target_os = "linux"))]
#[derive(Debug)]
pub(super) struct Lister;

#[cfg(target_os = "linux")]
impl Lister {
    /// Bytes of a directory read at once.
    const BYTES: usize = 32 << 10;

    pub(super) fn new() -> Self {
        Self { buffer: Box::new_uninit_slice(Self::BYTES) }
    }

    /// All names in an open directory but `.` and `..`, in no order.
    pub(super) fn names(&mut self, dir: &OwnedFd) -> io::Result<Vec<DirName>> {
        let mut names = Vec::new();
        let mut entries = rustix::fs::RawDir::new(dir, &mut self.buffer);
        while let Some(entry) = entries.next() {
            let entry = entry?;
            names.extend(name(entry.file_name().to_bytes(), entry.file_type()));
        }
        Ok(names)
    }
}

#[cfg(not(target_os = "linux"))]
impl Lister {
    pub(super) fn new() -> Self {
        Self
    }

    /// All names in an open directory but `.` and `..`, in no order.
    #[expect(clippy::unused_self, reason = "elsewhere there is memory to use again")]
    pub(super) fn names(&mut self, dir: &OwnedFd) -> io::Result<Vec<DirName>> {
        let mut names = Vec::new();
        for entry in rustix::fs::Dir::read_from(dir)? {
            let entry = entry?;
            names.extend(name(entry.file_name().to_bytes(), entry.file_type()));
        }
        Ok(names)
    }
}

fn name(name: &[u8], kind: FileType) -> Option<DirName> {
    (!matches!(name, b"." | b"..")).then(|| (name.into(), kind))
}
