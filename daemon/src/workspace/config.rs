//! `bd.toml`: what the root of a workspace says about it. Knows the text, not where it was read.

use crate::model::Digest;
use serde::Deserialize;

/// The settings of a `bd.toml`.
#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct WorkspaceConfig {
    /// What is no part of the workspace, as lines of a `.gitignore` in its root.
    pub(super) ignore: Vec<String>,
    /// What to run when files change.
    pub(super) on_change: Vec<OnChange>,
}

/// Why a `bd.toml` has no effect.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// Its bytes are no text.
    #[error("read bd.toml: it is no UTF-8: {0}")]
    NotUtf8(#[from] std::str::Utf8Error),
    /// It is no TOML, or has keys or types that are not known; the message names line and key.
    #[error("read bd.toml: {}", .0.to_string().trim_end())]
    Invalid(#[from] toml::de::Error),
    /// An entry of `on_change` names no program.
    #[error("read bd.toml: on_change.run is empty; name the program to run")]
    NothingToRun,
}

/// One command to run when files change.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OnChange {
    /// Globs of files, as lines of a `.gitignore` in the root; empty means all.
    #[serde(default)]
    pub on: Vec<String>,
    /// Program and arguments.
    pub run: Vec<String>,
}

/// What the root of a workspace has run when files change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OnChangeRules {
    /// Each command.
    pub rules: Vec<OnChange>,
    /// Of the rules and of the directory they stand in: other rules have another one, and so have
    /// the same rules in a directory that took the other's place.
    pub digest: Digest,
}

/// Reads the text of a `bd.toml`.
pub(super) fn parse(text: &[u8]) -> Result<WorkspaceConfig, ConfigError> {
    let config: WorkspaceConfig = toml::from_str(str::from_utf8(text)?)?;
    if config.on_change.iter().any(|rule| rule.run.is_empty()) {
        return Err(ConfigError::NothingToRun);
    }
    Ok(config)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_read_and_mistakes_are_named() {
        let text =
            "ignore = [\"gen/\"]\n[[on_change]]\non = [\"src/**\"]\nrun = [\"cargo\", \"check\"]\n";
        let config = parse(text.as_bytes()).expect("valid settings");
        assert_eq!(config.ignore, ["gen/"]);
        assert_eq!(config.on_change[0].run, ["cargo", "check"]);
        for (text, mentions) in [
            ("ignored = []", "ignored"),
            ("\nignore = 3", "line 2"),
            ("[[on_change]]\non = []", "run"),
            ("[[on_change]]\nrun = []", "on_change.run"),
        ] {
            let error = parse(text.as_bytes()).expect_err(text).to_string();
            assert!(error.contains(mentions), "{text}: {error}");
        }
    }
}
