//! A command as it is to be run.

use super::Presentation;
use super::ProcessState;
use super::digest::{Digest, FieldHasher};
use std::ffi::OsString;
use std::fmt;
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;
use std::sync::Arc;

/// Size of a pseudo-terminal: rows, columns.
pub type TerminalSize = (u16, u16);

/// What to run, where, and with what around it.
#[derive(Clone, PartialEq, Eq)]
pub struct Command {
    /// Program and arguments; never empty.
    pub argv: Vec<OsString>,
    /// Directory to run in, absolute.
    pub cwd: PathBuf,
    /// The complete environment.
    pub environment: Vec<(OsString, OsString)>,
    /// File mode creation mask.
    pub umask: Option<u32>,
    /// What else its client hands on; the daemon's own where it has not said.
    pub process: Option<Arc<ProcessState>>,
    /// Whether the client sends standard input.
    pub stdin: bool,
    /// The pseudo-terminal to run under.
    pub tty: Option<TerminalSize>,
    /// Root of the workspace that `cwd` is in.
    pub root: PathBuf,
    /// What `argv[0]` was found to be, and its stat signature: another compiler at the same path
    /// is another action. `None` where it was not found.
    pub program: Option<Program>,
    /// What counts of `PATH`: the directories that it comes to. `None` where nobody has looked, or
    /// there is none; then it counts as it is.
    pub search_path: Option<OsString>,
    /// How its output is to be given. No part of its identity.
    pub output: Presentation,
}

/// The file that a command's first word names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// Its path.
    pub path: PathBuf,
    /// Its size in bytes, times of modification and of change in nanoseconds, inode, and mode.
    pub signature: [u64; 5],
}

/// The environment may hold secrets: it is never printed.
impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Command")
            .field("argv", &self.argv)
            .field("cwd", &self.cwd)
            .field("environment", &format_args!("{} variables", self.environment.len()))
            .finish_non_exhaustive()
    }
}

impl Command {
    /// `argv` in the root of a workspace, with an empty environment and nothing else around it.
    #[must_use]
    pub fn in_root(argv: Vec<OsString>, root: impl Into<PathBuf>) -> Self {
        let root = root.into();
        Self {
            argv,
            cwd: root.clone(),
            environment: Vec::new(),
            umask: None,
            process: None,
            stdin: false,
            tty: None,
            root,
            program: None,
            search_path: None,
            output: Presentation::default(),
        }
    }

    /// Digest of what such a command is like whatever its environment: how long it took before
    /// is a fair guess for the next time.
    #[must_use]
    pub fn shape(&self) -> Digest {
        let mut hasher = FieldHasher::new("bd 2026 command shape v1");
        hasher.field(self.cwd.as_os_str().as_bytes());
        for argument in &self.argv {
            hasher.field(argument.as_bytes());
        }
        hasher.finish()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// `argv` in `/ws`, with nothing else.
    pub(crate) fn command(argv: &[&str]) -> Command {
        let argv = argv.iter().map(OsString::from).collect();
        let environment = vec![("PATH".into(), "/bin".into())];
        Command { environment, ..Command::in_root(argv, "/ws") }
    }

    #[test]
    fn the_environment_is_never_printed() {
        let mut command = command(&["env"]);
        command.environment.push(("TOKEN".into(), "s3cret".into()));
        assert!(!format!("{command:?}").contains("s3cret"));
    }
}
