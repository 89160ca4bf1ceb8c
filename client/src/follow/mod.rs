//! Follows builds: receives their events, passes output on, shows progress, and reacts to signals.
//! Decides neither what is followed nor what the end of it means.

pub(crate) mod event_loop;
pub(crate) mod output;
pub(crate) mod plain;
pub(crate) mod progress;
pub(crate) mod screen;
pub(crate) mod shape;
pub(crate) mod signals;
pub(crate) mod terminal;
