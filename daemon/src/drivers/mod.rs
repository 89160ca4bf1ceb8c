//! What is known of each ecosystem's tools. Pure: reads words, and knows neither files nor
//! processes, nor who asks.
//!
//! Adding an ecosystem: a file with a [`Driver`] and its table of tests, its `mod` line here, and
//! its line in the list of `registry.rs`. Nothing outside of this folder changes.

mod bazel;
mod cargo;
mod cmake;
mod dotnet;
mod driver;
mod elixir;
mod go;
mod jvm;
mod make;
mod names;
mod native;
mod node;
mod node_managers;
mod node_options;
mod node_tasks;
mod node_tools;
mod python;
mod python_managers;
mod python_tools;
mod reads;
mod registry;
mod swift;
mod words;
mod zig;

pub use driver::{Call, Driver};
pub use registry::{Recognised, all_reads, recognise};
pub use words::Words;
