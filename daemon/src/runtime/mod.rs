//! The event loop around the pure engine, and what carries out its effects: the only place where
//! the rooms that do I/O meet. Decides nothing; every answer goes back to the core as an input.

mod attempts;
mod awaited_roots;
mod disk_sync;
mod effect_handler;
mod engine_handle;
mod event_loop;
mod followers;
mod inputs;
pub mod machine;
mod messages;
mod recorder;
#[expect(clippy::module_inception, reason = "it is what the room is named after")]
mod runtime;
mod snapshots;
mod surroundings;
mod trigger_reply;
mod trigger_update;
mod triggers;
mod warnings;

pub use attempts::{Attachment, AttemptSettings};
pub use disk_sync::keep_synced;
pub use effect_handler::EffectHandler;
pub use engine_handle::{EngineStopped, EventSender, Inbox, channels};
pub use followers::{Change, Feed};
pub use messages::{Question, Report};
pub use runtime::{Engine, Runtime, RuntimeParts};
pub use snapshots::StoredSnapshots;
pub use trigger_reply::{TriggerError, TriggerReply};
pub use trigger_update::TriggerUpdate;
pub use warnings::Warnings;
