//! What a workspace is before anything is watched: the directory in which it begins, its `bd.toml`,
//! which names are no part of it, globs of files, and what git keeps beside it. Knows no index, no
//! events and no builds.

mod config;
mod exhaustion;
mod file_reader;
mod git;
mod git_index;
#[cfg(test)]
mod git_oracle;
mod gitconfig;
mod global_ignores;
mod globs;
mod ignore_files;
mod ignore_rules;
mod ignored_environment;
mod matching;
mod root;
mod surroundings;

pub use config::{ConfigError, OnChange, OnChangeRules};
pub(crate) use exhaustion::is_resource_exhausted;
pub(crate) use git_index::{GitIndex, Written};
pub(crate) use global_ignores::GlobalIgnores;
pub use globs::{GlobError, Globs};
pub(crate) use ignore_files::{DirectoryRules, FileText, FileTexts, MAX_RULES_BYTES};
pub use ignore_rules::InvalidRule;
pub(crate) use ignore_rules::{
    CACHE_TAG, GIT_FILE, IGNORE_FILES, IgnoreRules, RULES_VERSION, WORKSPACE_FILE, holds_rules,
    is_always_ignored,
};
pub use ignored_environment::ignored_environment;
pub use matching::RuleFault;
pub use root::root_of;
pub use surroundings::{Mention, Question, TreeNames, mentions, outer_root, read_surroundings};
