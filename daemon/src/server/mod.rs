//! The socket side: accepts connections, checks who they are, and serves the three channels.

mod connection;
mod convert;
mod convert_changes;
mod explain;
mod input;
pub mod listen;
mod locate;
mod memory;
mod rpc;
mod shared;
mod stream;
mod submit;
mod triggers;
mod wire;
mod workspaces;

pub use shared::{Server, ServerParts};
