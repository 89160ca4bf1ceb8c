//! The requests of the control channel, as a `tarpc` service. Each becomes one JSON message in
//! an [`envelope`](crate::envelope).

use crate::changes::{
    Changes, ChangesQuery, Forgotten, InputsDigest, Verification, WorkspaceLocator,
};
use crate::submit::{Explanation, Submit, Submitted, TerminalSize};
use crate::watch::{OnChange, Triggered, Watch, Watching};
use crate::{Build, Failure, OsText};
use serde::{Deserialize, Serialize};

/// Largest number of builds one `history` request returns.
pub const HISTORY_MAX: u32 = 10_000;

/// What the daemon answers. Every method may fail with a [`Failure`]; the ids of builds may be
/// abbreviated to any prefix that fits one build only.
#[tarpc::service(derive = [Serialize, Deserialize])]
pub trait Bd {
    /// Submits a command. The build belongs to this connection: when the connection ends, the build
    /// is cancelled, unless it was detached.
    async fn submit(request: Submit) -> Result<Submitted, Failure>;
    /// The daemon, its workspaces and the builds that have not ended.
    async fn status() -> Result<Status, Failure>;
    /// One build, ended or not.
    async fn build(id: String) -> Result<Build, Failure>;
    /// Withdraws the interest in a build. Answers when the build has ended: with its processes
    /// gone, where nobody else wanted them.
    async fn cancel(id: String) -> Result<Build, Failure>;
    /// Keeps a build when the connection that submitted it ends.
    async fn detach(id: String) -> Result<(), Failure>;
    /// Builds of the past and present, newest first.
    async fn history(query: HistoryQuery) -> Result<Vec<Build>, Failure>;
    /// What a command would be, without running it.
    async fn explain(request: Submit) -> Result<Explanation, Failure>;
    /// Gives the pseudo-terminal of a build a new size.
    async fn resize(id: String, size: TerminalSize) -> Result<(), Failure>;
    /// What changed in a workspace. Everything written before the request is included.
    async fn changes(query: ChangesQuery) -> Result<Changes, Failure>;
    /// A workspace, with its digest. Everything written before the request is included.
    async fn workspace(place: WorkspaceLocator) -> Result<Workspace, Failure>;
    /// A workspace as it was last seen, without reading the disk.
    async fn inspect(place: WorkspaceLocator) -> Result<Workspace, Failure>;
    /// The workspaces the daemon knows, as they were last seen, sorted by root.
    async fn workspaces() -> Result<Vec<Workspace>, Failure>;
    /// Adds a workspace, consents to what it has run on change now, and returns it. With `exact`, the
    /// directory itself is its root, whatever is in it or around it.
    async fn register(place: WorkspaceLocator, exact: bool) -> Result<Workspace, Failure>;
    /// Consents to what a workspace has run on change now, or withdraws the consent; returns the
    /// workspace.
    async fn trust(place: WorkspaceLocator, given: bool) -> Result<Workspace, Failure>;
    /// Removes a workspace, until it is asked for again. The directory need not exist.
    async fn forget(place: WorkspaceLocator) -> Result<Forgotten, Failure>;
    /// Reads the whole workspace and compares its index with the disk; with `repair`, corrects the
    /// index.
    async fn verify(place: WorkspaceLocator, repair: bool) -> Result<Verification, Failure>;
    /// Digest of a selection of files, synchronised: those that these lines, as in a `.gitignore` in
    /// the root, match; all files if there are no lines.
    async fn digest(place: WorkspaceLocator, on: Vec<OsText>) -> Result<InputsDigest, Failure>;
    /// Adds a trigger: runs a command whenever files change, until the connection ends.
    async fn watch(request: Watch) -> Result<Watching, Failure>;
    /// What a trigger of this connection did next. Waits up to so many milliseconds, and returns `null`
    /// if it did nothing in that time. Everything it does is reported once, in order.
    async fn watched(watch: String, wait_ms: u64) -> Result<Option<Triggered>, Failure>;
    /// Not a request on the wire: stands for a request that this daemon does not understand.
    async fn not_understood(failure: Failure) -> Result<(), Failure>;
}

/// Which builds `history` returns.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryQuery {
    /// At most so many; absent means 20. More than [`HISTORY_MAX`] are never returned.
    #[serde(default)]
    pub limit: Option<u32>,
    /// Only those that ran in this directory or below it.
    #[serde(default)]
    pub under: Option<OsText>,
    /// Only those that ran in this workspace. A daemon that does not know this answers as if it
    /// were absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workspace: Option<WorkspaceLocator>,
    /// Only those older than this one: where an answer ended, for what did not fit in it.
    #[serde(default)]
    pub before: Option<String>,
}

/// The daemon process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DaemonStatus {
    /// Its process id.
    pub pid: u32,
    /// Its product version.
    pub version: String,
    /// When it started (RFC 3339, UTC).
    pub started_at: String,
    /// How long it has been running, in milliseconds.
    pub uptime_ms: u64,
    /// Its resident memory, in bytes.
    pub rss_bytes: u64,
    /// Most executions at once.
    #[serde(default)]
    pub max_executions: u32,
    /// Warnings for the operator: a store that was set aside, logs that cannot be written.
    #[serde(default)]
    pub warnings: Vec<String>,
}

/// One workspace, as the daemon knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Workspace {
    /// Always `bd.workspace/1`.
    pub schema: String,
    /// Its root directory.
    pub root: OsText,
    /// Files that are not ignored.
    pub files: u64,
    /// Bytes in them.
    pub bytes: u64,
    /// Directories that are not ignored.
    pub dirs: u64,
    /// Watches held in the operating system.
    pub watches: u64,
    /// How changes are detected: `inotify`, `notify`, `poll` or `mixed`.
    pub source: String,
    /// Logical time of its changes; `null` if it has none.
    pub clock: Option<String>,
    /// Digest of all that is not ignored.
    pub tree_digest: Option<String>,
    /// How long the last synchronisation took, in milliseconds.
    pub last_sync_ms: Option<u64>,
    /// What limits how far the above can be trusted.
    pub warnings: Vec<String>,
    /// What its `bd.toml` has run on change; `null` from a daemon that does not say.
    #[serde(default)]
    pub on_change: Option<OnChange>,
}

/// Answer to `status`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// The daemon process.
    pub daemon: DaemonStatus,
    /// The workspaces it knows.
    pub workspaces: Vec<Workspace>,
    /// The builds that have not ended, oldest first.
    pub builds: Vec<Build>,
    /// Whether what happens is saved; `null` from a daemon that does not say.
    #[serde(default)]
    pub store: Option<StoreStatus>,
}

/// What the store of the history is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StoreState {
    /// It saves everything.
    Ok,
    /// It cannot be written. Builds are kept in memory, and written when it can.
    Degraded,
    /// It saves everything; the history of before was damaged and set aside.
    SetAside,
    /// A state that this version does not know.
    #[serde(other)]
    Unknown,
}

/// Whether what happens is saved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoreStatus {
    /// What the store is doing.
    pub state: StoreState,
    /// Since when (RFC 3339, UTC); `null` when it is `ok`.
    pub since: Option<String>,
    /// Why, in a sentence.
    pub message: Option<String>,
    /// Builds that are in memory only, or were lost there.
    pub unsaved_builds: u64,
}
