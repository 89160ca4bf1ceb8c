//! Runs one attempt's command under a small supervisor process, hands on its output, measures it.
//!
//! Knows nothing of actions, logs or clients: output goes to an [`OutputSink`] that the caller
//! gives, and what happened goes to a function.
//!
//! ```text
//! bdd ── control socket ── bdd supervise ── the command ── its descendants
//!  │        EOF: kill all     (subreaper)         │
//!  └──────── stdout, stderr: pipes, or one terminal ┘
//! ```
//!
//! The supervisor is the same program, started again. Everything the command starts stays below
//! it, whatever sessions, groups or double forks it makes, and `Ended` is reported only when
//! nothing of it is left. When the daemon dies of whatever cause, the control socket ends and the
//! supervisor kills the tree. When the supervisor itself is killed, [`sweep()`] finds what is left
//! by the marker in its environment.
//!
//! Linux has all of this. Elsewhere only the command's own process group is killed and measured.

mod ipc;
mod meter;
mod orphans;
mod pump;
mod spawn;
mod spec;
mod start;
mod stdin_forward;
mod stdio;
mod supervisor;
mod terminal;
mod tree;

pub use orphans::{MARKER, sweep};
pub use spec::{Ended, ExecError, Exit, Launch, OutputSink, Report, Stream, TerminalSize};
pub use start::{Running, own_program, start};
pub use supervisor::{ARGUMENT, supervise};
