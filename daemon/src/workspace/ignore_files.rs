//! What a directory says of itself in its ignore files and, in the root, in `bd.toml`. Knows their
//! texts; who reads them is another's business.

use super::config::{self, OnChange};
use super::ignore_rules::{self, IGNORE_FILES, IgnoreRules, WORKSPACE_FILE};
use ignore::gitignore::Gitignore;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

/// The texts that were found in one directory.
#[derive(Debug, Default)]
pub(crate) struct FileTexts {
    /// Of the ignore files, as [`IGNORE_FILES`] has them.
    pub(crate) ignore_files: [Option<Vec<u8>>; IGNORE_FILES.len()],
    /// Of `bd.toml`, in the root only.
    pub(crate) config: Option<Vec<u8>>,
}

/// What they say.
#[derive(Debug, Default)]
pub(crate) struct DirectoryRules {
    /// Rules of the directory itself, if it has any, together with those above it.
    pub(crate) rules: Option<IgnoreRules>,
    /// What the root's `bd.toml` has run on change.
    pub(crate) on_change: Vec<OnChange>,
    /// What is wrong with the files, as shown to people.
    pub(crate) problems: Vec<String>,
}

impl DirectoryRules {
    /// Reads the texts of the directory at `path`, relative to the root, below `above`.
    pub(crate) fn parse(path: &[u8], above: &IgnoreRules, texts: &FileTexts) -> Self {
        let mut found = Self::default();
        let mut files = [const { None }; IGNORE_FILES.len()];
        for ((rules, text), name) in files.iter_mut().zip(&texts.ignore_files).zip(IGNORE_FILES) {
            let Some(text) = text else { continue };
            let file = Path::new(OsStr::from_bytes(path)).join(name);
            let (parsed, invalid) = ignore_rules::parse(text, &file.display().to_string());
            *rules = parsed;
            found.problems.extend(invalid.iter().map(ToString::to_string));
        }
        if let Some(text) = &texts.config {
            found.add_config(text, texts.ignore_files[0].as_deref(), &mut files);
        }
        let has_rules = files.iter().any(Option::is_some);
        found.rules = has_rules.then(|| above.with(path, files));
        found
    }

    /// Adds the lines of `bd.toml` behind those of the strongest ignore file.
    fn add_config(
        &mut self,
        text: &[u8],
        strongest: Option<&[u8]>,
        files: &mut [Option<Gitignore>; IGNORE_FILES.len()],
    ) {
        match config::parse(text) {
            Ok(config) => {
                self.on_change = config.on_change;
                let own = strongest.map(String::from_utf8_lossy).unwrap_or_default();
                let lines = own.lines().chain(config.ignore.iter().map(String::as_str));
                let (parsed, invalid) = ignore_rules::parse_lines(lines, WORKSPACE_FILE);
                files[0] = parsed;
                self.problems.extend(invalid.iter().map(ToString::to_string));
            }
            Err(error) => self.problems.push(format!("cannot {error}")),
        }
    }
}
