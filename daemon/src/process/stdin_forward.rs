//! Copies a client's input into the terminal of a command, as fast as the terminal takes it.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use nix::errno::Errno;
use nix::poll::PollFlags;

/// Written at once into a terminal, whose own queue holds 4 KiB.
const CHUNK_BYTES: usize = 4096;

/// Ctrl-D.
const END_OF_INPUT: u8 = 4;

/// Input on its way into a terminal.
pub(super) struct StdinForward {
    from: Option<OwnedFd>,
    master: Arc<OwnedFd>,
    pending: Vec<u8>,
    at_line_start: bool,
}

impl StdinForward {
    pub(super) fn new(from: OwnedFd, master: Arc<OwnedFd>) -> Self {
        Self { from: Some(from), master, pending: Vec::new(), at_line_start: true }
    }

    /// The descriptor and event after which [`StdinForward::advance`] can do something.
    pub(super) fn waits_for(&self) -> (BorrowedFd<'_>, PollFlags) {
        match &self.from {
            Some(from) if self.pending.is_empty() => (from.as_fd(), PollFlags::POLLIN),
            _ => (self.master.as_fd(), PollFlags::POLLOUT),
        }
    }

    /// Copies what is available. False when nothing more will come.
    pub(super) fn advance(&mut self) -> bool {
        if self.pending.is_empty()
            && let Some(from) = &self.from
        {
            let mut chunk = [0; CHUNK_BYTES];
            match nix::unistd::read(from, &mut chunk) {
                Err(Errno::EINTR | Errno::EAGAIN) => return true,
                Ok(0) | Err(_) => {
                    // In the middle of a line, the first only ends the line.
                    let times = if self.at_line_start { 1 } else { 2 };
                    self.pending = vec![END_OF_INPUT; times];
                    self.from = None;
                }
                Ok(n) => self.pending = chunk[..n].to_vec(),
            }
        }
        match nix::unistd::write(&self.master, &self.pending) {
            Err(Errno::EINTR | Errno::EAGAIN) => return true,
            Err(_) => return false,
            Ok(n) => {
                let mut written = self.pending.drain(..n);
                self.at_line_start = written.next_back().map_or(self.at_line_start, |c| c == b'\n');
            }
        }
        self.from.is_some() || !self.pending.is_empty()
    }
}
