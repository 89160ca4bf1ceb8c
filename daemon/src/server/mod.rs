//! The socket side: accepts connections, checks who they are, and serves the three channels.

mod connection;
mod convert;
mod explain;
mod input;
pub mod listen;
mod memory;
mod rpc;
mod shared;
mod stream;
mod submit;
mod wire;

pub use shared::{Server, ServerParts};
