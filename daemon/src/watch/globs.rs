//! Which files of a workspace somebody asks for: globs, as lines of a `.gitignore` in its root.

use super::rules;
use ignore::gitignore::Gitignore;
use std::path::Path;

/// Globs of files. None at all match everything.
#[derive(Clone, Debug)]
pub struct Globs {
    lines: Vec<String>,
    parsed: Option<Gitignore>,
}

impl Globs {
    /// Globs; one that begins with `!` leaves out what earlier ones match.
    ///
    /// # Errors
    ///
    /// What is wrong with one of them, which it names.
    pub fn new<'a>(globs: impl Iterator<Item = &'a str>) -> Result<Self, String> {
        let mut globs: Vec<&str> = globs.collect();
        if globs.iter().any(|glob| glob.trim().is_empty()) {
            return Err("a glob is empty".to_owned());
        }
        if !globs.is_empty() && globs.iter().all(|glob| glob.starts_with('!')) {
            // Everything but these.
            globs.insert(0, "**");
        }
        let lines = globs.iter().map(|glob| (*glob).to_owned()).collect();
        match rules::of_lines(globs.into_iter(), "glob") {
            (parsed, wrong) if wrong.is_empty() => Ok(Self { lines, parsed }),
            (_, wrong) => Err(wrong.join("; ")),
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
        let places = path.ancestors().filter(|place| !place.as_os_str().is_empty());
        let verdicts = places.enumerate().map(|(above, place)| globs.matched(place, above > 0));
        let mut matched = false;
        for verdict in verdicts {
            if verdict.is_whitelist() {
                return false;
            }
            matched |= verdict.is_ignore();
        }
        matched
    }
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
    fn a_wrong_glob_is_named() {
        let error = Globs::new(["*.rs", "{a"].into_iter()).expect_err("wrong");
        assert!(error.contains("glob line 2"), "{error}");
        assert!(Globs::new([" "].into_iter()).is_err());
    }
}
