//! Typed requests, one file for each subject. A request knows its arguments, its answer and how long
//! to wait for it; [`control`](crate::control) knows how it crosses the socket.

mod builds;
mod changes;
mod patience;
mod status;
mod submit;
mod trigger;
mod workspaces;

pub use workspaces::workspace_at;
