//! What the tests of the real binaries share: a place of their own, the programs, a wire to be
//! rude on, repeatable randomness, and measuring.

pub mod again;
pub mod fake;
pub mod family;
pub mod gate;
pub mod measure;
pub mod programs;
pub mod rng;
pub mod sandbox;
pub mod times;
pub mod wire;
pub mod witness;

pub use family::Family;
pub use gate::{Flag, Gate};
pub use sandbox::{Sandbox, Session, eventually};
pub use witness::Witness;
