//! Which names are no part of a workspace: the rules of ignore files, and those that always hold.

use ignore::Match;
use ignore::gitignore::{Gitignore, GitignoreBuilder};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Version control keeps its own state here; none of it is an input. Caches of interpreters lie
/// among the sources.
const NEVER: &[&[u8]] = &[b".git", b".jj", b".hg", b".sl", b"__pycache__"];

/// Names of ignore files; one earlier in the list overrules those behind it, at whatever level.
pub(super) const IGNORE_FILES: [&str; 3] = [".bdignore", ".ignore", ".gitignore"];

/// The file in the root of a workspace that says more about it.
pub(super) const WORKSPACE_FILE: &str = "bd.toml";

/// By this file tools mark a directory as one that can be made again; this is how it begins (the
/// Cache Directory Tagging Specification, <https://bford.info/cachedir/>). Cargo marks its target
/// directory so; without the mark, builds of a project without `.gitignore` would change their own
/// inputs.
pub(super) const CACHE_TAG: (&str, &[u8]) =
    ("CACHEDIR.TAG", b"Signature: 8a477f597d28d172789f06886806bc55");

/// Whether a name never counts, wherever it is.
pub(super) fn never(name: &[u8]) -> bool {
    NEVER.contains(&name)
}

/// Whether rules may be in a file of this name.
pub(super) fn makes_rules(name: &[u8], in_root: bool) -> bool {
    IGNORE_FILES.iter().any(|file| file.as_bytes() == name)
        || (in_root && name == WORKSPACE_FILE.as_bytes())
}

/// The rules that hold in a directory: its own and those of the directories above.
#[derive(Clone, Debug, Default)]
pub(super) struct Rules(Option<Arc<Link>>);

#[derive(Debug)]
struct Link {
    above: Rules,
    /// Length of the path that these rules do not see, with its slash.
    prefix: usize,
    /// As [`IGNORE_FILES`] has them.
    files: [Option<Gitignore>; 3],
    /// What git ignores in a whole repository, and everywhere.
    outside: Vec<Gitignore>,
}

impl Rules {
    /// The rules of a root: those from outside the workspace.
    pub(super) fn outside(outside: Vec<Gitignore>) -> Self {
        Self(Some(Arc::new(Link {
            above: Self(None),
            prefix: 0,
            files: [None, None, None],
            outside,
        })))
    }

    /// These rules and those of the files in the directory at `path`, relative to the root.
    pub(super) fn with(&self, path: &[u8], files: [Option<Gitignore>; 3]) -> Self {
        if files.iter().all(Option::is_none) {
            return self.clone();
        }
        let prefix = if path.is_empty() { 0 } else { path.len() + 1 };
        Self(Some(Arc::new(Link { above: self.clone(), prefix, files, outside: Vec::new() })))
    }

    /// Whether what is at `path`, relative to the root, is ignored; the directories above it are
    /// not.
    pub(super) fn ignore(&self, path: &[u8], is_dir: bool) -> bool {
        for class in 0..IGNORE_FILES.len() {
            for link in self.links() {
                // Too short a path is of a directory that was moved, and is listed anew.
                let Some(below) = path.get(link.prefix..) else { continue };
                let files = &link.files[class];
                if let Some(verdict) = files.as_ref().and_then(|f| judge(f, below, is_dir)) {
                    return verdict;
                }
            }
        }
        let mut outside = self.links().flat_map(|link| &link.outside);
        outside.find_map(|rules| judge(rules, path, is_dir)).unwrap_or(false)
    }

    fn links(&self) -> impl Iterator<Item = &Link> {
        std::iter::successors(self.0.as_deref(), |link| link.above.0.as_deref())
    }
}

fn judge(rules: &Gitignore, path: &[u8], is_dir: bool) -> Option<bool> {
    match rules.matched(Path::new(OsStr::from_bytes(path)), is_dir) {
        Match::None => None,
        Match::Ignore(_) => Some(true),
        Match::Whitelist(_) => Some(false),
    }
}

/// Reads rules from the text of an ignore file; the second value says what is wrong with them.
pub(super) fn parse(text: &[u8], what: &str) -> (Option<Gitignore>, Vec<String>) {
    let text = String::from_utf8_lossy(text);
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    of_lines(text.lines(), what)
}

pub(super) fn of_lines<'a>(
    lines: impl Iterator<Item = &'a str>,
    what: &str,
) -> (Option<Gitignore>, Vec<String>) {
    // Paths are given relative to the file's directory, and nothing is to be cut off them.
    let mut builder = GitignoreBuilder::new(".");
    let mut wrong = Vec::new();
    for (line, number) in lines.zip(1..) {
        if let Err(error) = builder.add_line(None, line) {
            wrong.push(format!("{what} line {number}: {error}"));
        }
    }
    match builder.build() {
        Ok(rules) if rules.is_empty() => (None, wrong),
        Ok(rules) => (Some(rules), wrong),
        Err(error) => {
            wrong.push(format!("{what}: {error}"));
            (None, wrong)
        }
    }
}

/// Files outside the workspace that have rules for it: the repository's own excludes, and those
/// of the user.
pub(super) fn outside_files(root: &Path) -> Vec<PathBuf> {
    let repository = super::git::common_dir(root).map(|dir| dir.join("info/exclude"));
    repository.into_iter().chain(ignore::gitignore::gitconfig_excludes_path()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(above: &Rules, path: &str, files: [&str; 3]) -> Rules {
        above.with(path.as_bytes(), files.map(|text| parse(text.as_bytes(), "a test").0))
    }

    #[test]
    fn the_nearest_rule_of_the_strongest_file_decides() {
        let (exclude, _) = parse(b"*.swp\n", "exclude");
        let outside = Rules::outside(exclude.into_iter().collect());
        let root = rules(&outside, "", ["", "!kept.log\n", "*.log\n/out\nbuild/\n*.tmp\n"]);
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
            (&Rules::default(), "anything", false, false),
        ] {
            assert_eq!(rules.ignore(path.as_bytes(), is_dir), ignored, "{path}");
        }
    }

    #[test]
    fn a_wrong_rule_is_named_and_the_others_hold() {
        let (rules, wrong) = parse(b"*.o\n{a\n", "sub/.gitignore");
        assert!(judge(&rules.expect("rules"), b"x.o", false) == Some(true));
        assert!(wrong.len() == 1 && wrong[0].starts_with("sub/.gitignore line 2: "), "{wrong:?}");
    }
}
