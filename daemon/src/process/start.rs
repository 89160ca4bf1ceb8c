//! Sets up an attempt and gives it a thread. Knows nothing of what the supervisor then does.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use nix::sys::socket::MsgFlags;

use super::ipc::{self, SupervisorRequest};
use super::pump::Pump;
use super::spec::{
    AttemptEvent, Launch, LaunchError, MOST_DESCRIPTORS, OutputSink, OutputStream, TerminalSize,
};
use super::stdio::ChildStdio;
use super::terminal;
use crate::model::process_state::DESCRIPTORS_BELOW;

/// The program of this process, for [`start`]. On Linux it stays this very program when
/// the file is replaced by another version.
///
/// # Errors
///
/// When the system does not know it.
pub fn own_program() -> io::Result<PathBuf> {
    if cfg!(target_os = "linux") { Ok("/proc/self/exe".into()) } else { std::env::current_exe() }
}

/// An attempt that was started.
///
/// Dropping it changes nothing: the attempt goes on, is measured and reported, and ends by itself
/// or with the daemon.
#[derive(Clone, Debug)]
pub struct AttemptHandle {
    control: Arc<UnixStream>,
    master: Option<Arc<OwnedFd>>,
}

impl AttemptHandle {
    /// Asks the command and all its descendants to end (SIGTERM); what is left after the grace is
    /// killed, with no grace at once. Returns at once: the end is reported. When it is called
    /// again, the earlier deadline holds. After the end it does nothing.
    pub fn stop(&self, grace: Duration) {
        let grace_ms = grace.as_millis().try_into().unwrap_or(u64::MAX);
        let request = ipc::line(&SupervisorRequest::Stop { grace_ms });
        let socket = std::os::fd::AsRawFd::as_raw_fd(&*self.control);
        // It fails when the supervisor is gone, or has hundreds of unread requests.
        let _ = nix::sys::socket::send(socket, &request, MsgFlags::MSG_DONTWAIT);
    }

    /// Changes the size of the command's terminal, if it has one.
    pub fn resize(&self, size: TerminalSize) {
        if let Some(master) = &self.master {
            // The terminal is open as long as this handle exists, so it can not fail.
            let _ = terminal::resize(master, size);
        }
    }
}

/// Starts a command under a supervisor, which is `program` with the argument
/// [`SUPERVISE_ARGUMENT`](super::SUPERVISE_ARGUMENT).
///
/// It takes some tens of microseconds: processes are started by the attempt's own thread, and a
/// command that can not be started is reported as [`AttemptEnd`](super::AttemptEnd). Both `sink`
/// and `report` are called from that thread.
///
/// # Errors
///
/// When the launch is invalid or the daemon is out of descriptors or threads. Then `report` is
/// never called.
pub fn start(
    program: &Path,
    launch: Launch,
    sink: Box<dyn OutputSink>,
    report: impl FnMut(AttemptEvent) + Send + 'static,
) -> Result<AttemptHandle, LaunchError> {
    check(&launch)?;
    let failed = |operation| move |source| LaunchError::Resources { operation, source };
    let (control, supervisor_end) = UnixStream::pair().map_err(failed("open a control socket"))?;
    let control = Arc::new(control);
    let stdio = match launch.terminal {
        Some(size) => ChildStdio::terminal(size).map_err(failed("open a terminal"))?,
        None if launch.one_stream => ChildStdio::one_pipe().map_err(failed("open a pipe"))?,
        None => ChildStdio::pipes().map_err(failed("open pipes"))?,
    };
    let master = stdio.terminal_master();
    let bytes = ipc::encode(&launch);
    let Launch { mut stdin, terminal, marker, descriptors, one_stream, .. } = launch;
    let one_stream = one_stream && terminal.is_none();
    let first = if one_stream { OutputStream::Both } else { OutputStream::Stdout };
    let input = if terminal.is_some() { stdin.take() } else { None };
    let pump = Pump::new(Arc::clone(&control), stdio, input, (first, sink), marker);
    let program = program.to_owned();
    std::thread::Builder::new()
        .name("attempt".to_owned())
        .spawn(move || pump.run(&program, supervisor_end, report))
        .map_err(failed("start a thread"))?;
    // The thread starts the supervisor, or closes its end: this does not wait for ever. If the
    // supervisor is gone already, the thread sees that.
    let passed = descriptors.iter().map(|(_, descriptor)| descriptor);
    let _ = ipc::send(&control, &bytes, stdin.iter().chain(passed));
    Ok(AttemptHandle { control, master })
}

fn check(launch: &Launch) -> Result<(), LaunchError> {
    if launch.argv.is_empty() {
        return Err(LaunchError::InvalidLaunch("it has no program"));
    }
    let fits = |(number, _): &(i32, _)| (3..DESCRIPTORS_BELOW).contains(number);
    if launch.descriptors.len() > MOST_DESCRIPTORS || !launch.descriptors.iter().all(fits) {
        return Err(LaunchError::InvalidLaunch("a descriptor has a number that is taken"));
    }
    let variables = launch.environment.iter().flat_map(|(name, value)| [name, value]);
    let mut texts = launch.argv.iter().chain(variables).map(|text| text.as_bytes());
    let others = [launch.cwd.as_os_str().as_bytes(), launch.marker.as_bytes()];
    if texts.any(|text| text.contains(&0)) || others.iter().any(|text| text.contains(&0)) {
        return Err(LaunchError::InvalidLaunch("a text has a NUL byte"));
    }
    Ok(())
}
