//! Writing to a file through a shared mapping, as linkers and databases do. Linux updates the
//! file's times at the first store after the pages were clean, and not at later ones.

use nix::sys::mman::{MapFlags, ProtFlags, mmap, munmap};
use std::fs::File;
use std::num::NonZero;
use std::path::Path;
use std::ptr::NonNull;

/// See the [module](self).
#[derive(Debug)]
pub struct MappedFile {
    at: NonNull<u8>,
    len: NonZero<usize>,
    /// Its close comes after the end of the mapping.
    _file: File,
}

impl MappedFile {
    /// Maps a file that is there and not empty.
    ///
    /// # Panics
    ///
    /// When it can not be mapped.
    #[must_use]
    pub fn open(path: &Path) -> Self {
        Self::try_open(path).unwrap_or_else(|| panic!("{} can not be mapped", path.display()))
    }

    /// Maps a file, if there is one that can be.
    #[must_use]
    pub fn try_open(path: &Path) -> Option<Self> {
        let file = File::options().read(true).write(true).open(path).ok()?;
        let len = NonZero::new(usize::try_from(file.metadata().ok()?.len()).ok()?)?;
        let access = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
        #[expect(unsafe_code, reason = "there is no safe mapping")]
        // SAFETY: a new mapping, which nothing else refers to.
        let at = unsafe { mmap(None, len, access, MapFlags::MAP_SHARED, &file, 0) }.ok()?;
        Some(Self { at: at.cast(), len, _file: file })
    }

    /// Stores one byte. Nobody may make the file shorter meanwhile.
    ///
    /// # Panics
    ///
    /// When the file has not so many bytes.
    pub fn store(&mut self, index: usize, byte: u8) {
        assert!(index < self.len.get());
        #[expect(unsafe_code, reason = "a store to a mapping")]
        // SAFETY: within the mapping, which lives as long as `self`.
        unsafe {
            self.at.as_ptr().add(index).write_volatile(byte);
        }
    }
}

impl Drop for MappedFile {
    fn drop(&mut self) {
        #[expect(unsafe_code, reason = "the end of the mapping")]
        // SAFETY: as it was mapped; nobody has a pointer into it any more.
        let unmapped = unsafe { munmap(self.at.cast(), self.len.get()) };
        unmapped.expect("a mapping");
    }
}
