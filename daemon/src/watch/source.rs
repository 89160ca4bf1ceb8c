//! Where events come from: the one interface to what the operating system tells of directories.
//! Knows names, not what they mean.

use super::SourceKind;
use std::fmt::Debug;
use std::io;
use std::os::fd::BorrowedFd;
use std::path::Path;

/// One directory that is watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct WatchId(pub(super) u64);

/// What the operating system told. It says where to look; what is there, only a look tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// Something happened to a name in a directory.
    At { watch: WatchId, name: Box<[u8]>, what: What },
    /// A directory is not watched any more.
    Ended(WatchId),
    /// A watched directory is gone.
    SelfGone(WatchId),
    /// Events were lost: anything may have happened (rules 6 and 7).
    Overflow,
}

/// What happened to a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// It came; a file may be written to from now on.
    Made,
    /// A file is being written to.
    Modified,
    /// Its attributes may have changed.
    Attributes,
    /// It was closed after it was open for writing.
    Written,
    /// It went.
    Gone,
    /// It was moved from here; the other end has the same number.
    MovedFrom(u32),
    /// It was moved here.
    MovedTo(u32),
}

/// See the [module](self). Directories are watched one by one, from several threads.
pub(super) trait Source: Send + Sync + Debug {
    /// How this is called.
    fn kind(&self) -> SourceKind;

    /// Watches the directory that is open as `dir` and was found at `path`. When this returns,
    /// whatever happens to a name in it makes an event; so what a listing begun after it does not
    /// show, events will (rule 1). To watch what is watched already changes nothing.
    fn watch(&self, dir: BorrowedFd<'_>, path: &Path) -> io::Result<WatchId>;

    /// Forgets a watch; its events are not told any more.
    fn unwatch(&self, watch: WatchId);

    /// Adds what was told up to now, without waiting.
    fn take(&self, events: &mut Vec<Event>) -> io::Result<()>;

    /// Adds what was told up to now, and at least everything that was done before this call, by
    /// any process.
    fn sync(&self, events: &mut Vec<Event>) -> io::Result<()>;

    /// Readable when there is something to take.
    fn readable(&self) -> Option<BorrowedFd<'_>>;
}
