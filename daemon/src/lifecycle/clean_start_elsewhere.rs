//! Lets the daemon begin without what its starter happened to have, on systems where no client sends its
//! own state: the file mode mask, SIGCHLD and the limit of open files.

use super::started::{CleanStart, PRIVATE};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::{SigHandler, SigSet, Signal, signal};
use nix::sys::stat::{Mode, umask};

/// Takes the defaults for what a process hands on to those it starts. Before any thread and any file.
/// With `apart`, also leaves the session of its starter, and so its terminal.
pub(super) fn take_defaults(apart: bool) -> CleanStart {
    umask(Mode::from_bits_truncate(PRIVATE as _));
    // Ignored, it would leave no exit status of the processes that were started.
    #[expect(unsafe_code, reason = "nix marks every change of a handler so")]
    // SAFETY: the default action runs no code of ours.
    let reset = unsafe { signal(Signal::SIGCHLD, SigHandler::SigDfl) };
    // Both fail only for numbers that are no signals.
    let _ = reset;
    let _ = SigSet::empty().thread_set_mask();
    if apart {
        // It fails for the leader of a group, which has its own session already.
        let _ = nix::unistd::setsid();
    }
    let open_files = getrlimit(Resource::RLIMIT_NOFILE).ok();
    if let Some((_, hard)) = open_files {
        // Some systems report a limit that they do not grant; then it stays as it is.
        let _ = setrlimit(Resource::RLIMIT_NOFILE, hard, hard);
    }
    CleanStart { open_files, ..CleanStart::default() }
}
