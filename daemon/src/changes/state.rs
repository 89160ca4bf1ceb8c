//! The states a workspace goes through, counted.

use super::tree::Tree;
use crate::model::StateId;
use std::sync::Arc;

/// A workspace as it was found at one moment.
#[derive(Clone, Debug)]
pub struct State {
    /// What tells it from other states.
    pub id: StateId,
    /// What was there.
    pub tree: Arc<Tree>,
}

/// The latest known state of a workspace.
#[derive(Debug, Default)]
pub struct Workspace {
    latest: Option<State>,
}

impl Workspace {
    /// The latest listing, to spare reading what has not changed since.
    #[must_use]
    pub fn tree(&self) -> Option<Arc<Tree>> {
        self.latest.as_ref().map(|state| state.tree.clone())
    }

    /// Takes what was found on disk. The epoch goes up when anything moved, even if the digest is
    /// that of an earlier state.
    pub fn found(&mut self, tree: Tree) -> State {
        let epoch = match &self.latest {
            None => 1,
            Some(latest) if tree.moved_since(&latest.tree).is_empty() => latest.id.epoch,
            Some(latest) => latest.id.epoch + 1,
        };
        let state = State { id: StateId { tree: tree.digest(), epoch }, tree: Arc::new(tree) };
        self.latest = Some(state.clone());
        state
    }
}

#[cfg(test)]
mod tests {
    use super::super::tree::tests::file;
    use super::*;

    #[test]
    fn a_change_that_was_undone_is_another_state() {
        let mut workspace = Workspace::default();
        let first = workspace.found(Tree::new(vec![file("a", 1, 1)])).id;
        let same = workspace.found(Tree::new(vec![file("a", 1, 1)])).id;
        let edited = workspace.found(Tree::new(vec![file("a", 2, 1)])).id;
        let undone = workspace.found(Tree::new(vec![file("a", 1, 1)])).id;
        assert_eq!(first, same);
        assert_ne!(first.tree, edited.tree);
        assert_eq!(first.tree, undone.tree);
        assert_ne!(first, undone);
    }
}
