//! `bd.toml`: what the root of a workspace says about it.

use serde::Deserialize;

/// What can be said.
#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct WorkspaceFile {
    /// What is no part of the workspace, as lines of a `.gitignore` in its root.
    pub(super) ignore: Vec<String>,
    /// What to run when files change.
    pub(super) on_change: Vec<OnChange>,
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

/// Reads the text of a `bd.toml`; an error names line and key.
pub(super) fn parse(text: &[u8]) -> Result<WorkspaceFile, String> {
    let text = str::from_utf8(text).map_err(|error| format!("bd.toml is no UTF-8: {error}"))?;
    let file: WorkspaceFile = toml::from_str(text)
        .map_err(|error| format!("in bd.toml: {}", error.to_string().trim_end()))?;
    if file.on_change.iter().any(|rule| rule.run.is_empty()) {
        return Err("in bd.toml: on_change.run is empty: name the program to run".into());
    }
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_read_and_mistakes_are_named() {
        let text =
            "ignore = [\"gen/\"]\n[[on_change]]\non = [\"src/**\"]\nrun = [\"cargo\", \"check\"]\n";
        let file = parse(text.as_bytes()).expect("a file");
        assert_eq!(file.ignore, ["gen/"]);
        assert_eq!(file.on_change[0].run, ["cargo", "check"]);
        for (text, says) in [
            ("ignored = []", "ignored"),
            ("\nignore = 3", "line 2"),
            ("[[on_change]]\non = []", "run"),
            ("[[on_change]]\nrun = []", "on_change.run"),
        ] {
            let error = parse(text.as_bytes()).expect_err(text);
            assert!(error.contains(says), "{text}: {error}");
        }
    }
}
