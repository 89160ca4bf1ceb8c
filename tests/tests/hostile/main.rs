//! The real binaries among people, peers and machines that mean them no good. Each test is about
//! what stays as it was: the daemon serves on, and whoever did no harm notices nothing.

mod directories;
mod disk;
mod fuzz;
mod raw_requests;
mod readers;
mod requests;
mod scale;
mod skew;
mod strangers;
