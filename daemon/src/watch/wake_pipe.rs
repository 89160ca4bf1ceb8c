//! Wakes the thread of a workspace out of its wait for events.

use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;

/// The end that is woken.
#[derive(Debug)]
pub(super) struct WakeReceiver(UnixStream);

/// The end that wakes.
#[derive(Clone, Debug)]
pub(super) struct Waker(Arc<UnixStream>);

/// Both ends.
pub(super) fn wake_pipe() -> io::Result<(Waker, WakeReceiver)> {
    let (near, far) = UnixStream::pair()?;
    near.set_nonblocking(true)?;
    far.set_nonblocking(true)?;
    Ok((Waker(Arc::new(near)), WakeReceiver(far)))
}

impl Waker {
    /// Wakes the other end, now or when it next waits.
    pub(super) fn wake(&self) {
        // When it is full, the other end is awake soon enough.
        let _ = (&*self.0).write(&[1]);
    }
}

impl WakeReceiver {
    /// The same wake_pipe, for somebody else to wait for.
    pub(super) fn second(&self) -> io::Result<Self> {
        self.0.try_clone().map(Self)
    }

    /// Takes note of having been woken.
    pub(super) fn quiet(&mut self) {
        let mut bytes = [0; 256];
        while matches!(self.0.read(&mut bytes), Ok(256)) {}
    }
}

impl AsFd for WakeReceiver {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
