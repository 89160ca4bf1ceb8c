//! The index as a tree of entries: `node` is one, `index` changes them, `arena` says where they lie,
//! `lookup` finds them, `contents` has what was read of them, `saved` is their form on disk, and
//! `recorded` what is written between two savings.

mod arena;
mod bytes;
mod contents;
mod index;
mod lookup;
mod node;
mod noted;
#[cfg(test)]
mod racy_tests;
mod recorded;
mod recording;
mod saved;
#[cfg(test)]
mod tests;

pub use index::Index;
pub use node::{Difference, Evidence, NodeId, Totals};
pub use recorded::Recorded;
pub use saved::Continuity;
