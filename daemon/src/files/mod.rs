//! Files that others made: read only so far as is bounded, and never waited for. Knows no formats.

mod directory;
mod foreign_file;

pub(crate) use directory::{open_dir, open_for_lookup};
pub(crate) use foreign_file::{Fault, ForeignFile};
