//! What a workspace holds, what changed in it and when. Pure: learns from others what is on disk.
//!
//! The [`Index`] is a tree of names and stat signatures with the digests of what was
//! read. Every change to it goes into a log, counted in ticks, from which the net
//! difference between two moments is worked out.

mod change;
mod clock;
mod debounce;
mod digest;
mod entry;
mod history;
mod input_set;
mod litter;
mod log;
mod tree;

pub use change::{Change, ChangeKind, Changes, EntryType};
pub use clock::{Clock, Instance, NoClock};
pub use debounce::Debounce;
pub(crate) use entry::RACY_NS;
pub use entry::{Kind, Signature};
pub use input_set::InputSet;
pub use litter::is_litter;
pub use tree::{Continuity, Difference, Evidence, Index, NodeId, Recorded, Totals};
