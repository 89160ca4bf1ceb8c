//! What requests say about this process: directory, environment, umask, state and parent build of a
//! command, and the directory of a query about a workspace.

use crate::args::{BuildOptions, CommandContext};
use crate::command_error::CommandError;
use crate::render::text::millis;
use crate::{jobserver, process_state};
use bd_protocol::OsText;
use bd_protocol::changes::WorkspaceLocator;
use bd_protocol::process_state::ProcessState;
use bd_protocol::submit::{JoinPolicy, Submit};
use nix::sys::stat::{Mode, umask};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// A request for `command` with what this process passes on. Must be called while there is only one
/// thread: the umask can only be read by setting it.
pub(crate) fn submit(
    command: Vec<OsString>,
    context: CommandContext,
) -> Result<Submit, CommandError> {
    let mut environment: Vec<(OsText, OsText)> = std::env::vars_os()
        .filter(|(name, _)| !context.env.iter().any(|(set, _)| set == name))
        .map(|(name, value)| (name.into(), value.into()))
        .collect();
    for (index, (name, value)) in context.env.iter().enumerate() {
        // The last one of a name wins.
        if !context.env[index + 1..].iter().any(|(later, _)| later == name) {
            environment.push((name.clone().into(), value.clone().into()));
        }
    }
    let process = ProcessState { jobserver: jobserver::of(&environment), ..process_state::own() };
    let mask = umask(Mode::empty());
    umask(mask);
    Ok(Submit {
        command: command.into_iter().map(OsText).collect(),
        cwd: directory(context.cwd.as_deref().unwrap_or(Path::new(".")))?.into(),
        environment,
        umask: Some(mask.bits() as u32),
        process: Some(process),
        parent: std::env::var("BD_BUILD").ok().filter(|build| !build.is_empty()),
        ..Submit::default()
    })
}

/// The same request with these options.
pub(crate) fn with_build_options(request: Submit, options: &BuildOptions) -> Submit {
    let join = match (options.join, options.no_join) {
        (true, _) => JoinPolicy::Always,
        (_, true) => JoinPolicy::Never,
        _ => JoinPolicy::Auto,
    };
    Submit { priority: options.priority, timeout_ms: options.timeout.map(millis), join, ..request }
}

/// The workspace that a directory is in; by default, the current directory.
pub(crate) fn workspace(dir: Option<&Path>) -> Result<WorkspaceLocator, CommandError> {
    Ok(bd_client::workspace_at(directory(dir.unwrap_or(Path::new(".")))?))
}

/// An absolute path without links. A path that does not exist is only made absolute, so that the
/// daemon can report what is wrong with it.
pub(crate) fn directory(given: &Path) -> Result<PathBuf, CommandError> {
    let here = || CommandError::io("find the current directory");
    if given == Path::new(".") {
        return std::env::current_dir().map_err(here());
    }
    match given.canonicalize() {
        Ok(path) => Ok(path),
        Err(_) => std::path::absolute(given).map_err(here()),
    }
}
