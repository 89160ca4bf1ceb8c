//! The requests of the control channel, one file for each. `service` says which function answers which
//! request; a function gets the arguments, and the [`Requester`] if it matters who asks.

mod build;
mod cancel;
mod changes;
mod detach;
mod digest;
mod explain;
mod forget;
mod history;
mod register;
mod requester;
mod resize;
mod service;
mod status;
mod submit;
mod trigger;
mod verify;
mod workspace;

pub(super) use requester::Requester;
