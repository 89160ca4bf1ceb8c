//! What the caller gives for an attempt and what is reported to it. Has no behaviour.

use crate::model::ProcessState;
use std::ffi::OsString;
use std::io;
use std::os::fd::{OwnedFd, RawFd};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Which of the command's outputs bytes came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutputStream {
    /// Standard output, or the terminal.
    Stdout,
    /// Standard error; never with a terminal.
    Stderr,
    /// Either: both were one pipe.
    Both,
}

/// Size of a terminal in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TerminalSize {
    /// Lines.
    pub rows: u16,
    /// Characters in a line.
    pub columns: u16,
}

/// Most descriptors that a command gets beside its standard streams.
pub const MOST_DESCRIPTORS: usize = 4;

/// One command to run.
#[derive(Debug)]
pub struct Launch {
    /// Program and arguments. A program without a slash is looked up in the `PATH` of
    /// `environment`, as `execvp` does.
    pub argv: Vec<OsString>,
    /// Directory the command runs in; absolute.
    pub cwd: PathBuf,
    /// The whole environment; nothing is added but [`MARKER`](super::MARKER), nothing inherited.
    pub environment: Vec<(OsString, OsString)>,
    /// File mode creation mask; the daemon's own when absent.
    pub umask: Option<u32>,
    /// Soft and hard limit of open descriptors, lowered to what the daemon may set; the daemon's
    /// own when absent.
    pub nofile: Option<(u64, u64)>,
    /// What else it is started with; the daemon's own when absent.
    pub state: Option<Arc<ProcessState>>,
    /// Further descriptors, and the numbers under which it gets them: above 2 and below
    /// [`DESCRIPTORS_BELOW`](crate::model::process_state::DESCRIPTORS_BELOW).
    pub descriptors: Vec<(RawFd, OwnedFd)>,
    /// What the command reads; `/dev/null` when absent. With a terminal it is copied into that.
    pub stdin: Option<OwnedFd>,
    /// Standard output and standard error are one pipe, so that what is written to them comes in
    /// order.
    pub one_stream: bool,
    /// A terminal of this size instead of stdin, stdout and stderr.
    pub terminal: Option<TerminalSize>,
    /// Value of [`MARKER`](super::MARKER) in the environment, by which
    /// [`kill_orphans`](super::kill_orphans) finds survivors; unique to this attempt and without
    /// NUL.
    pub marker: String,
}

/// Takes the output of one attempt. It is called from the attempt's own thread, so whatever time
/// it takes holds up the command and nothing else.
pub trait OutputSink: Send {
    /// Takes bytes, in the order they were read. A sink that loses them records that itself: the
    /// command is not stopped for the sake of its log.
    fn append(&mut self, stream: OutputStream, bytes: &[u8]);

    /// No more bytes will come. Called once, before [`AttemptEvent::Ended`].
    fn finish(&mut self);
}

/// What is reported of an attempt: [`AttemptEvent::Started`] at most once, then
/// [`AttemptEvent::Lingers`] at most once, then
/// [`AttemptEvent::Ended`] exactly once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AttemptEvent {
    /// The command has ended, and something that it started has not.
    Lingers,
    /// The command runs.
    Started {
        /// Its process id.
        pid: u32,
    },
    /// The command and everything it started are gone, and the sink has all output.
    Ended(AttemptEnd),
}

/// How an attempt ended and what it cost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttemptEnd {
    /// How the command itself ended.
    pub exit: CommandExit,
    /// From the start of the command to its own end; processes that it left behind may live longer:
    /// up to 350 ms, and as long as half a minute if they still write what it said.
    pub duration: Duration,
    /// User and system time of the command and all descendants that were waited for by anybody.
    pub cpu: Duration,
    /// Largest sum of resident memory of the command and its descendants at one time, as sampled,
    /// and at least that of the largest of them. Pages that several of them share count for each.
    pub peak_rss_bytes: u64,
    /// What was killed while it was still writing, in one sentence; output of it may be missing.
    pub cut_off: Option<String>,
}

/// How a command ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CommandExit {
    /// It exited with this code.
    Code(i32),
    /// It was killed by this signal.
    Signal(i32),
    /// There is no such program; a shell exits with 127.
    NotFound {
        /// Names the program; for people.
        message: String,
    },
    /// The program exists and can not be executed; a shell exits with 126.
    NotExecutable {
        /// Names the program and the reason; for people.
        message: String,
    },
    /// It could not be started: the directory, a process or a descriptor was not available.
    SpawnFailed {
        /// Names the operation and the reason; for people.
        message: String,
    },
    /// The supervisor was killed; the processes of its tree were found by their marker and killed.
    SupervisorLost,
}

/// Why an attempt could not be set up at all. Reads as the end of "failed to …".
#[derive(Debug, thiserror::Error)]
pub enum LaunchError {
    /// `argv` is empty, or a text has a NUL byte.
    #[error("start a command: {0}")]
    InvalidLaunch(&'static str),
    /// The daemon is out of descriptors, threads or terminals.
    #[error("{operation} for a command: {source}")]
    Resources {
        /// What was tried.
        operation: &'static str,
        /// The system's error.
        source: io::Error,
    },
}
