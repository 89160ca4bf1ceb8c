//! The real binaries among hostile users, peers and machines. Each test is about what does not
//! change: the daemon serves on, and clients that did no harm notice nothing.

mod connections;
mod directories;
mod disk;
mod fuzz;
mod no_files;
mod raw_requests;
mod readers;
mod requests;
mod scale;
mod skew;
mod strangers;
mod texts;
mod worktrees;
