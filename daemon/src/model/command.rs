//! A command as it is to be run, and the part of it that makes it the action it is.

use super::digest::{Digest, FieldHasher};
use super::environment::matters;
use std::ffi::OsString;
use std::fmt;
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;

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
    /// Whether the client sends standard input.
    pub stdin: bool,
    /// The pseudo-terminal to run under.
    pub tty: Option<TerminalSize>,
    /// Root of the workspace that `cwd` is in.
    pub root: PathBuf,
    /// What `argv[0]` was found to be, and its stat signature: another compiler at the same path
    /// is another action. `None` where it was not found.
    pub program: Option<Program>,
}

/// The file that a command's first word names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// Its path.
    pub path: PathBuf,
    /// Its size in bytes, time of modification in nanoseconds, and inode.
    pub signature: [u64; 3],
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
    /// Digest of all that makes this command the action it is, except the state of the files.
    #[must_use]
    pub fn identity(&self) -> Digest {
        let mut hasher = FieldHasher::new("bd 2026 command identity v1");
        hasher.field(self.root.as_os_str().as_bytes()).field(self.cwd.as_os_str().as_bytes());
        hasher.number(self.argv.len() as u64);
        for argument in &self.argv {
            hasher.field(argument.as_bytes());
        }
        let mut environment: Vec<_> =
            self.environment.iter().filter(|(name, _)| matters(name)).collect();
        environment.sort();
        for (name, value) in environment {
            hasher.field(name.as_bytes()).field(value.as_bytes());
        }
        // Behind a variable number of variables, so marked by a field no variable name can equal.
        hasher.field(b"=");
        if let Some(program) = &self.program {
            hasher.field(program.path.as_os_str().as_bytes());
            program.signature.iter().for_each(|number| {
                hasher.number(*number);
            });
        }
        hasher.number(u64::from(self.umask.unwrap_or(u32::MAX)));
        hasher.finish()
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
        Command {
            argv: argv.iter().map(OsString::from).collect(),
            cwd: "/ws".into(),
            environment: vec![("PATH".into(), "/bin".into())],
            umask: None,
            stdin: false,
            tty: None,
            root: "/ws".into(),
            program: None,
        }
    }

    #[test]
    fn what_can_change_the_result_changes_the_identity() {
        let base = command(&["cargo", "check"]);
        let with = |change: &dyn Fn(&mut Command)| {
            let mut changed = base.clone();
            change(&mut changed);
            changed.identity()
        };
        let different: Vec<Digest> = vec![
            base.identity(),
            with(&|c| c.argv.push("-q".into())),
            with(&|c| c.argv = vec!["cargo check".into()]),
            with(&|c| c.cwd = "/ws/a".into()),
            with(&|c| c.root = "/".into()),
            with(&|c| c.environment.push(("RUSTFLAGS".into(), "-O".into()))),
            with(&|c| c.environment[0].1 = "/usr/bin".into()),
            with(&|c| c.umask = Some(0o77)),
            with(&|c| {
                c.program = Some(Program { path: "/bin/cargo".into(), signature: [1, 2, 3] });
            }),
        ];
        for (at, digest) in different.iter().enumerate() {
            assert!(!different[..at].contains(digest), "change {at} made no difference");
        }
        assert_eq!(base.identity(), with(&|c| c.environment.push(("TERM".into(), "x".into()))));
    }

    #[test]
    fn the_environment_is_never_printed() {
        let mut command = command(&["env"]);
        command.environment.push(("TOKEN".into(), "s3cret".into()));
        assert!(!format!("{command:?}").contains("s3cret"));
    }
}
