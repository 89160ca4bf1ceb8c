//! Attempts as the daemon runs them: the real supervisor, real commands, real signals.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod kit;
mod launching;
mod metering;
mod orphans;
mod stdio;
mod stopping;
mod terminals;
