//! What a daemon knows of workspaces when it is started again: after a clean end, after being
//! killed at any moment, with a damaged store, and after another boot.

mod damaged;
mod fixture;
mod kills;
mod rules;
mod snapshots;
mod stops;
