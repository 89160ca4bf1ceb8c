//! What the tests of the real binaries share: a place of their own, the programs, a wire to be
//! rude on, repeatable randomness, and measuring; and for tests of what changed: an oracle that
//! walks, and a second process.

pub mod child_process;
pub mod child_source;
pub mod daemon_probe;
pub mod explain;
pub mod fake;
pub mod fs_ops;
pub mod gate;
pub mod git;
pub mod mapped;
pub mod measure;
pub mod model;
pub mod oracle;
pub mod process_tree;
pub mod programs;
pub mod reexec;
pub mod rng;
pub mod sandbox;
pub mod skip;
pub mod source;
pub mod times;
pub mod watched;
pub mod wire;

pub use child_process::ChildProcess;
pub use daemon_probe::DaemonProbe;
pub use gate::{Flag, Gate};
pub use oracle::Listing;
pub use process_tree::ProcessTree;
pub use sandbox::{Sandbox, Session, eventually};
pub use skip::skip;
pub use source::Source;
pub use watched::Watched;
