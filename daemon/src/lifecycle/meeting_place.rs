//! Watches over the place where clients meet the daemon. When its socket is removed, it is bound again;
//! when the home is, there is nothing left that the daemon could be of use for. Costs nothing while
//! nothing happens: the system tells.

use super::lock::DaemonLock;
use crate::server::listen;
use bd_protocol::rendezvous::Home;
use std::fs;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
#[cfg(target_os = "linux")]
use tokio::io::unix::AsyncFd;
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

    /// Watches from now on, beside what else the runtime does.
    pub(super) fn watch(mut self, news: UnboundedSender<News>) {
        tokio::spawn(async move {
            let mut watches = Watches::new();
            loop {
                watches.keep(&self.home);
                // What happened before there was a watch is seen now.
                match self.look() {
                    Ok(None) => watches.wait().await,
                    Ok(Some(found)) => {
                        let last = matches!(found, News::Gone(_));
                        if news.send(found).is_err() || last {
                            return;
                        }
                    }
                    Err(why) => {
                        tracing::warn!(%why, "the socket is gone and was not bound again");
                        tokio::time::sleep(AGAIN).await;
                    }
                }
            }
        });
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
struct Watches(Option<AsyncFd<OwnedFd>>);

#[cfg(target_os = "linux")]
impl Watches {
    #[expect(unsafe_code, reason = "AsyncFd asks for a promise about its descriptor")]
    fn new() -> Self {
        use rustix::fs::inotify::{CreateFlags, init};
        let queue = init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK);
        let events = queue.map_err(|error| error.to_string()).and_then(|queue| {
            // SAFETY: the descriptor is owned, and stays the same one as long as this has it.
            unsafe { AsyncFd::register(queue) }.map_err(|error| error.to_string())
        });
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
            let _ = add_watch(events.get_ref(), dir, within);
            if let Some(parent) = dir.parent() {
                let _ = add_watch(events.get_ref(), parent, itself | WatchFlags::MASK_ADD);
            }
        }
    }

    /// Waits until something has happened, and nothing more.
    async fn wait(&mut self) {
        let Some(events) = &self.0 else { return tokio::time::sleep(LOOK_EVERY).await };
        let mut patience = Duration::MAX;
        while let Ok(ready) = tokio::time::timeout(patience, events.readable()).await {
            let Ok(mut ready) = ready else { return tokio::time::sleep(LOOK_EVERY).await };
            let mut buffer = [0; 4096];
            // Which it was does not matter.
            while rustix::io::read(events.get_ref(), &mut buffer).is_ok_and(|read| read > 0) {}
            ready.clear_ready();
            patience = SETTLE;
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

    async fn wait(&mut self) {
        tokio::time::sleep(LOOK_EVERY).await;
    }
}
