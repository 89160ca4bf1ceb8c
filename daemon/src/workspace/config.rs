//! `bd.toml`: what the root of a workspace says about it. Knows the text, not where it was read.

use super::globs::{GlobError, Globs};
use crate::model::Digest;
use serde::Deserialize;
use toml::Spanned;

/// The settings of a `bd.toml`.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct WorkspaceConfig {
    /// What is no part of the workspace, as lines of a `.gitignore` in its root.
    pub(super) ignore: Vec<String>,
    /// Variables that make no difference to what is run here, as names or as `PREFIX_*`.
    pub(super) ignore_env: Vec<String>,
    /// What to run when files change.
    pub(super) on_change: Vec<OnChange>,
}

/// Why a `bd.toml` has no effect. Reads as the end of "failed to …".
#[derive(Debug, thiserror::Error)]
#[error("use bd.toml:{line}: {mistake}")]
pub struct ConfigError {
    /// Line of the mistake, from 1.
    line: usize,
    mistake: Mistake,
}

#[derive(Debug, thiserror::Error)]
enum Mistake {
    #[error("it is no UTF-8")]
    NotUtf8,
    /// It is no TOML, or has keys or types that are not known.
    #[error("{}{}", key.as_ref().map_or(String::new(), |key| format!("{key}: ")), source.message())]
    Invalid { key: Option<String>, source: toml::de::Error },
    #[error("on_change.run is empty; name the program to run")]
    NothingToRun,
    /// A line of a list of globs matches nothing, or can not be understood.
    #[error("{key}: \"{glob}\": {why}")]
    Glob { key: &'static str, glob: String, why: String },
}

/// One command to run when files change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OnChange {
    /// Globs of files, as lines of a `.gitignore` in the root; empty means all.
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

/// The file, with the place of each value that may be wrong.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct File {
    ignore: Vec<Spanned<String>>,
    ignore_env: Vec<String>,
    on_change: Vec<Rule>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    #[serde(default)]
    on: Vec<Spanned<String>>,
    run: Spanned<Vec<String>>,
}

/// Reads the text of a `bd.toml`.
pub(super) fn parse(text: &[u8]) -> Result<WorkspaceConfig, ConfigError> {
    let line_of = |at: usize| 1 + text.iter().take(at).filter(|byte| **byte == b'\n').count();
    let wrong = |at, mistake| ConfigError { line: line_of(at), mistake };
    let words = str::from_utf8(text).map_err(|e| wrong(e.valid_up_to(), Mistake::NotUtf8))?;
    let file: File = toml::from_str(words).map_err(|source| {
        let at = source.span().map_or(0, |span| span.start);
        let line = words.lines().nth(line_of(at) - 1).unwrap_or_default();
        let key = line.split_once('=').map(|(key, _)| key.trim().to_owned());
        wrong(at, Mistake::Invalid { key, source })
    })?;
    let list = |key, globs: Vec<Spanned<String>>| -> Result<Vec<String>, ConfigError> {
        let check = |glob: Spanned<String>| match Globs::new(std::iter::once(&**glob.get_ref())) {
            Ok(_) => Ok(glob.into_inner()),
            Err(error) => {
                let why = match error {
                    GlobError::Empty => "it is empty and matches nothing".to_owned(),
                    GlobError::Invalid(_) => "it is no pattern of a .gitignore".to_owned(),
                };
                let glob_text = glob.get_ref().clone();
                Err(wrong(glob.span().start, Mistake::Glob { key, glob: glob_text, why }))
            }
        };
        globs.into_iter().map(check).collect()
    };
    let rule = |rule: Rule| match rule.run.get_ref().is_empty() {
        true => Err(wrong(rule.run.span().start, Mistake::NothingToRun)),
        false => Ok(OnChange { on: list("on_change.on", rule.on)?, run: rule.run.into_inner() }),
    };
    let on_change = file.on_change.into_iter().map(rule).collect::<Result<_, _>>()?;
    let (ignore, ignore_env) = (list("ignore", file.ignore)?, file.ignore_env);
    Ok(WorkspaceConfig { ignore, ignore_env, on_change })
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
            ("ignored = []", "bd.toml:1: ignored"),
            ("\nignore = 3", "bd.toml:2: ignore: "),
            ("[[on_change]]\non = []", "run"),
            ("[[on_change]]\nrun = []", "bd.toml:2: on_change.run"),
            ("ignore = [\n\"a\",\n\"\"]", "bd.toml:3: ignore: \"\": it is empty"),
            (
                "[[on_change]]\nrun = [\"x\"]\non = [\"*.{c,h}\"]",
                "bd.toml:3: on_change.on: \"*.{c,h}\"",
            ),
            ("[[on_change]]\nrun = [\"x\"]\non = [\" \"]", "bd.toml:3: on_change.on"),
            ("\n\n= 3", "bd.toml:3: "),
        ] {
            let error = parse(text.as_bytes()).expect_err(text).to_string();
            assert!(error.contains(mentions), "{text}: {error}");
        }
    }
}
