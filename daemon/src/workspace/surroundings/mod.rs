//! What a run may read beside the files of its workspace that the index has: looks at it, at one
//! moment, by the tables of its tools. Compares nothing: that is `model::surroundings`.

mod git_refs;
mod local_files;
mod mentions;
mod probe;
mod reader;
mod tools;

pub use mentions::{Mention, mentions};
pub use reader::{Question, TreeNames, outer_root, read_surroundings};
