//! What a directory says of itself in its ignore files and, in the root, in `bd.toml`. Knows their
//! texts; who reads them is another's business.

use super::config::{self, OnChange};
use super::ignore_rules::{self, IGNORE_FILES, IgnoreRules, RuleFiles, WORKSPACE_FILE};
use super::matching::{RuleSet, RuleSetBuilder};
use crate::files::Fault;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

/// Bytes that a file with rules may have. A larger one is no list that somebody wrote.
pub(crate) const MAX_RULES_BYTES: usize = 1 << 20;

/// What was found of one file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum FileText {
    /// It is not there.
    #[default]
    Absent,
    /// It can not be read, for this reason.
    Unreadable(Fault),
    /// It has more than [`MAX_RULES_BYTES`].
    TooLarge,
    /// Its bytes.
    Bytes(Vec<u8>),
}

impl From<Result<Vec<u8>, Fault>> for FileText {
    /// What is no file is none: a directory of such a name has no rules.
    fn from(read: Result<Vec<u8>, Fault>) -> Self {
        match read {
            Ok(bytes) => Self::Bytes(bytes),
            Err(Fault::Absent | Fault::Directory) => Self::Absent,
            Err(Fault::TooLarge(_)) => Self::TooLarge,
            Err(fault) => Self::Unreadable(fault),
        }
    }
}

/// The texts that were found in one directory.
#[derive(Debug, Default)]
pub(crate) struct FileTexts {
    /// Of the ignore files, as [`IGNORE_FILES`] has them.
    pub(crate) ignore_files: [FileText; IGNORE_FILES.len()],
    /// Of `bd.toml`, in the root only.
    pub(crate) config: FileText,
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
        let mut files: RuleFiles = [const { None }; IGNORE_FILES.len()];
        for ((rules, text), name) in files.iter_mut().zip(&texts.ignore_files).zip(IGNORE_FILES) {
            let file = Path::new(OsStr::from_bytes(path)).join(name).display().to_string();
            *rules = parse(text, above.is_folded(), &file, &mut found.problems);
        }
        match &texts.config {
            FileText::Absent => {}
            FileText::Unreadable(fault) => found.problems.push(unreadable(WORKSPACE_FILE, *fault)),
            FileText::TooLarge => {
                found.problems.push(too_large(WORKSPACE_FILE));
                let mut rules = RuleSetBuilder::new(above.is_folded());
                rules.add_unknown();
                files[0] = rules.build();
            }
            FileText::Bytes(text) => {
                found.add_config(text, above.is_folded(), &texts.ignore_files[0], &mut files[0]);
            }
        }
        let has_rules = files.iter().any(Option::is_some);
        found.rules = has_rules.then(|| above.with(path, files));
        found
    }

    /// Adds the lines of `bd.toml` behind those of the strongest ignore file.
    fn add_config(
        &mut self,
        text: &[u8],
        is_folded: bool,
        strongest: &FileText,
        rules: &mut Option<RuleSet>,
    ) {
        match config::parse(text) {
            Ok(config) => {
                self.on_change = config.on_change;
                let mut invalid = Vec::new();
                let mut both = RuleSetBuilder::new(is_folded);
                match strongest {
                    FileText::Absent | FileText::Unreadable(_) => {}
                    FileText::TooLarge => both.add_unknown(),
                    // What is wrong with it has been said.
                    FileText::Bytes(own) => both.add_text(own, &mut |_, _, _| {}),
                }
                let list = config.ignore.iter().map(String::as_str);
                let name = format!("{WORKSPACE_FILE} ignore");
                ignore_rules::add_list(&mut both, list, &name, &mut invalid);
                *rules = bounded(both, is_folded, &name, &mut self.problems);
                self.problems.extend(invalid.iter().map(ToString::to_string));
            }
            Err(error) => self.problems.push(format!("cannot {error}")),
        }
    }
}

/// The rules of a file, if it has any; says what is wrong with it.
pub(super) fn parse(
    text: &FileText,
    is_folded: bool,
    file: &str,
    problems: &mut Vec<String>,
) -> Option<RuleSet> {
    let mut rules = RuleSetBuilder::new(is_folded);
    match text {
        FileText::Absent => {}
        FileText::Unreadable(fault) => problems.push(unreadable(file, *fault)),
        FileText::TooLarge => {
            problems.push(too_large(file));
            rules.add_unknown();
        }
        FileText::Bytes(text) => {
            let mut invalid = Vec::new();
            ignore_rules::add_text(&mut rules, text, file, &mut invalid);
            problems.extend(invalid.iter().map(ToString::to_string));
        }
    }
    bounded(rules, is_folded, file, problems)
}

/// The rules, unless there are so many that nobody could try them all.
fn bounded(
    rules: RuleSetBuilder,
    is_folded: bool,
    file: &str,
    problems: &mut Vec<String>,
) -> Option<RuleSet> {
    rules.build_bounded().unwrap_or_else(|_| {
        problems.push(format!(
            "{file} has more rules than can be tried for each file, as nothing tells them apart, and \
             is not read: what it may be about is not ignored"
        ));
        let mut unknown = RuleSetBuilder::new(is_folded);
        unknown.add_unknown();
        unknown.build()
    })
}

fn unreadable(file: &str, fault: Fault) -> String {
    format!("cannot read {file}: {fault}; what it may say is not known")
}

fn too_large(file: &str) -> String {
    let limit = MAX_RULES_BYTES >> 20;
    format!(
        "{file} is larger than {limit} MiB and is not read: what it may be about is not ignored"
    )
}
