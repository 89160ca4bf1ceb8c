//! Lets the daemon begin without what its starter happened to have: its file mode mask, and signals
//! that it ignored or held back. Otherwise the first client would decide for all.

use nix::sys::signal::{SigHandler, SigSet, Signal, signal};
use nix::sys::stat::{Mode, umask};

/// Files of the daemon are for its user alone, whoever started it.
const PRIVATE: u32 = 0o077;

/// Takes the defaults for what a process hands on to those it starts. Before any thread and any file.
pub(super) fn take_defaults() {
    umask(Mode::from_bits_truncate(PRIVATE));
    // Ignored, it would leave no exit status of the processes that were started.
    #[expect(unsafe_code, reason = "nix marks every change of a handler so")]
    // SAFETY: the default action runs no code of ours.
    let reset = unsafe { signal(Signal::SIGCHLD, SigHandler::SigDfl) };
    // Both fail only for numbers that are no signals.
    let _ = reset;
    let _ = SigSet::empty().thread_set_mask();
}
