//! What keeps two runs of one command apart: the first thing found that is not the same. Values of
//! variables are never part of it.

use super::action::Action;
use super::surroundings::Apart;
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

/// What is not the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Difference {
    /// This variable, by its name.
    Variable(String),
    /// The file that the command's first word names.
    Program(PathBuf),
    /// Something else around the command, in words.
    Command(String),
    /// These files of the workspace, relative to its root; empty where they are not known.
    Files(Vec<PathBuf>),
    /// Something beside the files of the workspace.
    Surroundings(Apart),
}

impl Action {
    /// What makes this another action than `other`, of the same words in the same directory.
    /// `None` if nothing does.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Option<Difference> {
        if self.identity() == other.identity() {
            return None;
        }
        let (mine, theirs) = (self.counted_environment(), other.counted_environment());
        let names = mine.keys().chain(theirs.keys());
        let mut names = names.filter(|name| mine.get(*name) != theirs.get(*name));
        if let Some(name) = names.next() {
            return Some(Difference::Variable(name.to_string_lossy().into_owned()));
        }
        let (mine, theirs) = (&self.command, &other.command);
        if let Some(program) = mine.program.as_ref().or(theirs.program.as_ref())
            && mine.program != theirs.program
        {
            return Some(Difference::Program(program.path.clone()));
        }
        if mine.umask != theirs.umask {
            return Some(Difference::Command("the file mode creation mask (umask)".into()));
        }
        Some(Difference::Command("what is around the command".into()))
    }

    fn counted_environment(&self) -> BTreeMap<&OsString, &OsStr> {
        self.counted_variables().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Command;
    use crate::model::command::Program;
    use crate::model::command::tests::command;

    #[test]
    fn the_first_thing_that_differs_is_named_without_its_value() {
        let base = command(&["cargo", "check"]);
        let with = |change: &dyn Fn(&mut Command)| {
            let mut changed = base.clone();
            change(&mut changed);
            Action::of_command(base.clone()).difference(&Action::of_command(changed))
        };
        let variable = |name: &str| Some(Difference::Variable(name.into()));
        assert_eq!(with(&|_| {}), None);
        assert_eq!(with(&|c| c.environment.push(("TERM".into(), "x".into()))), None);
        assert_eq!(with(&|c| c.environment.push(("CC".into(), "x".into()))), variable("CC"));
        assert_eq!(with(&|c| c.environment[0].1 = "/usr/bin".into()), variable("PATH"));
        assert_eq!(with(&|c| c.environment.clear()), variable("PATH"));
        let program = Program { path: "/bin/cargo".into(), signature: [1, 2, 3, 4, 5] };
        assert_eq!(
            with(&|c| c.program = Some(program.clone())),
            Some(Difference::Program("/bin/cargo".into()))
        );
        assert!(matches!(with(&|c| c.umask = Some(0o77)), Some(Difference::Command(_))));
    }
}
