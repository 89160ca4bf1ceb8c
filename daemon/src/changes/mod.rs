//! What a workspace holds and what changed in it. Pure: told by others what is on disk.
//!
//! For now a state is a listing of all files with their digests, compared as a whole.

mod state;
mod tree;

pub use state::{State, Workspace};
pub use tree::{Entry, Kind, Signature, Tree};
