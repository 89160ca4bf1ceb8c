//! What the tests of the real binaries share: a place of their own, the programs, a wire to be
//! rude on, repeatable randomness, and measuring; and for tests of what changed: an oracle that
//! walks, and a second process.

pub mod again;
pub mod explain;
pub mod fake;
pub mod family;
pub mod gate;
pub mod git;
pub mod hand;
pub mod mapped;
pub mod measure;
pub mod model;
pub mod oracle;
pub mod programs;
pub mod remote;
pub mod rng;
pub mod sandbox;
pub mod source;
pub mod times;
pub mod twin;
pub mod watched;
pub mod wire;
pub mod witness;

pub use family::Family;
pub use gate::{Flag, Gate};
pub use oracle::Listing;
pub use sandbox::{Sandbox, Session, eventually};
pub use source::Source;
pub use twin::Twin;
pub use watched::Watched;
pub use witness::Witness;
