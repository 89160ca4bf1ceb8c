//! How attempts and builds end.

use std::path::PathBuf;

/// How the command of an attempt ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Exit {
    /// It exited with a code.
    Code(i32),
    /// A signal ended it.
    Signal(i32),
    /// Its program was not found (as a shell's 127).
    NotFound(String),
    /// Its program is there but cannot be run (as a shell's 126).
    NotExecutable(String),
    /// The daemon could not start or follow it.
    Error(String),
}

/// What one attempt came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttemptResult {
    /// How the command ended.
    pub exit: Exit,
    /// How long it ran, in milliseconds.
    pub duration_ms: u64,
    /// Processor time of the whole process tree, in milliseconds.
    pub cpu_ms: u64,
    /// Largest memory of the whole process tree, in bytes.
    pub peak_rss_bytes: u64,
}

/// How a build ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Status {
    /// The command exited with 0.
    Ok,
    /// It exited with another code, was killed by a signal, or could not be started.
    Failed,
    /// Somebody withdrew it.
    Cancelled,
    /// Its time ran out.
    TimedOut,
    /// The daemon ended first.
    Interrupted,
    /// It was never started.
    NotRun,
    /// Something it depends on did not succeed.
    Skipped,
    /// The daemon could not do its part.
    Error,
}

/// Where a build's outcome comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OutcomeSource {
    /// An execution was started for it.
    Executed,
    /// An execution that was there already was shared.
    Joined,
}

/// How a build ended, and at what cost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// How it ended.
    pub status: Status,
    /// The attempt behind it; `None` where there was none.
    pub result: Option<AttemptResult>,
    /// Paths that changed while it ran, relative to the root; `None` where nobody looked.
    pub moved: Option<Vec<PathBuf>>,
    /// Where it comes from.
    pub source: OutcomeSource,
    /// What the daemon has to say about it.
    pub message: Option<String>,
}

impl Outcome {
    /// An outcome without an attempt.
    #[must_use]
    pub fn without_attempt(status: Status, message: Option<String>) -> Self {
        Self { status, result: None, moved: None, source: OutcomeSource::Executed, message }
    }
}

impl Exit {
    /// The status of a build whose command ended so and which nobody withdrew.
    #[must_use]
    pub fn status(&self) -> Status {
        match self {
            Self::Code(0) => Status::Ok,
            Self::Error(_) => Status::Error,
            _ => Status::Failed,
        }
    }
}
