//! What a client sends to submit a build.

use crate::process_state::ProcessState;
use crate::{OsText, Priority};
use serde::{Deserialize, Serialize};

/// Whether a build may share an execution with others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JoinPolicy {
    /// Commands of known build tools join; others run once for each request.
    #[default]
    Auto,
    /// Join whatever the command is.
    Always,
    /// Never join, and let nobody join.
    Never,
}

/// What the command gets as standard input.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StdinMode {
    /// Nothing: reads end at once.
    #[default]
    Closed,
    /// What the client sends on an input channel. Such a build is never shared.
    Forward,
}

/// What the client's standard output and standard error are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutputShape {
    /// Two files, or nothing that keeps an order.
    #[default]
    Apart,
    /// One file or pipe: what the command writes has to come in the order in which it wrote.
    One,
    /// One terminal: the same, unless the execution may be shared by others, of whom some may want
    /// them apart.
    Screen,
    /// A shape that this version does not know.
    #[serde(other)]
    Unknown,
}

/// How a client wants the output of a command.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutputWanted {
    /// What it goes to.
    #[serde(default)]
    pub shape: OutputShape,
    /// Whether the client shows colours: the command is told to use them though it writes to a
    /// pipe. See [`Build::colored`](crate::Build::colored).
    #[serde(default)]
    pub colors: bool,
}

/// Size of a terminal, in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TerminalSize {
    /// Lines.
    pub rows: u16,
    /// Characters a line.
    pub columns: u16,
}

/// One command to run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Submit {
    /// Program and arguments; the program is looked up in the `PATH` of `environment`.
    pub command: Vec<OsText>,
    /// Directory to run in, absolute.
    pub cwd: OsText,
    /// The complete environment of the command.
    pub environment: Vec<(OsText, OsText)>,
    /// File mode creation mask of the client; absent means the daemon's.
    #[serde(default)]
    pub umask: Option<u32>,
    /// Priority class; absent means the session's.
    #[serde(default)]
    pub priority: Option<Priority>,
    /// Longest time from submission to the end, in milliseconds; absent means no limit.
    #[serde(default)]
    pub timeout_ms: Option<u64>,
    /// Whether the build may be shared.
    #[serde(default)]
    pub join: JoinPolicy,
    /// Standard input.
    #[serde(default)]
    pub stdin: StdinMode,
    /// Run under a pseudo-terminal of this size. Such a build is never shared.
    #[serde(default)]
    pub tty: Option<TerminalSize>,
    /// How the output is to be given.
    #[serde(default)]
    pub output: OutputWanted,
    /// Keep the build when this connection ends.
    #[serde(default)]
    pub detach: bool,
    /// The build inside which this one is submitted (from `BD_BUILD`). It uses the slot of its parent,
    /// so that a full queue cannot block its own work.
    #[serde(default)]
    pub parent: Option<String>,
    /// What else the client hands on to what it starts; absent means the daemon's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub process: Option<ProcessState>,
}

/// Answer to a [`Submit`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Submitted {
    /// Id of the new build.
    pub build: String,
}

/// Answer to `explain`: what a command would be here, and whether it is shared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explanation {
    /// The command, as given.
    pub command: Vec<OsText>,
    /// Root of the workspace the command belongs to.
    pub root: OsText,
    /// Directory to run in, relative to `root`.
    pub cwd: OsText,
    /// Where the program was found; `null` when it was not.
    pub program: Option<OsText>,
    /// Whether the command shares executions.
    pub joins: bool,
    /// Why it does or does not.
    pub reason: String,
    /// Digest of the workspace's files now; `null` where the command is not shared.
    pub tree_digest: Option<String>,
    /// Digest of the whole action; `null` where the command is not shared.
    pub action_digest: Option<String>,
    /// Names of the variables that are part of the action's identity, sorted. Values are never
    /// shown, stored or logged.
    pub environment: Vec<OsText>,
    /// Names of the variables that the command sees but that make no other action of it, sorted.
    pub ignored_environment: Vec<OsText>,
}
