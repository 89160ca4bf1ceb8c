//! Which files of a workspace a request is about: globs, as lines of a `.gitignore` in its root.
//! Knows paths, not files.

use super::ignore_rules::{self, InvalidRule};
use super::matching::{Candidate, RuleSet, RuleSetBuilder};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::sync::Arc;

/// Globs of files. None at all match everything.
#[derive(Clone, Debug)]
pub struct Globs {
    lines: Vec<String>,
    parsed: Option<Arc<RuleSet>>,
}

/// Why globs can not be used.
#[derive(Debug, thiserror::Error)]
pub enum GlobError {
    /// One of them is empty, which would match nothing.
    #[error("use globs: one of them is empty")]
    Empty,
    /// Some of them can not be understood; there is at least one.
    #[error("use globs: {}", joined(.0))]
    Invalid(Vec<InvalidRule>),
}

impl Globs {
    /// Globs; one that begins with `!` leaves out what earlier ones match.
    ///
    /// # Errors
    ///
    /// When one of them is empty or invalid; the error names those.
    pub fn new<'a>(globs: impl Iterator<Item = &'a str>) -> Result<Self, GlobError> {
        let mut globs: Vec<&str> = globs.collect();
        if globs.iter().any(|glob| glob.trim().is_empty()) {
            return Err(GlobError::Empty);
        }
        if !globs.is_empty() && globs.iter().all(|glob| glob.starts_with('!')) {
            // Everything but these.
            globs.insert(0, "**");
        }
        let lines = globs.iter().map(|glob| (*glob).to_owned()).collect();
        let (mut rules, mut invalid) = (RuleSetBuilder::new(false), Vec::new());
        ignore_rules::add_list(&mut rules, globs.into_iter(), "glob", &mut invalid);
        match invalid.is_empty() {
            true => Ok(Self { lines, parsed: rules.build().map(Arc::new) }),
            false => Err(GlobError::Invalid(invalid)),
        }
    }

    /// The globs as they are written.
    #[must_use]
    pub fn lines(&self) -> &[String] {
        &self.lines
    }

    /// Whether a file, or a directory that it is in, is matched, and none of them is left out.
    /// `path` is relative to the root.
    #[must_use]
    pub fn match_path(&self, path: &Path) -> bool {
        let Some(globs) = &self.parsed else { return true };
        let ancestors = path.ancestors().filter(|path| !path.as_os_str().is_empty());
        let mut matched = false;
        for (above, path) in ancestors.enumerate() {
            let candidate = Candidate::new(path.as_os_str().as_bytes(), above > 0);
            match globs.verdict(&candidate) {
                Some(false) => return false,
                verdict => matched |= verdict.is_some(),
            }
        }
        matched
    }
}

fn joined(invalid: &[InvalidRule]) -> String {
    invalid.iter().map(InvalidRule::to_string).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_match_as_gitignore_lines_do() {
        for (globs, path, matched) in [
            (&[][..], "any/thing", true),
            (&["*.rs"], "src/deep/main.rs", true),
            (&["*.rs"], "main.py", false),
            (&["src/**/*.rs"], "src/main.rs", true),
            (&["src/**/*.rs"], "src/a/b.rs", true),
            (&["src/**/*.rs"], "other/src/a.rs", false),
            (&["src"], "src/a/b.c", true),
            (&["/src/"], "src/a/b.c", true),
            (&["*.rs", "!gen/"], "gen/a.rs", false),
            (&["!*.md"], "src/a.rs", true),
            (&["!*.md"], "README.md", false),
        ] {
            let parsed = Globs::new(globs.iter().copied()).expect("globs");
            assert_eq!(parsed.match_path(Path::new(path)), matched, "{globs:?} {path}");
        }
    }

    #[test]
    fn an_invalid_glob_is_named() {
        let error = Globs::new(["*.rs", "*.{c,h}"].into_iter()).expect_err("invalid").to_string();
        assert!(error.contains("glob line 2"), "{error}");
        for glob in [" ", "#a", "/", "[a", "!"] {
            assert!(Globs::new(["*.rs", glob].into_iter()).is_err(), "{glob}");
        }
    }
}
