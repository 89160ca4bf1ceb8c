//! The source without events: everything is checked each time.

use super::change_source::{ChangeSource, FsEvent, WatchId};
use super::kind::SourceKind;
use std::io;
use std::os::fd::BorrowedFd;
use std::path::Path;

/// See the [module](self).
#[derive(Debug)]
pub(in crate::watch) struct PollSource;

impl ChangeSource for PollSource {
    fn kind(&self) -> SourceKind {
        SourceKind::Poll
    }

    fn watch(&self, _: BorrowedFd<'_>, _: &Path) -> io::Result<WatchId> {
        Err(io::Error::new(io::ErrorKind::Unsupported, "nothing reports changes here"))
    }

    fn unwatch(&self, _: WatchId) {}

    fn take(&self, _: &mut Vec<FsEvent>) -> io::Result<()> {
        Ok(())
    }

    fn sync(&self, _: &mut Vec<FsEvent>) -> io::Result<()> {
        Ok(())
    }
}
