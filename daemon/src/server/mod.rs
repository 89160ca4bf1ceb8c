//! The socket side: accepts connections, checks whose they are, and serves the three channels.
//! Decides nothing: what builds and triggers do is the engine's, and whatever is only to be known is
//! asked of the handle that owns the answer.

mod builds;
mod connection;
mod control;
mod convert;
mod failure;
pub mod listen;
mod locate;
mod memory;
mod rpc;
mod state;
mod stdin;
mod stream;
mod submit;
mod wire;
mod workspace_query;

pub use state::{Server, ServerParts};
