//! Where events come from: the one interface to what the operating system reports of directories.
//! Knows names, not what they mean.

use super::kind::SourceKind;
use std::fmt::Debug;
use std::io;
use std::os::fd::BorrowedFd;
use std::path::Path;

/// One directory that is watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(in crate::watch) struct WatchId(pub(in crate::watch) u64);

/// What the operating system reported. It says where to check; only a check shows what is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::watch) enum FsEvent {
    /// Something happened to a name in a directory.
    Name { watch: WatchId, name: Box<[u8]>, change: NameChange },
    /// A directory went from another one, by this name. The event of the name follows. Not every
    /// source tells.
    #[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "only inotify tells"))]
    DirectoryLeft { watch: WatchId, name: Box<[u8]> },
    /// A directory is not watched any more.
    WatchEnded(WatchId),
    /// A watched directory is gone.
    DirectoryGone(WatchId),
    /// Events were lost: anything may have happened (rules 6 and 7).
    Overflow,
}

/// What happened to a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::watch) enum NameChange {
    /// It came; a file may be written to from now on.
    Created,
    /// A file is being written to.
    Modified,
    /// Its attributes may have changed.
    Attributes,
    /// It was closed after it was open for writing.
    ClosedAfterWrite,
    /// It went.
    Removed,
    /// It was moved from here; the other end has the same number.
    MovedFrom(u32),
    /// It was moved here.
    MovedTo(u32),
}

/// A source of events. Directories are watched one by one, from several threads.
pub(in crate::watch) trait ChangeSource: Send + Sync + Debug {
    /// How this is called.
    fn kind(&self) -> SourceKind;

    /// Watches the directory that is open as `dir` and was found at `path`. When this returns,
    /// whatever happens to a name in it makes an event; so what a listing that starts after it
    /// does not show, events will (rule 1). To watch what is watched already changes nothing.
    ///
    /// # Errors
    ///
    /// When the system refuses, for example because a limit on watches is reached.
    fn watch(&self, dir: BorrowedFd<'_>, path: &Path) -> io::Result<WatchId>;

    /// Forgets a watch; its events are not reported any more.
    fn unwatch(&self, watch: WatchId);

    /// Adds what was reported up to now, without waiting.
    ///
    /// # Errors
    ///
    /// When events can not be read; those that were missed are lost.
    fn take(&self, events: &mut Vec<FsEvent>) -> io::Result<()>;

    /// Adds what was reported up to now, and at least everything that was done before this call,
    /// by any process.
    ///
    /// # Errors
    ///
    /// As [`Self::take`], and when events do not come in time.
    fn sync(&self, events: &mut Vec<FsEvent>) -> io::Result<()>;
}
