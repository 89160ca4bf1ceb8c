//! Typed requests, one file for each subject. A request knows its arguments, its answer and how long
//! to wait for it; [`control`](crate::control) knows how it crosses the socket.

mod builds;
mod changes;
mod status;
mod submit;
mod trigger;
mod workspaces;

pub use workspaces::workspace_at;

use std::time::Duration;

/// For requests that may have to digest a whole tree, read a long history or wait for processes
/// to end.
const SLOW: Duration = Duration::from_secs(60);

/// For requests that may have to read every file of a workspace that is not yet known: a million
/// files take minutes on a cold disk.
const READ_ALL: Duration = Duration::from_secs(600);
