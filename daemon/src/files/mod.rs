//! Files that others made: read only so far as is bounded, and never waited for. Knows no formats.

mod directory;
mod foreign_file;

pub(crate) use directory::open_dir;
pub(crate) use foreign_file::{Fault, ForeignFile};
