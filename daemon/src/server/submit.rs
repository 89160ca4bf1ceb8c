//! Turns the request of a client into a submission: finds the root and the program, and decides
//! whether the command may be shared.

use crate::drivers;
use crate::engine::Submission;
use crate::model::colors;
use crate::model::command::Program;
use crate::model::{
    Action, BuildId, ClientId, Command, EnvironmentPolicy, Join, JoinReason, Plan, Presentation,
    Reads,
};
use crate::server::{convert, locate, search_path};
use crate::workspace::ignored_environment;
use bd_protocol::submit::{JoinPolicy, OutputShape, StdinMode, Submit};
use bd_protocol::{OsText, Priority, Session};
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::{fs, io};

/// Where programs are searched for if the environment does not say (as with `execvp`).
const DEFAULT_PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// Why a request cannot be run.
#[derive(Debug, thiserror::Error)]
pub(super) enum SubmitError {
    #[error("the priority class is not one of user, editor, agent and background")]
    UnknownPriority,
    #[error("there is no command")]
    NoCommand,
    #[error("an argument contains a NUL byte")]
    NulInArgument,
    #[error("'{}' is not the name of an environment variable, or its value contains a NUL byte",
        .0.display())]
    BadVariable(OsString),
    #[error("the directory to run in is not absolute: {}", .0.display())]
    RelativeCwd(PathBuf),
    #[error("cannot run in {}: it is not a directory", .0.display())]
    CwdNotADirectory(PathBuf),
    #[error("cannot run in {}: {source}", dir.display())]
    CwdInaccessible { dir: PathBuf, source: io::Error },
}

pub(super) fn submission(
    asked: Submit,
    client: ClientId,
    session: &Session,
    ignored: &[String],
) -> Result<Submission, SubmitError> {
    if asked.priority == Some(Priority::Unknown) {
        return Err(SubmitError::UnknownPriority);
    }
    let priority = asked.priority.unwrap_or(session.kind.priority());
    let (join, reads) = join(&asked);
    let output = presentation(&asked, &join);
    let parent = asked.parent.as_deref().and_then(|parent| parent.parse::<BuildId>().ok());
    let (timeout_ms, detach) = (asked.timeout_ms, asked.detach);
    Ok(Submission {
        client,
        session: session.to_string(),
        plan: Plan::of_action(action(Command { output, ..command(asked)? }, reads, ignored), join),
        priority: convert::model_priority(priority),
        timeout_ms,
        detach,
        keep_going: false,
        parent,
    })
}

/// `ignored` is what the daemon's configuration has of variables that make no difference.
fn action(command: Command, reads: Reads, ignored: &[String]) -> Action {
    let of_workspace = ignored_environment(&command.root);
    let ignored = ignored.iter().cloned().chain(of_workspace).collect();
    let environment = EnvironmentPolicy { ignored };
    Action { environment, reads, ..Action::of_command(command) }
}

/// Whether it is shared, and what it may read beside its workspace if it is.
fn join(asked: &Submit) -> (Join, Reads) {
    let argv: Vec<OsString> = asked.command.iter().map(|word| word.0.clone()).collect();
    if asked.stdin == StdinMode::Forward || asked.tty.is_some() {
        return (Join::No(JoinReason::Interactive), Reads::default());
    }
    let recognised = drivers::recognise(&argv);
    let builds = recognised.as_ref().filter(|found| found.builds).map(|found| found.tool);
    let join = match (asked.join, builds) {
        (JoinPolicy::Never, _) => Join::No(JoinReason::Refused),
        (JoinPolicy::Auto, Some(tool)) => Join::Yes(JoinReason::KnownTool(tool.to_owned())),
        (JoinPolicy::Always, _) => Join::Yes(JoinReason::Asked),
        (JoinPolicy::Auto, None) => Join::No(JoinReason::NotABuild),
    };
    let reads = match (&join, recognised) {
        (Join::No(_), _) => Reads::default(),
        (Join::Yes(_), Some(found)) if found.builds => found.reads,
        (Join::Yes(_), _) => drivers::all_reads(),
    };
    (join, reads)
}

/// How the output is asked for. On a terminal its order matters less than that others can share the
/// execution.
fn presentation(asked: &Submit, join: &Join) -> Presentation {
    let one_stream = match (asked.output.shape, join) {
        (OutputShape::One, _) | (OutputShape::Screen, Join::No(_)) => true,
        (OutputShape::Screen, Join::Yes(_)) | (OutputShape::Apart | OutputShape::Unknown, _) => {
            false
        }
    };
    Presentation { one_stream, colors: asked.output.colors && asked.tty.is_none() }
}

fn command(asked: Submit) -> Result<Command, SubmitError> {
    if asked.command.is_empty() {
        return Err(SubmitError::NoCommand);
    }
    if asked.command.iter().any(has_nul) {
        return Err(SubmitError::NulInArgument);
    }
    let cwd = PathBuf::from(&asked.cwd.0);
    check_cwd(&cwd)?;
    let mut environment = BTreeMap::new();
    for (name, value) in asked.environment {
        let bytes = name.0.as_bytes();
        if bytes.is_empty() || bytes.contains(&b'=') || has_nul(&name) || has_nul(&value) {
            return Err(SubmitError::BadVariable(name.0));
        }
        environment.insert(name.0, value.0);
    }
    colors::remove(&mut environment);
    // Shells and tools trust it, so it must be the directory that the command runs in, by whatever
    // links its user has come there.
    if let Some(pwd) = environment.get_mut(OsStr::new("PWD"))
        && !is_name_of(Path::new(pwd), &cwd)
    {
        *pwd = cwd.clone().into();
    }
    let home = environment.get(OsStr::new("HOME")).map(PathBuf::from);
    let argv: Vec<OsString> = asked.command.into_iter().map(|word| word.0).collect();
    let path = environment.get(OsStr::new("PATH")).map(OsString::as_os_str);
    Ok(Command {
        program: program(&argv[0], path, &cwd),
        search_path: path.map(search_path::counted),
        root: locate::root(&locate::real(&cwd), home.as_deref()),
        argv,
        cwd,
        environment: environment.into_iter().collect(),
        umask: asked.umask,
        process: asked.process.map(convert::process_state).map(Arc::new),
        stdin: asked.stdin == StdinMode::Forward,
        tty: asked.tty.map(|size| (size.rows, size.columns)),
        output: Presentation::default(),
    })
}

fn has_nul(text: &OsText) -> bool {
    text.0.as_bytes().contains(&0)
}

fn check_cwd(cwd: &Path) -> Result<(), SubmitError> {
    if !cwd.is_absolute() {
        return Err(SubmitError::RelativeCwd(cwd.to_path_buf()));
    }
    match fs::metadata(cwd) {
        Ok(found) if found.is_dir() => Ok(()),
        Ok(_) => Err(SubmitError::CwdNotADirectory(cwd.to_path_buf())),
        Err(source) => Err(SubmitError::CwdInaccessible { dir: cwd.to_path_buf(), source }),
    }
}

/// Whether this is an absolute path, without detours, of that directory: what a shell believes.
fn is_name_of(path: &Path, dir: &Path) -> bool {
    let is_plain = |part: Component<'_>| matches!(part, Component::RootDir | Component::Normal(_));
    let id = |path: &Path| fs::metadata(path).ok().map(|found| (found.dev(), found.ino()));
    path.is_absolute()
        && path.components().all(is_plain)
        && !path.as_os_str().as_bytes().split(|byte| *byte == b'/').any(|part| part == b".")
        && (path == dir || (id(path).is_some() && id(path) == id(dir)))
}

/// What the first word of a command names, as `execvp` finds it.
fn program(word: &OsStr, path: Option<&OsStr>, cwd: &Path) -> Option<Program> {
    let is_program = |candidate: &PathBuf| {
        let found = fs::metadata(candidate).ok()?;
        (found.is_file() && found.mode() & 0o111 != 0).then_some(found)
    };
    let candidates: Vec<PathBuf> = if word.as_bytes().contains(&b'/') {
        vec![cwd.join(word)]
    } else {
        std::env::split_paths(path.unwrap_or(OsStr::new(DEFAULT_PATH)))
            .map(|dir| cwd.join(search_path::lasting(&dir).unwrap_or(dir)).join(word))
            .collect()
    };
    candidates.into_iter().find_map(|path| {
        let found = is_program(&path)?;
        let time = |seconds: i64, nanoseconds: i64| {
            seconds.wrapping_mul(1_000_000_000).wrapping_add(nanoseconds).cast_unsigned()
        };
        // One that is written over may keep its size and its time of modification.
        let signature = [
            found.size(),
            time(found.mtime(), found.mtime_nsec()),
            time(found.ctime(), found.ctime_nsec()),
            found.ino(),
            u64::from(found.mode()),
        ];
        Some(Program { path, signature })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use bd_protocol::Failure;
    use bd_protocol::failure::codes;

    fn asked(argv: &[&str]) -> Submit {
        Submit {
            command: argv.iter().map(|word| OsText::from(*word)).collect(),
            cwd: "/".into(),
            environment: vec![("PATH".into(), "/nowhere:/bin:/usr/bin".into())],
            ..Submit::default()
        }
    }

    #[test]
    fn what_cannot_be_run_is_refused_with_the_reason() {
        let environment = |name: &str, value: &str| Submit {
            environment: vec![(name.into(), value.into())],
            ..asked(&["true"])
        };
        for (request, code, says) in [
            (asked(&[]), codes::BAD_REQUEST, "no command"),
            (asked(&["a\0b"]), codes::BAD_REQUEST, "NUL"),
            (environment("", "x"), codes::BAD_REQUEST, "variable"),
            (environment("a=b", "x"), codes::BAD_REQUEST, "a=b"),
            (environment("a", "\0"), codes::BAD_REQUEST, "variable"),
            (Submit { cwd: "here".into(), ..asked(&["true"]) }, codes::BAD_CWD, "here"),
            (Submit { cwd: "/no/such".into(), ..asked(&["true"]) }, codes::BAD_CWD, "/no/such"),
            (Submit { cwd: "/bin/sh".into(), ..asked(&["true"]) }, codes::BAD_CWD, "/bin/sh"),
        ] {
            let failure = Failure::from(command(request).expect_err(says));
            assert_eq!(failure.code, code);
            assert!(failure.message.contains(says), "{failure}");
        }
    }

    #[test]
    fn the_program_is_found_as_a_shell_finds_it() {
        let found = command(asked(&["sh"])).expect("a command").program.expect("sh is there");
        assert_eq!(found.path, Path::new("/bin/sh"));
        assert_eq!(command(asked(&["no-such-program"])).expect("a command").program, None);
    }

    #[test]
    fn pwd_says_where_the_command_runs() {
        let mut request = asked(&["true"]);
        request.environment.push(("PWD".into(), "/elsewhere".into()));
        let run = command(request).expect("a command");
        assert!(run.environment.contains(&("PWD".into(), "/".into())));

        let dir = tempfile::tempdir().expect("a directory");
        std::fs::create_dir(dir.path().join("real")).expect("a directory");
        let link = dir.path().join("link");
        std::os::unix::fs::symlink("real", &link).expect("a link");
        for (pwd, kept) in [("link", true), ("real", true), ("link/../link", false), (".", false)] {
            let pwd = dir.path().join(pwd);
            let mut request = asked(&["true"]);
            request.cwd = OsText(dir.path().join("real").into());
            request.environment.push(("PWD".into(), OsText(pwd.clone().into())));
            let environment = command(request).expect("a command").environment;
            let expected = if kept { pwd } else { dir.path().join("real") };
            assert!(environment.contains(&("PWD".into(), expected.into())), "{environment:?}");
        }
    }

    #[test]
    fn builds_share_and_what_is_typed_into_never_does() {
        let reason = |request: &Submit| join(request).0;
        let cargo = asked(&["cargo", "check"]);
        assert_eq!(reason(&cargo), Join::Yes(JoinReason::KnownTool("cargo".into())));
        let never = Submit { join: JoinPolicy::Never, ..cargo.clone() };
        assert_eq!(reason(&never), Join::No(JoinReason::Refused));
        let typed = Submit { stdin: StdinMode::Forward, join: JoinPolicy::Always, ..cargo };
        assert_eq!(reason(&typed), Join::No(JoinReason::Interactive));
        assert_eq!(reason(&asked(&["./deploy.sh"])), Join::No(JoinReason::NotABuild));
    }
}
