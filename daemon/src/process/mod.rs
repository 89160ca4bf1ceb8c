//! Runs the command of one attempt under a small supervisor process, passes its output on, and
//! measures it.
//!
//! Knows nothing of actions, logs or clients: output goes to an [`OutputSink`] that the caller
//! gives, and events go to a function.
//!
//! ```text
//! bdd ── control socket ── bdd supervise ── the command ── its descendants
//!  │        EOF: kill all     (subreaper)         │
//!  └──────── stdout, stderr: pipes, or one terminal ┘
//! ```
//!
//! The supervisor is the same program, started again. Everything the command starts stays below
//! it, whatever sessions, groups or double forks it makes, and its end is reported only when
//! nothing of it is left. When the daemon dies, for whatever reason, the control socket ends and
//! the supervisor kills the tree. When the supervisor itself is killed, [`kill_orphans`] finds its
//! tree by the marker in the environment.
//!
//! Linux has all of this. Elsewhere only the command's own process group is killed and measured.

mod ipc;
mod leftovers;
mod linger;
mod meter;
mod orphans;
mod pump;
mod spawn;
mod spec;
mod start;
mod state;
mod stdin_forward;
mod stdio;
mod supervisor;
mod terminal;
mod tree;

pub use orphans::{MARKER, kill_orphans};
pub use spec::{
    AttemptEnd, AttemptEvent, CommandExit, Launch, LaunchError, MOST_DESCRIPTORS, OutputSink,
    OutputStream, TerminalSize,
};
pub use start::{AttemptHandle, own_program, start};
#[cfg(target_os = "linux")]
pub(crate) use state::resource_number;
pub use supervisor::{SUPERVISE_ARGUMENT, supervise};
