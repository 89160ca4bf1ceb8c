//! The test kit of the real binaries: a sandbox, the programs, a raw connection, repeatable
//! randomness, and measuring; and for tests of changes: an oracle that walks the tree, random
//! operations on files, and a child process.

pub mod answers;
pub mod child_process;
pub mod child_source;
pub mod daemon_probe;
pub mod explain;
pub mod fake_daemon;
pub mod fs_ops;
pub mod gate;
pub mod git;
pub mod mapped_file;
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
pub use sandbox::{ClientProcess, Sandbox, eventually};
pub use skip::skip;
pub use source::Source;
pub use watched::Watched;
