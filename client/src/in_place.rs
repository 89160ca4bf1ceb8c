//! Runs a command in this process, where the daemon would run it in another confinement than this
//! process is in, or without what this process has. Nothing is shared or recorded then, but the result
//! is the one that was asked for.

use crate::command_error::CommandError;
use bd_client::{ClientError, may_be_confined};
use bd_protocol::failure::codes;
use bd_protocol::submit::{StdinMode, Submit};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use std::ffi::OsStr;
use std::io::ErrorKind;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Between two looks at a command that may not run for ever.
const LOOK_EVERY: Duration = Duration::from_millis(10);
/// From SIGTERM to SIGKILL.
const GRACE: Duration = Duration::from_secs(3);
/// Exit codes as a shell has them.
const NOT_EXECUTABLE: u8 = 126;
const NOT_FOUND: u8 = 127;
const TIMED_OUT: u8 = 124;

/// Whether this error means that the command has to run here.
pub(crate) fn is_needed(error: &ClientError) -> bool {
    use bd_client::StartError;
    use bd_protocol::rendezvous::HomeError;
    if let ClientError::Refused { failure, .. } | ClientError::Failure(failure) = error {
        return [codes::CONFINED_CLIENT, codes::CONFINED_DAEMON, codes::OUT_OF_REACH]
            .contains(&failure.code.as_str());
    }
    // A sandbox may keep this process from the daemon altogether.
    let source = match error {
        ClientError::Connect { source, .. }
        | ClientError::Home(HomeError::Io { source, .. })
        | ClientError::Start(StartError::Io { source, .. }) => source,
        _ => return false,
    };
    matches!(source.kind(), ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem)
        && may_be_confined()
}

/// Runs the command here and says so; returns only when it did not start, or may not run for ever.
pub(crate) fn run(
    request: &Submit,
    timeout: Option<Duration>,
    why: &ClientError,
) -> Result<u8, CommandError> {
    eprintln!("bdctl: the command runs here and not in the daemon: {}", why.sentence());
    let mut command = command(request);
    let Some(timeout) = timeout else {
        let error = command.exec();
        return Ok(not_started(&request.command[0].0, &error));
    };
    // A group of its own, to be stopped whole.
    match command.process_group(0).spawn() {
        Ok(child) => bounded(child, timeout),
        Err(error) => Ok(not_started(&request.command[0].0, &error)),
    }
}

fn command(request: &Submit) -> Command {
    let mut command = Command::new(&request.command[0].0);
    command.args(request.command[1..].iter().map(|word| &word.0)).env_clear();
    for (name, value) in &request.environment {
        // As in the daemon: tools trust it.
        let pwd = name.0 == OsStr::new("PWD");
        command.env(&name.0, if pwd { &request.cwd.0 } else { &value.0 });
    }
    command.current_dir(&request.cwd.0);
    if request.stdin == StdinMode::Closed {
        command.stdin(Stdio::null());
    }
    command
}

fn not_started(program: &OsStr, error: &std::io::Error) -> u8 {
    eprintln!("bdctl: {}: {error}", program.display());
    if error.kind() == ErrorKind::NotFound { NOT_FOUND } else { NOT_EXECUTABLE }
}

/// Waits for the end of a command, of its time, or of this process.
fn bounded(mut child: Child, timeout: Duration) -> Result<u8, CommandError> {
    let failed = |what: &'static str| CommandError::io(what);
    let flags = [SIGHUP, SIGINT, SIGTERM].map(|signal| (signal, Arc::new(AtomicBool::new(false))));
    for (signal, flag) in &flags {
        signal_hook::flag::register(*signal, flag.clone()).map_err(failed("handle signals"))?;
    }
    let until = Instant::now().checked_add(timeout);
    loop {
        if let Some(status) = child.try_wait().map_err(failed("wait for the command"))? {
            return Ok(exit_code(status));
        }
        if let Some((signal, _)) = flags.iter().find(|(_, flag)| flag.load(Ordering::Relaxed)) {
            stop(&mut child);
            return Ok(u8::try_from(128 + signal).unwrap_or(u8::MAX));
        }
        if until.is_some_and(|until| Instant::now() >= until) {
            stop(&mut child);
            eprintln!("bdctl: the command was stopped: its time had run out");
            return Ok(TIMED_OUT);
        }
        std::thread::sleep(LOOK_EVERY);
    }
}

fn stop(child: &mut Child) {
    let group = Pid::from_raw(child.id().cast_signed());
    let until = Instant::now() + GRACE;
    // A group that is gone needs no signal.
    let _ = killpg(group, Signal::SIGTERM);
    while matches!(child.try_wait(), Ok(None)) && Instant::now() < until {
        std::thread::sleep(LOOK_EVERY);
    }
    let _ = killpg(group, Signal::SIGKILL);
    let _ = child.wait();
}

fn exit_code(status: ExitStatus) -> u8 {
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(u8::MAX)
}
