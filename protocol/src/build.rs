//! A build as clients see it. These types are also what `bdctl --json` prints.

use crate::{OsText, Priority, Session};
use serde::{Deserialize, Serialize};

/// Where a build is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BuildState {
    /// Accepted; nothing runs for it yet.
    Waiting,
    /// Its execution runs.
    Running,
    /// It has its outcome.
    Ended,
    /// A state that this version does not know.
    #[serde(other)]
    Unknown,
}

/// How a build ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutcomeStatus {
    /// The command exited with 0.
    Ok,
    /// The command exited with another code, was killed by a signal, or could not be started.
    Failed,
    /// It was cancelled.
    Cancelled,
    /// Its time ran out.
    TimedOut,
    /// The daemon ended before the command did.
    Interrupted,
    /// It was never started.
    NotRun,
    /// The daemon failed.
    Error,
    /// A status that this version does not know.
    #[serde(other)]
    Unknown,
}

/// Where an outcome comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutcomeSource {
    /// An execution was started for this build.
    Executed,
    /// An existing execution was shared.
    Joined,
    /// Outputs came from the cache.
    Restored,
    /// The earlier output was shown again.
    Replayed,
    /// A source that this version does not know.
    #[serde(other)]
    Unknown,
}

/// Why a build waits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wait {
    /// Stable, for programs: `resolving`, `predecessor` or `workers`, or one that a newer daemon
    /// added.
    pub reason: String,
    /// The same in one sentence.
    pub detail: String,
    /// Position in the queue, from 1; `null` where there is no queue.
    pub position: Option<u32>,
    /// Expected time until it starts, in milliseconds; `null` if the history does not say.
    pub estimate_ms: Option<u64>,
}

/// How a build ended, and at what cost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// How it ended.
    pub status: OutcomeStatus,
    /// Exit code of the command; 126 and 127 as a shell has them.
    pub exit_code: Option<i32>,
    /// Number of the signal that ended the command.
    pub signal: Option<i32>,
    /// Paths, relative to the workspace root, that changed while the command ran; the outcome
    /// then belongs to no single state. `null` if nothing changed, or if it was not checked because
    /// the command is not shared. At most [`INPUTS_MOVED_MAX`] are listed.
    pub inputs_moved: Option<Vec<OsText>>,
    /// How long the command ran, in milliseconds.
    pub duration_ms: Option<u64>,
    /// Processor time of its whole process tree, in milliseconds.
    pub cpu_ms: Option<u64>,
    /// Largest memory of its whole process tree, in bytes.
    pub peak_rss_bytes: Option<u64>,
    /// Where the outcome comes from.
    pub source: OutcomeSource,
    /// A message of the daemon for users: why it could not be started, which output was lost.
    #[serde(default)]
    pub message: Option<String>,
}

/// Most paths listed in [`Outcome::inputs_moved`].
pub const INPUTS_MOVED_MAX: usize = 100;

/// One client's request and what became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Build {
    /// Id, unique for this user: `b` and eleven digits and letters, of which a few at the start are enough to name it.
    pub id: String,
    /// Where it is in its life.
    pub state: BuildState,
    /// Program and arguments.
    pub command: Vec<OsText>,
    /// Tasks it wants; empty for a plain command.
    pub tasks: Vec<String>,
    /// Directory the command runs in.
    pub cwd: OsText,
    /// The session that submitted it.
    pub session: Session,
    /// Priority class: its own, or inherited from a build that joined the same execution.
    pub priority: Priority,
    /// When it was accepted (RFC 3339, UTC).
    pub submitted_at: String,
    /// When its execution started, which is before `submitted_at` for a late joiner.
    pub started_at: Option<String>,
    /// When it ended.
    pub ended_at: Option<String>,
    /// Why it waits, while it waits.
    pub wait: Option<Wait>,
    /// The execution it joined, where it did not start one itself.
    pub joined: Option<String>,
    /// The execution that runs or ran for it.
    pub execution: Option<String>,
    /// Why it shares or does not share executions, in one sentence.
    #[serde(default)]
    pub join_reason: Option<String>,
    /// What kept it from sharing with a build that ran the same command, if one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub apart: Option<Box<Apart>>,
    /// How long such a command took before, in milliseconds.
    #[serde(default)]
    pub estimate_ms: Option<u64>,
    /// Whether standard output and standard error of its execution are one stream, once that has
    /// started.
    #[serde(default)]
    pub one_stream: bool,
    /// Whether its execution was told to use colours, once that has started. Clients that show none
    /// take the escape sequences out of its output.
    #[serde(default)]
    pub colored: bool,
    /// How it ended.
    pub outcome: Option<Outcome>,
}

/// What kept two builds of one command apart. Values of variables are never part of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Apart {
    /// The build that ran the same command.
    pub from: String,
    /// What kind of thing is not the same: `env`, `tool`, `command`, `file`, `config` (beside the
    /// workspace), `output`, or `unknown`.
    pub kind: String,
    /// Its name: of a variable, or a path. Files of the workspace are relative to its root.
    pub names: Vec<OsText>,
    /// The line that would let them share, if there is one.
    #[serde(default)]
    pub advice: Option<String>,
}

impl Outcome {
    /// The code `bdctl` exits with: that of the command; 128+n for signal n; 124 for a build whose
    /// own timeout expired, as `timeout` has it; 143 for one that was cancelled before it had a
    /// process, as if SIGTERM had ended it; 125 where the daemon did not do its part.
    #[must_use]
    pub fn exit_status(&self) -> u8 {
        const DAEMON_FAILED: u8 = 125;
        const TERMINATED: u8 = 128 + 15;
        const TIMED_OUT: u8 = 124;
        let shell = |code: i32| u8::try_from(code & 0xff).unwrap_or(DAEMON_FAILED);
        match (self.status, self.exit_code, self.signal) {
            (OutcomeStatus::Ok, ..) => 0,
            (OutcomeStatus::Failed, Some(code), _) => shell(code),
            (OutcomeStatus::TimedOut, ..) => TIMED_OUT,
            (OutcomeStatus::Cancelled, _, None) => TERMINATED,
            (OutcomeStatus::Failed | OutcomeStatus::Cancelled, _, Some(signal)) => {
                shell(128 + signal)
            }
            _ => DAEMON_FAILED,
        }
    }
}
