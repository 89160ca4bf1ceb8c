//! What directories say of themselves: their ignore rules, what is wrong with them, and what the
//! root's `bd.toml` has run on change. Knows no watches.

use crate::index::{Index, NodeId};
use crate::watch::error::WorkspaceError;
use crate::watch::scan::Listing;
use crate::workspace::{GlobalIgnores, IgnoreRules, OnChange};
use std::collections::HashMap;
use std::path::Path;

/// See the [module](self).
#[derive(Debug)]
pub(super) struct RuleTable {
    /// Rules of the directories that have some of their own, and of the root.
    own: HashMap<NodeId, IgnoreRules>,
    global: GlobalIgnores,
    on_change: Vec<OnChange>,
    /// What is wrong with directories and their ignore files.
    problems: HashMap<NodeId, Vec<String>>,
}

impl RuleTable {
    /// The rules from outside the workspace; those in it come with listings.
    pub(super) fn new(root: &Path) -> Result<Self, WorkspaceError> {
        let global = read_global(root)?;
        let own = HashMap::from([(Index::ROOT, global.rules().clone())]);
        Ok(Self { own, global, on_change: Vec::new(), problems: HashMap::new() })
    }

    /// Reads the rules from outside the workspace again if their files have changed; returns whether
    /// they are others. Then everything has to be listed.
    pub(super) fn refresh_global(&mut self, root: &Path) -> Result<bool, WorkspaceError> {
        if !self.global.has_changed() {
            return Ok(false);
        }
        let before = std::mem::replace(&mut self.global, read_global(root)?);
        if !self.global.differs_from(&before) {
            return Ok(false);
        }
        self.own.insert(Index::ROOT, self.global.rules().clone());
        Ok(true)
    }

    /// Whether the rules from outside the workspace have changed.
    pub(super) fn has_global_changed(&self) -> bool {
        self.global.has_changed()
    }

    /// Takes from a listing what a directory says of itself.
    pub(super) fn update(&mut self, dir: NodeId, listing: &mut Listing) {
        if listing.has_rules {
            self.own.insert(dir, std::mem::take(&mut listing.rules));
        } else if dir != Index::ROOT {
            self.own.remove(&dir);
        } else {
            self.own.insert(dir, self.global.rules().clone());
        }
        if dir == Index::ROOT {
            self.on_change = std::mem::take(&mut listing.on_change);
        }
        if listing.problems.is_empty() {
            self.problems.remove(&dir);
        } else {
            self.problems.insert(dir, std::mem::take(&mut listing.problems));
        }
    }

    /// A directory is gone.
    pub(super) fn remove(&mut self, dir: NodeId) {
        self.own.remove(&dir);
        self.problems.remove(&dir);
    }

    /// The rules that hold in a directory.
    pub(super) fn rules_in(&self, index: &Index, dir: NodeId) -> IgnoreRules {
        let mut above = std::iter::successors(Some(dir), |dir| index.parent(*dir));
        above.find_map(|dir| self.own.get(&dir).cloned()).unwrap_or_default()
    }

    /// The rules that hold for a directory, without its own.
    pub(super) fn rules_above(&self, index: &Index, dir: NodeId) -> IgnoreRules {
        match index.parent(dir) {
            Some(parent) => self.rules_in(index, parent),
            None => self.global.rules().clone(),
        }
    }

    /// What `bd.toml` has run on change.
    pub(super) fn on_change(&self) -> &[OnChange] {
        &self.on_change
    }

    /// What is wrong with ignore files and directories, as shown to people.
    pub(super) fn problems(&self) -> impl Iterator<Item = &str> {
        self.problems.values().flatten().chain(self.global.problems()).map(String::as_str)
    }

    /// Whether a git command is changing the files of the workspace.
    pub(super) fn is_git_running(&self) -> bool {
        self.global.is_git_running()
    }
}

fn read_global(root: &Path) -> Result<GlobalIgnores, WorkspaceError> {
    GlobalIgnores::read(root).map_err(|error| WorkspaceError::exhausted(root.into(), error))
}
