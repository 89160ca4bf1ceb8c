//! Which names are no part of a workspace: the rules of ignore files, and those that always hold.
//! Knows lines and paths, no files.

use super::matching::{Candidate, RuleFault, RuleSet, RuleSetBuilder};
use std::borrow::Cow;
use std::sync::Arc;

/// Which reading of rules a stored state was made with. What another one ignored is unknown to it,
/// so it is read again: count on with every change of what a line means.
pub(crate) const RULES_VERSION: u8 = 2;

/// Version control keeps its own state here; none of it is an input. Caches of interpreters lie
/// among the sources.
const ALWAYS_IGNORED: &[&[u8]] = &[b".git", b".jj", b".hg", b".sl", b"__pycache__"];

/// Names of ignore files; one earlier in the list overrules those behind it, at whatever level.
pub(crate) const IGNORE_FILES: [&str; 3] = [".bdignore", ".ignore", GIT_FILE];

/// Git's own ignore file. A symbolic link of this name has no rules to git.
pub(crate) const GIT_FILE: &str = ".gitignore";

/// The file in the root of a workspace that says more about it.
pub(crate) const WORKSPACE_FILE: &str = "bd.toml";

/// By this file tools mark a directory as one that can be made again; this is how it begins (the
/// Cache Directory Tagging Specification, <https://bford.info/cachedir/>). Cargo marks its target
/// directory so; without the mark, builds of a project without `.gitignore` would change their own
/// inputs.
pub(crate) const CACHE_TAG: (&str, &[u8]) =
    ("CACHEDIR.TAG", b"Signature: 8a477f597d28d172789f06886806bc55");

/// Bytes of an invalid rule that are shown.
const MAX_SHOWN_BYTES: usize = 100;

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

/// What holds for all rules of a workspace.
#[derive(Debug, Default)]
pub(super) struct Scope {
    /// Path of the root below the top of the checkout, with a slash at its end; empty at the top.
    pub(super) root: Vec<u8>,
    /// Whether capitals are small letters.
    pub(super) is_folded: bool,
}

#[derive(Debug)]
struct Level {
    above: IgnoreRules,
    scope: Arc<Scope>,
    /// Length of the path from the top of the checkout that these rules do not see, with its slash.
    prefix: usize,
    /// As [`IGNORE_FILES`] has them.
    files: RuleFiles,
    /// What git ignores in a whole repository, and everywhere.
    global: Vec<RuleSet>,
}

/// Rules of the files of one directory, as [`IGNORE_FILES`] has them.
pub(super) type RuleFiles = [Option<RuleSet>; IGNORE_FILES.len()];

impl IgnoreRules {
    /// The rules from outside of all directories, strongest first.
    pub(super) fn global(scope: Scope, global: Vec<RuleSet>) -> Self {
        let (above, files) = (Self(None), [const { None }; IGNORE_FILES.len()]);
        Self(Some(Arc::new(Level { above, scope: Arc::new(scope), prefix: 0, files, global })))
    }

    /// These rules and those of the files in the directory at `path`, relative to the root.
    pub(super) fn with(&self, path: &[u8], files: RuleFiles) -> Self {
        let root = self.0.as_ref().map_or(0, |level| level.scope.root.len());
        let below = if path.is_empty() { 0 } else { path.len() + 1 };
        self.with_prefix(root + below, files)
    }

    /// The same for a directory by the length of its path from the top, with its slash.
    pub(super) fn with_prefix(&self, prefix: usize, files: RuleFiles) -> Self {
        if files.iter().all(Option::is_none) {
            return self.clone();
        }
        let scope = self.0.as_ref().map(|level| level.scope.clone()).unwrap_or_default();
        let above = self.clone();
        Self(Some(Arc::new(Level { above, scope, prefix, files, global: Vec::new() })))
    }

    /// Whether capitals are small letters.
    pub(super) fn is_folded(&self) -> bool {
        self.0.as_ref().is_some_and(|level| level.scope.is_folded)
    }

    /// Whether what is at `path`, relative to the root, is ignored; the directories above it are
    /// not.
    pub(crate) fn ignore(&self, path: &[u8], is_dir: bool) -> bool {
        let Some(level) = &self.0 else { return false };
        self.ignore_whole(&level.scope.path(path), is_dir)
    }

    /// Whether a directory above the root, or the root itself, is ignored, by its path relative to
    /// the top of the checkout.
    pub(super) fn ignores_above(&self, path: &[u8]) -> bool {
        let path = if self.is_folded() { path.to_ascii_lowercase() } else { path.to_vec() };
        self.ignore_whole(&path, true)
    }

    /// Whether a path from the top of the checkout, as it is compared, is ignored.
    fn ignore_whole(&self, path: &[u8], is_dir: bool) -> bool {
        let whole = Candidate::new(path, is_dir);
        for class in 0..IGNORE_FILES.len() {
            for level in self.levels() {
                let Some(rules) = &level.files[class] else { continue };
                // Too short a path is of a directory that was moved, and is listed anew.
                let Some(path) = path.get(level.prefix..) else { continue };
                if let Some(verdict) = rules.verdict(&Candidate { path, ..whole }) {
                    return verdict;
                }
            }
        }
        let mut global = self.levels().flat_map(|level| &level.global);
        global.find_map(|rules| rules.verdict(&whole)).unwrap_or(false)
    }

    fn levels(&self) -> impl Iterator<Item = &Level> {
        std::iter::successors(self.0.as_deref(), |level| level.above.0.as_deref())
    }
}

impl Scope {
    /// A path relative to the root, as rules see it.
    fn path<'a>(&self, path: &'a [u8]) -> Cow<'a, [u8]> {
        if self.root.is_empty() && !self.is_folded {
            return Cow::Borrowed(path);
        }
        let mut whole = [&self.root, path].concat();
        if self.is_folded {
            whole.make_ascii_lowercase();
        }
        Cow::Owned(whole)
    }
}

/// A rule that can not be understood, and so does not hold.
#[derive(Debug, thiserror::Error)]
#[error("{file} line {line}: {rule}: {source}")]
pub struct InvalidRule {
    /// Where it is written, as shown to people.
    pub file: String,
    /// Its line there, from 1.
    pub line: usize,
    /// The rule, or how it begins.
    pub rule: String,
    /// What is wrong with it.
    pub source: RuleFault,
}

/// Adds the rules in the text of an ignore file, and names those that match nothing.
pub(super) fn add_text(
    rules: &mut RuleSetBuilder,
    text: &[u8],
    file: &str,
    invalid: &mut Vec<InvalidRule>,
) {
    rules.add_text(text, &mut |line, rule, source| {
        let (file, rule) = (file.to_owned(), shown(rule));
        invalid.push(InvalidRule { file, line, rule, source });
    });
}

/// Adds rules that stand in a list, and names those that are invalid.
pub(super) fn add_list<'a>(
    rules: &mut RuleSetBuilder,
    list: impl Iterator<Item = &'a str>,
    file: &str,
    invalid: &mut Vec<InvalidRule>,
) {
    for (line, rule) in (1..).zip(list) {
        if let Err(source) = rules.add_rule(rule) {
            let (file, rule) = (file.to_owned(), shown(rule.as_bytes()));
            invalid.push(InvalidRule { file, line, rule, source });
        }
    }
}

/// A rule for people, who need not see the whole of a long one.
fn shown(rule: &[u8]) -> String {
    String::from_utf8_lossy(&rule[..rule.len().min(MAX_SHOWN_BYTES)]).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(text: &str, is_folded: bool) -> Option<RuleSet> {
        let (mut rules, mut invalid) = (RuleSetBuilder::new(is_folded), Vec::new());
        add_text(&mut rules, text.as_bytes(), "a test", &mut invalid);
        assert!(invalid.is_empty(), "{invalid:?}");
        rules.build()
    }

    fn rules(above: &IgnoreRules, path: &str, files: [&str; 3]) -> IgnoreRules {
        above.with(path.as_bytes(), files.map(|text| set(text, above.is_folded())))
    }

    #[test]
    fn the_nearest_rule_of_the_strongest_file_decides() {
        let exclude = set("*.swp\n", false).into_iter().collect();
        let global = IgnoreRules::global(Scope::default(), exclude);
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
    fn rules_from_above_the_root_see_the_path_from_the_top() {
        let scope = Scope { root: b"a/b/".to_vec(), is_folded: true };
        let global = IgnoreRules::global(scope, set("/a/b/x\n", true).into_iter().collect());
        let above = global.with_prefix(2, [None, None, set("b/Y\n!z\n", true)]);
        let root = rules(&above, "", ["", "", "/z\n"]);
        let sub = rules(&root, "c", ["", "", "/d\n"]);
        for (path, ignored) in [
            ("x", true),
            ("c/x", false),
            ("y", true),
            ("Y", true),
            ("z", true),
            ("c/z", false),
            ("c/D", true),
        ] {
            assert_eq!(sub.ignore(path.as_bytes(), false), ignored, "{path}");
        }
    }

    #[test]
    fn an_invalid_rule_is_named_and_the_others_hold() {
        let (mut rules, mut invalid) = (RuleSetBuilder::new(false), Vec::new());
        add_text(&mut rules, b"*.o\n[a\n", "sub/.gitignore", &mut invalid);
        let rules = rules.build().expect("rules");
        assert_eq!(rules.verdict(&Candidate::new(b"x.o", false)), Some(true));
        assert_eq!(invalid.len(), 1);
        assert!(invalid[0].to_string().starts_with("sub/.gitignore line 2: [a: "), "{invalid:?}");
    }
}
