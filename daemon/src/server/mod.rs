//! The socket side: accepts connections, checks whose they are, and serves the three channels.
//! Decides nothing: the engine decides about builds and triggers, and queries go to the handle that
//! owns the answer.

mod builds;
mod cgroups;
mod confinement;
mod connection;
mod control;
mod convert;
mod failure;
mod frame_codec;
mod jobserver;
pub mod listen;
mod locate;
mod logs;
mod memory;
mod peers;
mod rpc;
mod search_path;
mod state;
mod stdin;
mod stream;
mod submit;
mod wire;
mod workspace_query;

pub use state::{Server, ServerParts};
