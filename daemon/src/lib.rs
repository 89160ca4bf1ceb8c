//! The build daemon.
