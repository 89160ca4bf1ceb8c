//! Lines of ignore files, read and matched as git does it, on bytes. Knows no files.
//!
//! A line becomes a [`rule`], whose wildcards are a [`glob`]; a file's rules are a [`rule_set`],
//! which finds the last one that matches without trying each.

mod byte_set;
#[cfg(test)]
mod git_tests;
mod glob;
mod lines;
mod options;
mod rule;
mod rule_set;
mod tables;

pub(super) use glob::Glob;
pub(super) use options::GlobOptions;
pub(super) use rule::Candidate;
pub use rule::RuleFault;
pub(super) use rule_set::{RuleSet, RuleSetBuilder};
