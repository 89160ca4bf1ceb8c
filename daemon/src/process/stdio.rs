//! The two ends of a command's outputs: pipes, or one terminal.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use super::spec::TerminalSize;
use super::terminal::{self, Terminal};

/// Size of the pipes. Larger ones let the command run ahead further, but fall out of the cache,
/// and the kernel gives a user 64 MiB of pipes in all.
#[cfg(target_os = "linux")]
const PIPE_BYTES: i32 = 256 * 1024;

/// Both ends of the outputs, until the supervisor has the child's.
pub(super) struct ChildStdio {
    pub(super) daemon_ends: [Option<OutputSource>; 2],
    pub(super) child_ends: [OwnedFd; 2],
}

/// Where the daemon reads one output.
pub(super) enum OutputSource {
    Pipe(OwnedFd),
    Terminal(Arc<OwnedFd>),
}

impl AsFd for OutputSource {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Pipe(end) => end.as_fd(),
            Self::Terminal(master) => master.as_fd(),
        }
    }
}

fn pipe() -> io::Result<(OutputSource, OwnedFd)> {
    let (ours, theirs) = io::pipe()?;
    let ours = OwnedFd::from(ours);
    #[cfg(target_os = "linux")]
    {
        // It fails for a user over the limit, whose pipe is just smaller then.
        let size = nix::fcntl::FcntlArg::F_SETPIPE_SZ(PIPE_BYTES);
        let _ = nix::fcntl::fcntl(&ours, size);
    }
    Ok((OutputSource::Pipe(ours), theirs.into()))
}

impl ChildStdio {
    pub(super) fn pipes() -> io::Result<Self> {
        let (stdout, stdout_end) = pipe()?;
        let (stderr, stderr_end) = pipe()?;
        let daemon_ends = [Some(stdout), Some(stderr)];
        Ok(Self { daemon_ends, child_ends: [stdout_end, stderr_end] })
    }

    /// One pipe for both.
    pub(super) fn one_pipe() -> io::Result<Self> {
        let (both, end) = pipe()?;
        Ok(Self { daemon_ends: [Some(both), None], child_ends: [end.try_clone()?, end] })
    }

    pub(super) fn terminal(size: TerminalSize) -> io::Result<Self> {
        let Terminal { master, slave } = terminal::open(size)?;
        let child_ends = [slave.try_clone()?, slave];
        Ok(Self { daemon_ends: [Some(OutputSource::Terminal(Arc::new(master))), None], child_ends })
    }

    /// The daemon's end of the terminal, if it is one.
    pub(super) fn terminal_master(&self) -> Option<Arc<OwnedFd>> {
        match &self.daemon_ends[0] {
            Some(OutputSource::Terminal(master)) => Some(Arc::clone(master)),
            _ => None,
        }
    }
}
