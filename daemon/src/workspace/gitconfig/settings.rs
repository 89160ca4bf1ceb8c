//! What git's configuration says of ignoring. Knows which files it is made of, and follows what
//! they include; how files are read is given.

use super::condition::{self, Condition};
use super::paths::expand;
use super::text::{self, Entry};
use std::path::{Path, PathBuf};

/// How deep files may include files, in git and here.
const MAX_DEPTH: usize = 10;

/// Where the configuration is.
#[derive(Debug, Default)]
pub(in crate::workspace) struct ConfigPlaces {
    /// The files of the system and the user, weakest first.
    pub(in crate::workspace) shared: Vec<PathBuf>,
    /// The repository's own.
    pub(in crate::workspace) repository: Option<PathBuf>,
    /// The checkout's own, which counts if the repository's says so.
    pub(in crate::workspace) worktree: Option<PathBuf>,
    /// The git directory of the checkout, absolute.
    pub(in crate::workspace) git_dir: Option<PathBuf>,
    /// The user's excludes where nothing else is said.
    pub(in crate::workspace) ignore: Option<PathBuf>,
    /// The home directory.
    pub(in crate::workspace) home: Option<PathBuf>,
}

/// What it says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in crate::workspace) struct Settings {
    /// `core.excludesFile`, with `~` resolved; a relative one is relative to the top of the
    /// checkout, and an empty one names none.
    pub(in crate::workspace) excludes_file: Option<PathBuf>,
    /// `core.ignoreCase`.
    pub(in crate::workspace) is_case_ignored: bool,
}

/// Reads a file; `None` where there is none.
type ReadFile<'a> = dyn FnMut(&Path) -> Option<Vec<u8>> + 'a;

impl Settings {
    /// Reads the configuration.
    ///
    /// # Errors
    ///
    /// What git would refuse, in words for people. Git would do nothing then.
    pub(in crate::workspace) fn read(
        places: &ConfigPlaces,
        read: &mut ReadFile<'_>,
    ) -> Result<Self, String> {
        let found = Walk::over(places, read, false)?;
        Ok(Self { excludes_file: found.excludes_file, is_case_ignored: found.is_case_ignored })
    }
}

/// What was found up to now.
#[derive(Debug, Default)]
struct Found {
    excludes_file: Option<PathBuf>,
    is_case_ignored: bool,
    has_worktree_config: bool,
    /// The addresses of remotes.
    urls: Vec<Vec<u8>>,
}

struct Walk<'a, 'r> {
    places: &'a ConfigPlaces,
    read: &'a mut ReadFile<'r>,
    /// Only the addresses of remotes are wanted. Conditions on them are met then, since none may come
    /// from what such a condition includes.
    collects_urls: bool,
    /// The addresses of all remotes, once a condition has asked for them.
    urls: Option<Vec<Vec<u8>>>,
    found: Found,
}

/// A file that is read.
#[derive(Clone, Copy)]
struct Included<'a> {
    file: &'a Path,
    depth: usize,
    /// Whether no addresses of remotes may be in it.
    forbids_urls: bool,
}

impl<'a, 'r> Walk<'a, 'r> {
    fn over(
        places: &'a ConfigPlaces,
        read: &'a mut ReadFile<'r>,
        collects_urls: bool,
    ) -> Result<Found, String> {
        let mut walk = Self { places, read, collects_urls, urls: None, found: Found::default() };
        for file in places.shared.iter().chain(&places.repository) {
            walk.file(Included { file, depth: 0, forbids_urls: false })?;
        }
        if let Some(file) = &places.worktree
            && walk.found.has_worktree_config
        {
            walk.file(Included { file, depth: 0, forbids_urls: false })?;
        }
        Ok(walk.found)
    }

    fn file(&mut self, included: Included<'_>) -> Result<(), String> {
        let Included { file, depth, forbids_urls } = included;
        let Some(text) = (self.read)(file) else { return Ok(()) };
        let entries = text::parse(&text).map_err(|bad| at(file, &format!("line {}", bad.0)))?;
        for entry in &entries {
            let is_url = is_remote_url(entry);
            if is_url && forbids_urls {
                return Err(at(file, "what depends on remotes has one"));
            }
            if is_url {
                self.found.urls.extend(entry.value.clone());
            }
            self.entry(entry, file).map_err(|why| at(file, &why))?;
            if let Some((path, has_urls)) = self.included(entry, file)? {
                if depth == MAX_DEPTH {
                    return Err(at(file, "files are included too deep"));
                }
                let forbids_urls = forbids_urls || has_urls;
                self.file(Included { file: &path, depth: depth + 1, forbids_urls })?;
            }
        }
        Ok(())
    }

    fn entry(&mut self, entry: &Entry, file: &Path) -> Result<(), String> {
        let is_repository = self.places.repository.as_deref() == Some(file);
        match (&*entry.section, &entry.subsection, &*entry.key) {
            (b"extensions", None, b"worktreeconfig") if is_repository => {
                self.found.has_worktree_config = boolean(entry.value.as_deref()) == Some(true);
            }
            _ if self.collects_urls => {}
            (b"core", None, b"excludesfile") => {
                let value = entry.value.as_deref().ok_or("core.excludesFile has no value")?;
                let path = expand(value, self.places.home.as_deref());
                self.found.excludes_file = Some(path.ok_or("core.excludesFile names no path")?);
            }
            (b"core", None, b"ignorecase") => {
                let value = boolean(entry.value.as_deref());
                self.found.is_case_ignored = value.ok_or("core.ignoreCase is no boolean")?;
            }
            _ => {}
        }
        Ok(())
    }

    /// The file that an entry includes, and whether that depends on remotes.
    fn included(&mut self, entry: &Entry, file: &Path) -> Result<Option<(PathBuf, bool)>, String> {
        let condition = match (&*entry.section, &entry.subsection, &*entry.key) {
            (b"include", None, b"path") => None,
            (b"includeif", Some(condition), b"path") => match Condition::parse(condition) {
                Some(condition) => Some(condition),
                None => return Ok(None),
            },
            _ => return Ok(None),
        };
        if let Some(condition) = condition
            && !self.is_met(condition, file)?
        {
            return Ok(None);
        }
        let path = entry.value.as_deref();
        let path = path.and_then(|path| expand(path, self.places.home.as_deref()));
        let path = path.ok_or_else(|| at(file, "a path to include names none"))?;
        let path = file.parent().unwrap_or(Path::new("")).join(path);
        let depends = self.collects_urls && matches!(condition, Some(Condition::RemoteUrl(_)));
        Ok(Some((path, depends)))
    }

    fn is_met(&mut self, condition: Condition<'_>, file: &Path) -> Result<bool, String> {
        let git_dir = self.places.git_dir.as_deref();
        Ok(match condition {
            Condition::GitDir { glob, is_folded } => git_dir.is_some_and(|dir| {
                let home = self.places.home.as_deref();
                condition::matches_git_dir((glob, is_folded), dir, file, home)
            }),
            Condition::Branch(glob) => {
                let head = git_dir.and_then(|dir| (self.read)(&dir.join("HEAD")));
                let branch = head.as_deref().and_then(condition::branch);
                branch.is_some_and(|branch| condition::matches(glob, branch))
            }
            Condition::RemoteUrl(_) if self.collects_urls => true,
            Condition::RemoteUrl(glob) => {
                if self.urls.is_none() {
                    self.urls = Some(Walk::over(self.places, self.read, true)?.urls);
                }
                let mut urls = self.urls.iter().flatten();
                urls.any(|url| condition::matches(glob, url))
            }
        })
    }
}

fn is_remote_url(entry: &Entry) -> bool {
    let is_named = entry.section == b"remote" && entry.subsection.is_some();
    entry.key == b"url" && (is_named || entry.section.starts_with(b"remote."))
}

fn at(file: &Path, why: &str) -> String {
    format!("git's configuration {}: {why}", file.display())
}

/// A value that is true or false, as git reads it; without a value it is true.
fn boolean(value: Option<&[u8]>) -> Option<bool> {
    let Some(value) = value else { return Some(true) };
    let value = str::from_utf8(value).ok()?.to_ascii_lowercase();
    match &*value {
        "true" | "yes" | "on" => Some(true),
        "false" | "no" | "off" | "" => Some(false),
        number => {
            let digits = number.trim_end_matches(['k', 'm', 'g']);
            let unit = number.len() - digits.len();
            let number: i64 = digits.parse().ok().filter(|_| unit <= 1)?;
            Some(number != 0)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    fn settings(files: &[(&str, &str)]) -> Result<Settings, String> {
        let files: HashMap<_, _> = files.iter().copied().collect();
        let places = ConfigPlaces {
            shared: vec!["/home/.gitconfig".into()],
            repository: Some("/r/.git/config".into()),
            worktree: Some("/r/.git/config.worktree".into()),
            git_dir: Some("/r/.git".into()),
            ignore: None,
            home: Some("/home".into()),
        };
        let text = |path: &Path| Some(files.get(path.to_str()?)?.as_bytes().to_vec());
        Settings::read(&places, &mut { text })
    }

    fn excludes(files: &[(&str, &str)]) -> Option<String> {
        let path = settings(files).expect("settings").excludes_file?;
        Some(path.to_str().expect("UTF-8").to_owned())
    }

    #[test]
    fn the_last_value_of_all_files_counts() {
        let user = "/home/.gitconfig";
        let repository = "/r/.git/config";
        for (files, expected) in [
            (&[(user, "[core] excludesFile = ~/x # y")][..], Some("/home/x")),
            (&[(user, "[other] excludesFile = x")], None),
            (&[(user, "[core]\nexcludesFile = x\nexcludesfile =")], Some("")),
            (
                &[(user, "[core] excludesFile = x"), (repository, "[core] excludesFile = y")],
                Some("y"),
            ),
            (
                &[(user, "[include] path = a/b"), ("/home/a/b", "[core] excludesFile = y")],
                Some("y"),
            ),
            (
                &[
                    (user, "[includeIf \"gitdir:/r/\"] path = /i"),
                    ("/i", "[core] excludesFile = y"),
                ],
                Some("y"),
            ),
            (
                &[
                    (user, "[includeIf \"gitdir:/s/\"] path = /i"),
                    ("/i", "[core] excludesFile = y"),
                ],
                None,
            ),
            (
                &[
                    (user, "[includeIf \"onbranch:a/\"] path = /i"),
                    ("/i", "[core] excludesFile = y"),
                    ("/r/.git/HEAD", "ref: refs/heads/a/b\n"),
                ],
                Some("y"),
            ),
            (
                &[
                    (user, "[includeIf \"hasconfig:remote.*.url:ssh://**\"] path = /i"),
                    ("/i", "[core] excludesFile = y"),
                    (repository, "[remote \"o\"] url = ssh://a/b"),
                ],
                Some("y"),
            ),
            (
                &[
                    (repository, "[extensions] worktreeConfig"),
                    ("/r/.git/config.worktree", "[core] excludesFile = y"),
                ],
                Some("y"),
            ),
            (&[("/r/.git/config.worktree", "[core] excludesFile = y")], None),
        ] {
            assert_eq!(excludes(files).as_deref(), expected, "{files:?}");
        }
    }

    #[test]
    fn what_git_refuses_is_refused() {
        for (text, why) in [
            ("[core", "line 1"),
            ("[core] excludesFile", "has no value"),
            ("[core] ignoreCase = perhaps", "no boolean"),
            ("[include] path = .gitconfig", "too deep"),
        ] {
            let error = settings(&[("/home/.gitconfig", text)]).expect_err(text);
            assert!(error.contains(why), "{text}: {error}");
        }
        let folded = settings(&[("/r/.git/config", "[core] ignoreCase")]).expect("settings");
        assert!(folded.is_case_ignored);
    }
}
