//! Triggers: commands that run whenever files change. The wire calls a trigger a watch.

use crate::OsText;
use crate::submit::Submit;
use serde::{Deserialize, Serialize};

/// Most paths listed in [`Triggered::changed`].
pub const CHANGED_MAX: usize = 100;

/// Longest wait of one `watched` request, in milliseconds.
pub const WATCHED_WAIT_MAX_MS: u64 = 20_000;

/// A trigger to add. It belongs to the connection, and so do its builds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watch {
    /// The command. An argument that is `{changed}` is replaced by the paths that changed, and a
    /// file that lists them is named by `BD_CHANGED_FILES` in its environment.
    pub submit: Submit,
    /// Which files count: lines as in a `.gitignore` in the root, where `!` leaves out; empty
    /// means all that are not ignored.
    #[serde(default)]
    pub on: Vec<OsText>,
    /// Whether to run it once before anything has changed.
    #[serde(default)]
    pub initial: bool,
}

/// Answer to a [`Watch`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watching {
    /// Id of the trigger, on this connection.
    pub watch: String,
    /// Root of the workspace.
    pub root: OsText,
}

/// What a trigger did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Triggered {
    /// What it did.
    pub news: News,
    /// The build that was started, where one was.
    #[serde(default)]
    pub build: Option<String>,
    /// Paths that changed since the run before, relative to the root, sorted; at most
    /// [`CHANGED_MAX`].
    #[serde(default)]
    pub changed: Vec<OsText>,
    /// How many there are.
    #[serde(default)]
    pub changed_count: u64,
    /// An explanation, in one sentence.
    #[serde(default)]
    pub message: Option<String>,
}

/// What a trigger did, in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum News {
    /// It started a build.
    Started,
    /// It does not run again for changes that its own runs make; other changes start it again.
    Loop,
    /// A build could not be started.
    Refused,
    /// The workspace cannot be observed any more; the trigger is removed.
    Ended,
    /// Something that this version does not know.
    #[serde(other)]
    Unknown,
}

/// What the `bd.toml` of a workspace has run when files change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OnChange {
    /// Whether it is run.
    pub state: OnChangeState,
    /// What is run, or would be.
    pub commands: Vec<OnChangeCommand>,
}

/// Whether what a workspace has run on change is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnChangeState {
    /// There is nothing to run.
    None,
    /// It is run: a person consented to these commands in this directory.
    Enabled,
    /// It is not run: nobody has consented.
    NotEnabled,
    /// It is not run: the commands, or the directory, are not those that were consented to.
    Changed,
    /// A state that this version does not know.
    #[serde(other)]
    Unknown,
}

/// One command that is run on change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OnChangeCommand {
    /// Which files count, as lines of a `.gitignore` in the root; empty for all.
    pub on: Vec<String>,
    /// Program and arguments.
    pub run: Vec<OsText>,
}
