//! Which names are no part of a workspace: the rules of ignore files, and those that always hold.
//! Knows lines and paths, no files.

use ignore::Match;
use ignore::gitignore::{Gitignore, GitignoreBuilder};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::sync::Arc;

/// Version control keeps its own state here; none of it is an input. Caches of interpreters lie
/// among the sources.
const ALWAYS_IGNORED: &[&[u8]] = &[b".git", b".jj", b".hg", b".sl", b"__pycache__"];

/// Names of ignore files; one earlier in the list overrules those behind it, at whatever level.
pub(crate) const IGNORE_FILES: [&str; 3] = [".bdignore", ".ignore", ".gitignore"];

/// The file in the root of a workspace that says more about it.
pub(crate) const WORKSPACE_FILE: &str = "bd.toml";

/// By this file tools mark a directory as one that can be made again; this is how it begins (the
/// Cache Directory Tagging Specification, <https://bford.info/cachedir/>). Cargo marks its target
/// directory so; without the mark, builds of a project without `.gitignore` would change their own
/// inputs.
pub(crate) const CACHE_TAG: (&str, &[u8]) =
    ("CACHEDIR.TAG", b"Signature: 8a477f597d28d172789f06886806bc55");

/// Whether a name never counts, wherever it is.
pub(crate) fn is_always_ignored(name: &[u8]) -> bool {
    ALWAYS_IGNORED.contains(&name)
}

/// Whether rules may be in a file of this name.
pub(crate) fn holds_rules(name: &[u8], in_root: bool) -> bool {
    IGNORE_FILES.iter().any(|file| file.as_bytes() == name)
        || (in_root && name == WORKSPACE_FILE.as_bytes())
}

/// The rules that hold in a directory: its own and those of the directories above.
#[derive(Clone, Debug, Default)]
pub(crate) struct IgnoreRules(Option<Arc<Level>>);

#[derive(Debug)]
struct Level {
    above: IgnoreRules,
    /// Length of the path that these rules do not see, with its slash.
    prefix: usize,
    /// As [`IGNORE_FILES`] has them.
    files: [Option<Gitignore>; 3],
    /// What git ignores in a whole repository, and everywhere.
    global: Vec<Gitignore>,
}

impl IgnoreRules {
    /// The rules of a root: those from outside the workspace.
    pub(super) fn global(global: Vec<Gitignore>) -> Self {
        Self(Some(Arc::new(Level {
            above: Self(None),
            prefix: 0,
            files: [None, None, None],
            global,
        })))
    }

    /// These rules and those of the files in the directory at `path`, relative to the root.
    pub(super) fn with(&self, path: &[u8], files: [Option<Gitignore>; 3]) -> Self {
        if files.iter().all(Option::is_none) {
            return self.clone();
        }
        let prefix = if path.is_empty() { 0 } else { path.len() + 1 };
        Self(Some(Arc::new(Level { above: self.clone(), prefix, files, global: Vec::new() })))
    }

    /// Whether what is at `path`, relative to the root, is ignored; the directories above it are
    /// not.
    pub(crate) fn ignore(&self, path: &[u8], is_dir: bool) -> bool {
        for class in 0..IGNORE_FILES.len() {
            for level in self.levels() {
                // Too short a path is of a directory that was moved, and is listed anew.
                let Some(below) = path.get(level.prefix..) else { continue };
                let files = &level.files[class];
                if let Some(verdict) = files.as_ref().and_then(|f| verdict(f, below, is_dir)) {
                    return verdict;
                }
            }
        }
        let mut global = self.levels().flat_map(|level| &level.global);
        global.find_map(|rules| verdict(rules, path, is_dir)).unwrap_or(false)
    }

    fn levels(&self) -> impl Iterator<Item = &Level> {
        std::iter::successors(self.0.as_deref(), |level| level.above.0.as_deref())
    }
}

fn verdict(rules: &Gitignore, path: &[u8], is_dir: bool) -> Option<bool> {
    match rules.matched(Path::new(OsStr::from_bytes(path)), is_dir) {
        Match::None => None,
        Match::Ignore(_) => Some(true),
        Match::Whitelist(_) => Some(false),
    }
}

/// A rule that can not be understood, and so does not hold.
#[derive(Debug, thiserror::Error)]
#[error("{file}{}: {source}", line.map(|line| format!(" line {line}")).unwrap_or_default())]
pub struct InvalidRule {
    /// Where it is written, as shown to people.
    pub file: String,
    /// Its line there, from 1; `None` where all of the rules together are at fault.
    pub line: Option<usize>,
    /// What is wrong with it.
    pub source: ignore::Error,
}

/// Reads rules from the text of an ignore file, and names those that are invalid.
pub(super) fn parse(text: &[u8], file: &str) -> (Option<Gitignore>, Vec<InvalidRule>) {
    let text = String::from_utf8_lossy(text);
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    parse_lines(text.lines(), file)
}

/// The same of its lines.
pub(super) fn parse_lines<'a>(
    lines: impl Iterator<Item = &'a str>,
    file: &str,
) -> (Option<Gitignore>, Vec<InvalidRule>) {
    // Paths are given relative to the file's directory, and nothing is to be cut off them.
    let mut builder = GitignoreBuilder::new(".");
    let mut invalid = Vec::new();
    for (text, line) in lines.zip(1..) {
        if let Err(source) = builder.add_line(None, text) {
            invalid.push(InvalidRule { file: file.to_owned(), line: Some(line), source });
        }
    }
    match builder.build() {
        Ok(rules) if rules.is_empty() => (None, invalid),
        Ok(rules) => (Some(rules), invalid),
        Err(source) => {
            invalid.push(InvalidRule { file: file.to_owned(), line: None, source });
            (None, invalid)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(above: &IgnoreRules, path: &str, files: [&str; 3]) -> IgnoreRules {
        above.with(path.as_bytes(), files.map(|text| parse(text.as_bytes(), "a test").0))
    }

    #[test]
    fn the_nearest_rule_of_the_strongest_file_decides() {
        let (exclude, _) = parse(b"*.swp\n", "exclude");
        let global = IgnoreRules::global(exclude.into_iter().collect());
        let root = rules(&global, "", ["", "!kept.log\n", "*.log\n/out\nbuild/\n*.tmp\n"]);
        let sub = rules(&root, "sub", ["!x.tmp\n", "", "!*.log\n/local\n"]);
        for (rules, path, is_dir, ignored) in [
            (&root, "a.log", false, true),
            (&root, "kept.log", false, false),
            (&root, "out", true, true),
            (&root, "sub/out", true, false),
            (&root, "build", false, false),
            (&root, "build", true, true),
            (&root, "x.swp", false, true),
            (&sub, "sub/a.log", false, false),
            (&sub, "sub/local", false, true),
            (&sub, "sub/deep/local", false, false),
            (&sub, "sub/x.tmp", false, false),
            (&sub, "sub/y.tmp", false, true),
            (&IgnoreRules::default(), "anything", false, false),
        ] {
            assert_eq!(rules.ignore(path.as_bytes(), is_dir), ignored, "{path}");
        }
    }

    #[test]
    fn an_invalid_rule_is_named_and_the_others_hold() {
        let (rules, invalid) = parse(b"*.o\n{a\n", "sub/.gitignore");
        assert!(verdict(&rules.expect("rules"), b"x.o", false) == Some(true));
        let named =
            invalid.iter().all(|rule| rule.to_string().starts_with("sub/.gitignore line 2: "));
        assert!(invalid.len() == 1 && named, "{invalid:?}");
    }
}
