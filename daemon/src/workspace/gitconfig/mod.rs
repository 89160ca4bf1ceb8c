//! Git's configuration, as far as it says what is ignored: read as git reads it, with what it
//! includes. Knows no rules.

mod condition;
#[cfg(test)]
mod git_tests;
mod paths;
mod settings;
mod text;

pub(super) use settings::{ConfigPlaces, Settings};
