//! What the tests of the real binaries share: a place of their own, the programs, a wire to be
//! rude on, and repeatable randomness.

pub mod gate;
pub mod programs;
pub mod rng;
pub mod sandbox;
pub mod wire;

pub use gate::Gate;
pub use sandbox::{Sandbox, Session, eventually};
