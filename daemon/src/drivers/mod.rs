//! What is known of each ecosystem's tools, one file an ecosystem. Pure: reads words, and knows
//! neither files nor processes, nor who asks.
//!
//! Adding an ecosystem: a file with a [`Driver`] and its table of tests, its `mod` line here, and
//! its line in the list of `registry.rs`. Nothing outside of this folder changes.

mod cargo;
mod cmake;
mod driver;
mod go;
mod make;
mod native;
mod node;
mod python;
mod registry;
mod words;

pub use driver::{Call, Driver};
pub use registry::{Recognised, recognise};
pub use words::Words;
