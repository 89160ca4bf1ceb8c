//! Files outside a workspace that say what is ignored in it, and git's own directory.

use super::crawl::signature;
use super::ignore_files::is_resource_exhausted;
use super::rules::{self, Rules};
use super::synchronizer::WorkspaceError;
use super::{git, rules::outside_files};
use crate::index::Signature;
use rustix::io::Errno;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

/// What was read there.
#[derive(Debug)]
pub(super) struct GlobalIgnores {
    /// The rules.
    pub(super) rules: Rules,
    /// What is wrong with them.
    pub(super) problems: Vec<String>,
    git_dir: Option<PathBuf>,
    /// The files, and those that say where the files are, as they were when they were read.
    seen: Vec<(PathBuf, Option<Signature>)>,
}

impl GlobalIgnores {
    pub(super) fn of(root: &Path) -> Result<Self, WorkspaceError> {
        let files = outside_files(root);
        let all = files.iter().cloned().chain(configurations(root));
        let seen = all.map(|path| (path.clone(), look(&path))).collect();
        let (mut parsed, mut problems) = (Vec::new(), Vec::new());
        for file in &files {
            let Ok(text) = fs::read(file) else { continue };
            let (rules, wrong) = rules::parse(&text, &file.display().to_string());
            parsed.extend(rules);
            problems.extend(wrong);
        }
        let rules = Rules::outside(parsed);
        let outside = Self { rules, problems, git_dir: git::git_dir(root), seen };
        // A file that could not be opened is none, unless nothing can be opened.
        match File::open(root) {
            Err(error) if Errno::from_io_error(&error).is_some_and(is_resource_exhausted) => {
                Err(WorkspaceError::ResourceExhausted { path: root.into(), source: error })
            }
            _ => Ok(outside),
        }
    }

    /// Whether one is not as it was read.
    pub(super) fn has_changed(&self) -> bool {
        self.seen.iter().any(|(path, before)| look(path) != *before)
    }

    /// Reads them again if one has changed.
    pub(super) fn changed(&mut self, root: &Path) -> Result<bool, WorkspaceError> {
        let changed = self.has_changed();
        if changed {
            *self = Self::of(root)?;
        }
        Ok(changed)
    }

    pub(super) fn git_is_at_work(&self) -> bool {
        self.git_dir.as_deref().is_some_and(git::is_at_work)
    }
}

/// Files that say where git's rules are.
fn configurations(root: &Path) -> Vec<PathBuf> {
    let home = std::env::var_os("HOME").map(PathBuf::from);
    let config = std::env::var_os("XDG_CONFIG_HOME")
        .map(PathBuf::from)
        .or_else(|| Some(home.as_ref()?.join(".config")));
    let user = home.map(|home| home.join(".gitconfig"));
    let shared = config.map(|config| config.join("git/config"));
    user.into_iter().chain(shared).chain([root.join(".git")]).collect()
}

/// Of a directory, that it is there: what is in it changes all the time.
fn look(path: &Path) -> Option<Signature> {
    rustix::fs::stat(path).ok().map(|stat| signature(&stat).of_entry())
}
