//! Wakes the thread of a workspace out of its wait for events.

use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;

/// The end that is woken.
#[derive(Debug)]
pub(in crate::watch) struct WakeReceiver(UnixStream);

/// The end that wakes.
#[derive(Clone, Debug)]
pub(in crate::watch) struct Waker(Arc<UnixStream>);

/// Both ends.
pub(in crate::watch) fn wake_pipe() -> io::Result<(Waker, WakeReceiver)> {
    let (near, far) = UnixStream::pair()?;
    near.set_nonblocking(true)?;
    far.set_nonblocking(true)?;
    Ok((Waker(Arc::new(near)), WakeReceiver(far)))
}

impl Waker {
    /// Wakes the other end, now or when it next waits.
    pub(in crate::watch) fn wake(&self) {
        // When it is full, the other end is awake soon enough.
        let _ = (&*self.0).write(&[1]);
    }
}

impl WakeReceiver {
    /// The same end, for another thread to wait for.
    pub(in crate::watch) fn try_clone(&self) -> io::Result<Self> {
        self.0.try_clone().map(Self)
    }

    /// Forgets that it was woken, until it is woken again.
    pub(in crate::watch) fn clear(&mut self) {
        let mut bytes = [0; 256];
        while matches!(self.0.read(&mut bytes), Ok(256)) {}
    }
}

impl AsFd for WakeReceiver {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
