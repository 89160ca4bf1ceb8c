//! What is run, and what makes two runs the same work. Knows nothing of builds and executions.

use super::Command;
use super::digest::{Digest, FieldHasher};
use super::environment::{Weight, weight};
use super::tool_reads::Reads;
use std::ffi::{OsStr, OsString};
use std::ops::RangeInclusive;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::sync::Arc;

/// What a task or an ad-hoc command resolves to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Action {
    /// Words, directory, environment and process state.
    pub command: Arc<Command>,
    /// Which variables of that environment make it another action.
    pub environment: EnvironmentPolicy,
    /// The files it may read.
    pub inputs: Inputs,
    /// What it makes: patterns relative to the root. Empty where nobody has said.
    pub outputs: Arc<[String]>,
    /// What it needs of the machine, as far as somebody has said.
    pub resources: Resources,
    /// What it may read beside the files of the workspace.
    pub reads: Reads,
    /// The lane it writes to; `None` where it writes to the workspace itself.
    pub lane: Option<LaneKey>,
}

/// Which variables count: all but the general noise of terminals, shells and agents, and these.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EnvironmentPolicy {
    /// Further names that make no difference to the result; `PREFIX_*` stands for all that begin so.
    pub ignored: Arc<[String]>,
}

/// Which files of a workspace an action may read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum Inputs {
    /// Every file that is not ignored: nothing is known of the command.
    #[default]
    WholeTree,
    /// Those that these patterns match, in the syntax of `.gitignore`.
    Globs(Arc<[String]>),
}

/// What an execution needs of the machine. `None`: learned, or the default of its class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Resources {
    /// Cores it keeps busy.
    pub cores: Option<u32>,
    /// Memory of its whole process tree, in bytes.
    pub memory_bytes: Option<u64>,
}

/// Names a lane: one attempt at a time writes to it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LaneKey(pub String);

/// The version of a set of files that was seen at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TreeVersion {
    /// Digest of the files.
    pub tree: Digest,
    /// Counts the changes that were seen. A file that was changed and changed back leaves the
    /// digest as it was, but whoever ran in between may have seen either.
    pub epoch: u64,
}

/// Key of an execution that may be shared: equal keys, same work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ActionKey {
    /// Digest of command and files.
    pub action: Digest,
    /// See [`TreeVersion::epoch`].
    pub epoch: u64,
    /// Tells executions apart that differ only in their [surroundings](super::Surroundings).
    pub variant: u32,
}

impl ActionKey {
    /// The key of the action with this [identity](Action::identity) on this version of its inputs.
    #[must_use]
    pub fn new(identity: Digest, version: TreeVersion) -> Self {
        let mut hasher = FieldHasher::new("bd 2026 action v1");
        hasher.field(&identity.0).field(&version.tree.0);
        Self { action: hasher.finish(), epoch: version.epoch, variant: 0 }
    }

    /// The first and the last of the keys that differ from this one in their variants only.
    #[must_use]
    pub fn variants(self) -> RangeInclusive<Self> {
        Self { variant: 0, ..self }..=Self { variant: u32::MAX, ..self }
    }
}

impl EnvironmentPolicy {
    /// Whether two runs that differ in this variable only can be different actions.
    #[must_use]
    pub fn counts(&self, name: &OsStr) -> bool {
        self.weight(name) != Weight::Nothing
    }

    fn weight(&self, name: &OsStr) -> Weight {
        let ignored = self.ignored.iter().any(|ignored| match ignored.strip_suffix('*') {
            Some(start) => name.as_bytes().starts_with(start.as_bytes()),
            None => name == OsStr::new(ignored),
        });
        if ignored { Weight::Nothing } else { weight(name) }
    }

    /// What counts of this variable with this value; `None` if nothing does. One that is set to
    /// nothing is neither one that is not set nor one that is set to something.
    fn counted<'a>(&self, name: &OsStr, value: &'a OsStr) -> Option<&'a OsStr> {
        match self.weight(name) {
            Weight::Value => Some(value),
            Weight::Presence if value.is_empty() => Some(value),
            Weight::Presence => Some(OsStr::new("set")),
            Weight::Nothing => None,
        }
    }
}

impl Action {
    /// An action of which nothing is known but its command.
    #[must_use]
    pub fn of_command(command: Command) -> Self {
        Self {
            command: Arc::new(command),
            environment: EnvironmentPolicy::default(),
            inputs: Inputs::WholeTree,
            outputs: Arc::default(),
            resources: Resources::default(),
            reads: Reads::default(),
            lane: None,
        }
    }

    /// Root of the workspace it runs in.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.command.root
    }

    /// Digest of all that makes this action what it is, except the version of its inputs.
    #[must_use]
    pub fn identity(&self) -> Digest {
        let command = &*self.command;
        let mut hasher = FieldHasher::new("bd 2026 command identity v1");
        hasher.field(command.root.as_os_str().as_bytes()).field(command.cwd.as_os_str().as_bytes());
        hasher.number(command.argv.len() as u64);
        for argument in &command.argv {
            hasher.field(argument.as_bytes());
        }
        let mut environment: Vec<_> = self.counted_variables().collect();
        environment.sort();
        for (name, value) in environment {
            hasher.field(name.as_bytes()).field(value.as_bytes());
        }
        // Behind a variable number of variables, so marked by a field no variable name can equal.
        hasher.field(b"=");
        if let Some(program) = &command.program {
            hasher.field(program.path.as_os_str().as_bytes());
            program.signature.iter().for_each(|number| {
                hasher.number(*number);
            });
        }
        hasher.number(u64::from(command.umask.unwrap_or(u32::MAX)));
        if let Some(process) = &command.process {
            process.identify(&mut hasher);
        }
        if let Inputs::Globs(globs) = &self.inputs {
            hasher.field(b"inputs").number(globs.len() as u64);
            globs.iter().for_each(|glob| {
                hasher.field(glob.as_bytes());
            });
        }
        if let Some(LaneKey(lane)) = &self.lane {
            hasher.field(b"lane").field(lane.as_bytes());
        }
        hasher.finish()
    }

    /// The variables that count, with what counts of them.
    pub(super) fn counted_variables(&self) -> impl Iterator<Item = (&OsString, &OsStr)> {
        let command = &*self.command;
        command.environment.iter().filter_map(|(name, value)| {
            let path = if name == "PATH" { command.search_path.as_ref() } else { None };
            Some((name, self.environment.counted(name, path.unwrap_or(value))?))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::command::Program;
    use crate::model::command::tests::command;

    #[test]
    fn what_can_change_the_result_changes_the_identity() {
        let base = Action::of_command(command(&["cargo", "check"]));
        let with = |change: &dyn Fn(&mut Command)| {
            let mut changed = Command::clone(&base.command);
            change(&mut changed);
            Action::of_command(changed).identity()
        };
        let globs = |globs: &[&str]| {
            let globs = globs.iter().map(|glob| (*glob).to_owned()).collect();
            Action { inputs: Inputs::Globs(globs), ..base.clone() }.identity()
        };
        let different: Vec<Digest> = vec![
            base.identity(),
            with(&|c| c.argv.push("-q".into())),
            with(&|c| c.argv = vec!["cargo check".into()]),
            with(&|c| c.cwd = "/ws/a".into()),
            with(&|c| c.root = "/".into()),
            with(&|c| c.environment.push(("RUSTFLAGS".into(), "-O".into()))),
            with(&|c| c.environment[0].1 = "/usr/bin".into()),
            with(&|c| c.search_path = Some("/usr/local/bin".into())),
            with(&|c| c.environment.push(("DISPLAY".into(), ":0".into()))),
            with(&|c| c.environment.push(("DISPLAY".into(), "".into()))),
            with(&|c| c.umask = Some(0o77)),
            with(&|c| c.process = Some(Arc::default())),
            with(&|c| {
                c.program = Some(Program { path: "/bin/cargo".into(), signature: [1, 2, 3, 4, 5] });
            }),
            globs(&["src"]),
            globs(&["src", "test"]),
            globs(&["srctest"]),
            Action { lane: Some(LaneKey("a".into())), ..base.clone() }.identity(),
        ];
        for (at, digest) in different.iter().enumerate() {
            assert!(!different[..at].contains(digest), "change {at} made no difference");
        }
        assert_eq!(base.identity(), with(&|c| c.environment.push(("TERM".into(), "x".into()))));
        assert_eq!(base.identity(), with(&|c| c.search_path = Some("/bin".into())));
        let display = |at: &str| with(&|c| c.environment.push(("DISPLAY".into(), at.into())));
        assert_eq!(display(":0"), display(":1"));
    }

    #[test]
    fn of_two_search_paths_it_counts_what_they_come_to() {
        let identity = |path: &str| {
            let mut command = command(&["make"]);
            command.environment[0].1 = path.into();
            command.search_path = Some("/bin".into());
            Action::of_command(command).identity()
        };
        assert_eq!(identity("/bin:/bin"), identity("/bin"));
    }

    #[test]
    fn a_variable_that_the_policy_ignores_makes_no_difference() {
        let mut command = command(&["make"]);
        command.environment.push(("BUILD_NUMBER".into(), "1".into()));
        let one = Action::of_command(command.clone());
        command.environment[1].1 = "2".into();
        let two = Action::of_command(command);
        assert_ne!(one.identity(), two.identity());
        let ignoring = |action: Action| {
            let environment = EnvironmentPolicy { ignored: Arc::new(["BUILD_NUMBER".to_owned()]) };
            Action { environment, ..action }.identity()
        };
        assert_eq!(ignoring(one), ignoring(two));
    }

    #[test]
    fn the_order_of_variables_makes_no_difference() {
        let mut command = command(&["make"]);
        command.environment.push(("CC".into(), "gcc".into()));
        let one = Action::of_command(command.clone()).identity();
        command.environment.reverse();
        assert_eq!(one, Action::of_command(command).identity());
    }
}
