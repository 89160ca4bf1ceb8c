//! Watches over the place where clients meet the daemon. When its socket is removed, it is bound again;
//! when the home is, there is nothing left that the daemon could be of use for. Costs nothing while
//! nothing happens: one thread waits for the system to tell.

use super::lock::DaemonLock;
use crate::server::listen;
use bd_protocol::rendezvous::Home;
use std::fs;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::UnboundedSender;

/// How long nothing more may happen before it is looked at: whoever removes a directory removes what
/// is in it one by one.
#[cfg(target_os = "linux")]
const SETTLE: Duration = Duration::from_millis(150);

/// Between two tries to bind, and two looks where the system does not tell.
const AGAIN: Duration = Duration::from_secs(1);
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// What became of the place.
#[derive(Debug)]
pub(super) enum News {
    /// The daemon listens here from now on.
    Bound(OwnedFd),
    /// There is no home any more, or it is another daemon's.
    Gone(String),
}

/// See the head of this file.
pub(super) struct MeetingPlace {
    home: Home,
    lock: Arc<DaemonLock>,
    /// Device and inode of the socket.
    socket: Option<(u64, u64)>,
}

impl MeetingPlace {
    /// That of a daemon which has just bound its socket.
    pub(super) fn new(home: &Home, lock: Arc<DaemonLock>) -> Self {
        Self { socket: socket_at(&home.socket()), home: home.clone(), lock }
    }

    /// Watches in a thread of its own. Without one nobody watches, and the daemon works as well.
    pub(super) fn watch(mut self, news: UnboundedSender<News>) {
        let watch = move || {
            let mut watches = Watches::new();
            loop {
                watches.keep(&self.home);
                // What happened before there was a watch is seen now.
                match self.look() {
                    Ok(None) => watches.wait(),
                    Ok(Some(found)) => {
                        let last = matches!(found, News::Gone(_));
                        if news.send(found).is_err() || last {
                            return;
                        }
                    }
                    Err(why) => {
                        tracing::warn!(%why, "the socket is gone and was not bound again");
                        std::thread::sleep(AGAIN);
                    }
                }
            }
        };
        let _ = std::thread::Builder::new().name("meeting-place".into()).spawn(watch);
    }

    /// Looks whether everything is in its place, and puts it there.
    fn look(&mut self) -> Result<Option<News>, String> {
        if !self.lock.has_store(&self.home) {
            let state = self.home.state_dir().display();
            return Ok(Some(News::Gone(format!("{state} was removed or replaced"))));
        }
        if self.socket.is_some() && socket_at(&self.home.socket()) == self.socket {
            return Ok(None);
        }
        // Clients look at the usual place, which may be another than when this daemon began. Nobody
        // else binds there: whoever would has to have the lock of the store.
        let home = Home::from_env().map_err(|why| why.to_string())?;
        home.prepare().map_err(|why| why.to_string())?;
        if home.store_lock() == self.home.store_lock() {
            self.home = home;
        }
        self.lock.move_to(&self.home).map_err(|why| format!("failed to {why}"))?;
        let socket = listen::bind(&self.home).map_err(|why| format!("failed to bind: {why}"))?;
        self.socket = socket_at(&self.home.socket());
        tracing::warn!(socket = %self.home.socket().display(), "the socket was gone; bound again");
        Ok(Some(News::Bound(socket)))
    }
}

fn socket_at(path: &Path) -> Option<(u64, u64)> {
    let found = fs::symlink_metadata(path).ok()?;
    found.file_type().is_socket().then(|| (found.dev(), found.ino()))
}

/// Tells when something is removed from the directories of the daemon.
#[cfg(target_os = "linux")]
struct Watches(Option<OwnedFd>);

#[cfg(target_os = "linux")]
impl Watches {
    fn new() -> Self {
        use rustix::fs::inotify::{CreateFlags, init};
        let events = init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK);
        if let Err(error) = &events {
            tracing::debug!(%error, "the meeting place is looked at now and then");
        }
        Self(events.ok())
    }

    /// Watches the directories, whichever are there now.
    fn keep(&self, home: &Home) {
        use rustix::fs::inotify::{WatchFlags, add_watch};
        let Some(events) = &self.0 else { return };
        let itself = WatchFlags::DELETE_SELF | WatchFlags::MOVE_SELF | WatchFlags::ONLYDIR;
        let within = itself | WatchFlags::DELETE | WatchFlags::MOVED_FROM;
        for dir in [home.runtime_dir(), home.state_dir()] {
            let _ = add_watch(events, dir, within);
            if let Some(parent) = dir.parent() {
                let _ = add_watch(events, parent, itself | WatchFlags::MASK_ADD);
            }
        }
    }

    /// Waits until something has happened, and nothing more.
    fn wait(&mut self) {
        use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
        use std::os::fd::AsFd as _;
        let Some(events) = &self.0 else { return std::thread::sleep(LOOK_EVERY) };
        let mut patience = PollTimeout::NONE;
        loop {
            let mut waited = [PollFd::new(events.as_fd(), PollFlags::POLLIN)];
            match poll(&mut waited, patience) {
                Ok(0) => return,
                Ok(_) => {
                    let mut buffer = [0; 4096];
                    // Which it was does not matter.
                    while rustix::io::read(events, &mut buffer).is_ok_and(|read| read > 0) {}
                    patience =
                        u16::try_from(SETTLE.as_millis()).map_or(PollTimeout::ZERO, Into::into);
                }
                Err(nix::errno::Errno::EINTR) => {}
                Err(_) => return std::thread::sleep(LOOK_EVERY),
            }
        }
    }
}

/// Looks now and then.
#[cfg(not(target_os = "linux"))]
struct Watches;

#[cfg(not(target_os = "linux"))]
impl Watches {
    fn new() -> Self {
        Self
    }

    fn keep(&self, _home: &Home) {}

    fn wait(&mut self) {
        std::thread::sleep(LOOK_EVERY);
    }
}
