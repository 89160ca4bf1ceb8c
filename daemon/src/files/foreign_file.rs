//! A file that is not ours: it may be a pipe that nobody writes to, a device that never ends, or
//! larger than memory. Knows not what is in it.

use rustix::fs::{CWD, FileType, Mode, OFlags};
use rustix::io::Errno;
use std::fs::File;
use std::io::Read as _;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::path::Path;

/// What reads as an empty file wherever a file is named: who names it wants none.
const EMPTY: &str = "/dev/null";

/// See the [module](self).
#[derive(Clone, Copy, Debug)]
pub(crate) struct ForeignFile<'a> {
    dir: BorrowedFd<'a>,
    path: &'a Path,
    link: OFlags,
}

/// Why a file is not read, as the end of "cannot read FILE: …".
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Fault {
    /// It is not there.
    #[error("it is not there")]
    Absent,
    /// It is a symbolic link, which was not to be followed.
    #[error("it is a symbolic link, which is not followed here")]
    Link,
    /// It is a directory.
    #[error("it is a directory")]
    Directory,
    /// It is a pipe, a socket or a device.
    #[error("it is {0}, not a regular file")]
    NotRegular(&'static str),
    /// It has more bytes than are read of such a file.
    #[error("it is larger than {0} bytes")]
    TooLarge(u64),
    /// The system's own words.
    #[error("{0}")]
    System(Errno),
}

impl<'a> ForeignFile<'a> {
    /// The file at an absolute path.
    pub(crate) fn at(path: &'a Path) -> Self {
        Self { dir: CWD, path, link: OFlags::empty() }
    }

    /// The file of this name in an open directory.
    pub(crate) fn in_dir(dir: &'a OwnedFd, name: &'a str) -> Self {
        Self { dir: dir.as_fd(), path: Path::new(name), link: OFlags::empty() }
    }

    /// The same, but a symbolic link is not followed.
    pub(crate) fn no_link(self) -> Self {
        Self { link: OFlags::NOFOLLOW, ..self }
    }

    /// Opens it for reading. Never waits for a writer, and takes no terminal as ours.
    ///
    /// # Errors
    ///
    /// A [`Fault`] for all but a regular file, and for what only reads as one without bytes.
    pub(crate) fn open(self) -> Result<File, Fault> {
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let opened = rustix::fs::openat(self.dir, self.path, flags | self.link, Mode::empty());
        let file = match opened {
            Ok(file) => file,
            Err(Errno::NOENT | Errno::NOTDIR) => return Err(Fault::Absent),
            Err(Errno::LOOP) if !self.link.is_empty() => return Err(Fault::Link),
            // What a socket says to whoever opens it.
            Err(Errno::NXIO) => return Err(Fault::NotRegular("a socket or a device")),
            Err(error) => return Err(Fault::System(error)),
        };
        let found = rustix::fs::fstat(&file).map_err(Fault::System)?;
        let what = match FileType::from_raw_mode(found.st_mode) {
            FileType::RegularFile => return Ok(File::from(file)),
            FileType::Directory => return Err(Fault::Directory),
            FileType::Fifo => "a named pipe",
            FileType::Socket => "a socket",
            _ => "a device",
        };
        let is_empty = rustix::fs::stat(EMPTY).is_ok_and(|empty| empty.st_rdev == found.st_rdev);
        match what == "a device" && is_empty {
            true => Ok(File::from(file)),
            false => Err(Fault::NotRegular(what)),
        }
    }

    /// Reads all of it, which is at most `limit` bytes.
    ///
    /// # Errors
    ///
    /// As [`Self::open`], and for a file that is larger or fails to be read.
    pub(crate) fn read(self, limit: u64) -> Result<Vec<u8>, Fault> {
        let mut bytes = Vec::new();
        let read = self.open()?.take(limit.saturating_add(1)).read_to_end(&mut bytes);
        read.map_err(|error| Fault::System(Errno::from_io_error(&error).unwrap_or(Errno::IO)))?;
        match bytes.len() as u64 > limit {
            true => Err(Fault::TooLarge(limit)),
            false => Ok(bytes),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn only_what_ends_is_read_and_everything_else_is_named() {
        let dir = tempfile::tempdir().expect("a directory");
        let at = |name: &str| dir.path().join(name);
        std::fs::write(at("file"), "12345").expect("a file");
        symlink("file", at("link")).expect("a link");
        symlink("loop", at("loop")).expect("a link");
        symlink("/dev/zero", at("zero")).expect("a link");
        symlink(EMPTY, at("null")).expect("a link");
        nix::unistd::mkfifo(&at("pipe"), nix::sys::stat::Mode::S_IRWXU).expect("a pipe");
        let _listening = std::os::unix::net::UnixListener::bind(at("socket")).expect("a socket");
        let read = |name: &str, limit| ForeignFile::at(&at(name)).read(limit);
        assert_eq!(read("file", 5), Ok(b"12345".to_vec()));
        assert_eq!(read("link", 5), Ok(b"12345".to_vec()));
        assert_eq!(read("null", 5), Ok(Vec::new()));
        for (name, limit, fault) in [
            ("file", 4, Fault::TooLarge(4)),
            ("missing", 4, Fault::Absent),
            ("file/below", 4, Fault::Absent),
            (".", 4, Fault::Directory),
            ("pipe", 4, Fault::NotRegular("a named pipe")),
            ("zero", 4, Fault::NotRegular("a device")),
            ("socket", 4, Fault::NotRegular("a socket or a device")),
            ("loop", 4, Fault::System(Errno::LOOP)),
        ] {
            assert_eq!(read(name, limit), Err(fault), "{name}");
        }
        assert_eq!(ForeignFile::at(&at("link")).no_link().read(5), Err(Fault::Link));
        let open = File::open(dir.path()).expect("a directory").into();
        assert_eq!(ForeignFile::in_dir(&open, "pipe").read(5), read("pipe", 5));
        assert_eq!(ForeignFile::in_dir(&open, "file").read(5), read("file", 5));
    }
}
