//! The thin client of the build daemon.
