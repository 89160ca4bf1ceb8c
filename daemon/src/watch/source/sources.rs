//! Gives each workspace its change source. All that use inotify share one instance of it: a user has
//! 128, for editors and all others as well.

use super::change_source::ChangeSource;
use super::filesystem::undeliverable_reason;
#[cfg(target_os = "linux")]
use super::inotify::{InotifyHub, InotifySource};
use super::kind::SourcePreference;
use super::limits::limit_hint;
use super::notify::NotifySource;
use super::poll::PollSource;
use super::waker::Waker;
use crate::files::open_dir;
use std::io;
use std::os::fd::AsFd as _;
use std::path::Path;
use std::sync::Arc;
#[cfg(target_os = "linux")]
use std::sync::{Mutex, PoisonError};

/// What sources share on this system: nothing.
#[cfg(not(target_os = "linux"))]
#[derive(Debug)]
pub(in crate::watch) enum NothingShared {}

#[cfg(not(target_os = "linux"))]
impl NothingShared {
    pub(in crate::watch) fn pump(&self) {
        match *self {}
    }
}

#[cfg(not(target_os = "linux"))]
impl std::os::fd::AsFd for NothingShared {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        match *self {}
    }
}

/// See the [module](self).
#[derive(Debug, Default)]
pub(in crate::watch) struct Sources {
    #[cfg(target_os = "linux")]
    hub: Mutex<Option<Arc<InotifyHub>>>,
}

impl Sources {
    /// What sources share, to wait for; `None` while none is in use.
    #[cfg(target_os = "linux")]
    pub(in crate::watch) fn shared(&self) -> Option<Arc<InotifyHub>> {
        self.hub.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What sources share, to wait for: nothing on this system.
    #[cfg(not(target_os = "linux"))]
    pub(in crate::watch) fn shared(&self) -> Option<Arc<NothingShared>> {
        None
    }

    /// The change source for the workspace at `root`, and warnings about it. `private` is a directory
    /// of the daemon's own; `waker` has somebody take what the source reports.
    pub(in crate::watch) fn select(
        &self,
        root: &Path,
        preference: SourcePreference,
        private: &Path,
        waker: Waker,
    ) -> (Arc<dyn ChangeSource>, Vec<String>) {
        let unreliable = open_dir(root).ok().and_then(|root| undeliverable_reason(root.as_fd()));
        if let (SourcePreference::Auto, Some(why)) = (preference, unreliable) {
            return (Arc::new(PollSource), vec![format!("all files are checked each time: {why}")]);
        }
        let source: io::Result<Arc<dyn ChangeSource>> = match preference {
            SourcePreference::Poll => return (Arc::new(PollSource), Vec::new()),
            SourcePreference::Auto | SourcePreference::Native => self.native(private, waker),
            SourcePreference::Notify => {
                NotifySource::new(private, waker).map(|source| Arc::new(source) as _)
            }
        };
        match source {
            Ok(source) => (source, Vec::new()),
            Err(error) => {
                let warning = format!(
                    "all files are checked each time, since there are no events: {error}{}",
                    limit_hint(&error)
                );
                (Arc::new(PollSource), vec![warning])
            }
        }
    }

    #[cfg(target_os = "linux")]
    fn native(&self, _: &Path, waker: Waker) -> io::Result<Arc<dyn ChangeSource>> {
        let mut hub = self.hub.lock().unwrap_or_else(PoisonError::into_inner);
        let hub = match &*hub {
            Some(hub) => hub,
            None => hub.insert(Arc::new(InotifyHub::new()?)),
        };
        Ok(Arc::new(InotifySource::new(hub.clone(), waker)))
    }

    #[cfg(not(target_os = "linux"))]
    fn native(&self, private: &Path, waker: Waker) -> io::Result<Arc<dyn ChangeSource>> {
        Ok(Arc::new(NotifySource::new(private, waker)?))
    }
}
