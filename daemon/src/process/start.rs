//! Sets an attempt up and gives it a thread. Knows nothing of what the supervisor then does.

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
use super::spec::{ExecError, Launch, OutputSink, Report, TerminalSize};
use super::stdio::ChildStdio;
use super::terminal;

/// The program of this process, to be given to [`start`]. On Linux it stays this very program when
/// the file is replaced by another version.
///
/// # Errors
///
/// When the system can not tell.
pub fn own_program() -> io::Result<PathBuf> {
    if cfg!(target_os = "linux") { Ok("/proc/self/exe".into()) } else { std::env::current_exe() }
}

/// An attempt that was started.
///
/// Dropping it changes nothing: the attempt goes on, is measured and reported, and ends by itself
/// or with the daemon.
#[derive(Clone, Debug)]
pub struct Running {
    control: Arc<UnixStream>,
    master: Option<Arc<OwnedFd>>,
}

impl Running {
    /// Asks the command and all its descendants to end (SIGTERM); what is left after the grace is
    /// killed, with no grace at once. Returns at once: the end is reported. Asked for again, the
    /// earlier end holds. After the end it does nothing.
    pub fn stop(&self, grace: Duration) {
        let grace_ms = grace.as_millis().try_into().unwrap_or(u64::MAX);
        let order = ipc::line(&SupervisorRequest::Stop { grace_ms });
        let socket = std::os::fd::AsRawFd::as_raw_fd(&*self.control);
        // It fails when the supervisor is gone, or has not read hundreds of orders before.
        let _ = nix::sys::socket::send(socket, &order, MsgFlags::MSG_DONTWAIT);
    }

    /// Changes the size of the command's terminal, if it has one.
    pub fn resize(&self, size: TerminalSize) {
        if let Some(master) = &self.master {
            // The terminal is open as long as this is, so there is nothing to fail.
            let _ = terminal::resize(master, size);
        }
    }
}

/// Starts a command under a supervisor, which is `program` with the argument
/// [`ARGUMENT`](super::ARGUMENT).
///
/// It takes some tens of microseconds: processes are started by the attempt's own thread, and a
/// command that can not be started is reported as [`Ended`](super::Ended). Both `sink` and
/// `report` are called from that thread.
///
/// # Errors
///
/// When the launch makes no sense or the daemon is out of descriptors or threads. Then `report` is
/// never called.
pub fn start(
    program: &Path,
    launch: Launch,
    sink: Box<dyn OutputSink>,
    report: impl FnMut(Report) + Send + 'static,
) -> Result<Running, ExecError> {
    check(&launch)?;
    let failed = |operation| move |source| ExecError::Resources { operation, source };
    let (ours, theirs) = UnixStream::pair().map_err(failed("open a control socket"))?;
    let ours = Arc::new(ours);
    let ends = match launch.terminal {
        Some(size) => ChildStdio::terminal(size).map_err(failed("open a terminal"))?,
        None => ChildStdio::pipes().map_err(failed("open pipes"))?,
    };
    let master = ends.master();
    let bytes = ipc::encode(&launch);
    let Launch { mut stdin, terminal, marker, .. } = launch;
    let typed = if terminal.is_some() { stdin.take() } else { None };
    let pump = Pump::new(Arc::clone(&ours), ends, typed, sink, marker);
    let program = program.to_owned();
    std::thread::Builder::new()
        .name("attempt".to_owned())
        .spawn(move || pump.run(&program, theirs, report))
        .map_err(failed("start a thread"))?;
    // The thread has started the supervisor, or has closed its end: this does not wait for ever.
    // If the supervisor is gone already, the thread sees that.
    let _ = ipc::send(&ours, &bytes, stdin.as_ref());
    Ok(Running { control: ours, master })
}

fn check(launch: &Launch) -> Result<(), ExecError> {
    if launch.argv.is_empty() {
        return Err(ExecError::InvalidLaunch("it has no program"));
    }
    let variables = launch.environment.iter().flat_map(|(name, value)| [name, value]);
    let mut texts = launch.argv.iter().chain(variables).map(|text| text.as_bytes());
    let others = [launch.cwd.as_os_str().as_bytes(), launch.marker.as_bytes()];
    if texts.any(|text| text.contains(&0)) || others.iter().any(|text| text.contains(&0)) {
        return Err(ExecError::InvalidLaunch("a text has a NUL byte"));
    }
    Ok(())
}
