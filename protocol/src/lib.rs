//! What crosses the socket between `bdctl` and `bdd`: the hello, the service, events, failures
//! and limits. Knows nothing of how either side works.
//!
//! Every connection is a sequence of frames: a big-endian `u32` length and so many bytes. The
//! first frame of each side is the [`hello`]; it chooses the channel:
//!
//! - **control**: requests and replies, JSON ([`service`], [`envelope`]);
//! - **events**: one subscription, then frames of binary [records](events);
//! - **input**: bytes for the standard input of one build.
//!
//! `docs/protocol.md` describes the same for authors of clients in other languages.

pub mod build;
pub mod changes;
pub mod envelope;
pub mod events;
pub mod failure;
pub mod frame;
pub mod hello;
pub mod limits;
pub mod living;
mod meeting_place;
pub mod os_text;
pub mod process_state;
pub mod rendezvous;
pub mod service;
pub mod session;
pub mod shown;
pub mod submit;
pub mod watch;

pub use build::{Build, BuildState, Outcome, OutcomeSource, OutcomeStatus, Wait};
pub use failure::{Failure, Tier};
pub use os_text::OsText;
pub use session::{Priority, Session, SessionKind};
