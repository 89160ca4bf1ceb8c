//! Starts the command itself, in the supervisor. Knows nothing of what happens to it afterwards.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use nix::errno::Errno;
use nix::libc;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::{SigHandler, SigSet, Signal};
use nix::unistd::Pid;

use super::ipc::{ReceivedLaunch, StartFailure};
use super::state;
use crate::model::ProcessState;

/// Starts the command with the outputs of this process, in a session of its own.
pub(super) fn spawn(launch: ReceivedLaunch) -> Result<Pid, StartFailure> {
    let failed = |operation: String| {
        move |source: io::Error| StartFailure::SpawnFailed(format!("{operation}: {source}"))
    };
    let Some((program, arguments)) = launch.argv.split_first() else {
        return Err(StartFailure::SpawnFailed("there is no command".to_owned()));
    };
    // Entered here and not by `Command`, so that its failure differs from that of the program.
    std::env::set_current_dir(&launch.cwd)
        .map_err(failed(format!("enter the directory {}", launch.cwd.display())))?;

    // Under their numbers before anything else is opened, which then gets others.
    let descriptors =
        place(launch.descriptors).map_err(failed("pass descriptors on".to_owned()))?;
    let numbers = descriptors.iter().map(AsRawFd::as_raw_fd).collect();
    let mut command = Command::new(program);
    command.args(arguments).env_clear().envs(launch.environment).stdin(if launch.terminal {
        let slave = io::stdout();
        Stdio::from(clone(&slave).map_err(failed("open the terminal".to_owned()))?)
    } else {
        launch.stdin.map_or_else(Stdio::null, Stdio::from)
    });
    let has_state = launch.state.is_some();
    let ReceivedLaunch { umask, nofile, terminal, state, .. } = launch;
    before_exec(&mut command, Around { umask, nofile, terminal, state, numbers });

    let child = command.spawn().map_err(|source| {
        let message = format!("{}: {source}", program.display());
        match source.raw_os_error() {
            Some(libc::ENOENT | libc::ENOTDIR) => StartFailure::NotFound(message),
            Some(libc::E2BIG) => StartFailure::NotExecutable(format!(
                "{message}; the arguments and variables are more than the system takes: name fewer \
                 files, or a file that lists them"
            )),
            Some(libc::EAGAIN | libc::ENOMEM | libc::EMFILE | libc::ENFILE) | None => {
                StartFailure::SpawnFailed(message)
            }
            Some(libc::EPERM) if has_state => StartFailure::SpawnFailed(format!(
                "give {} the groups, class and limits of its client: {source}",
                program.display()
            )),
            Some(_) => StartFailure::NotExecutable(message),
        }
    })?;
    Ok(Pid::from_raw(child.id().try_into().expect("BUG: a process id above 2^31")))
}

fn clone(of: &impl std::os::fd::AsFd) -> io::Result<OwnedFd> {
    of.as_fd().try_clone_to_owned()
}

/// Puts the descriptors under their numbers, which nobody has.
#[expect(unsafe_code, reason = "a number is chosen and not given by the kernel")]
fn place(descriptors: Vec<(RawFd, OwnedFd)>) -> io::Result<Vec<OwnedFd>> {
    let place = |(number, descriptor): (RawFd, OwnedFd)| {
        if descriptor.as_raw_fd() == number {
            return Ok(descriptor);
        }
        // The supervisor has its own elsewhere, if there was room; see `out_of_the_way`.
        // SAFETY: only asks, which needs no open descriptor.
        if unsafe { libc::fcntl(number, libc::F_GETFD) } != -1 {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        // SAFETY: the number is free, and is owned from here on by what is returned.
        unsafe {
            let placed = Errno::result(libc::dup2(descriptor.as_raw_fd(), number))?;
            let placed = OwnedFd::from_raw_fd(placed);
            Errno::result(libc::fcntl(number, libc::F_SETFD, libc::FD_CLOEXEC))?;
            Ok(placed)
        }
    };
    descriptors.into_iter().map(place).collect()
}

/// What the new process gets, beside what `Command` gives it.
struct Around {
    umask: Option<u32>,
    nofile: Option<(u64, u64)>,
    terminal: bool,
    state: Option<ProcessState>,
    /// Descriptors that stay open.
    numbers: Vec<RawFd>,
}

/// What the new process does between fork and exec. `Command` itself connects descriptors 0 to 2
/// and looks the program up in the `PATH` of the new environment.
#[expect(unsafe_code, reason = "a session, a terminal and limits can only be set after the fork")]
fn before_exec(command: &mut Command, around: Around) {
    let Around { umask, nofile, terminal, state, numbers } = around;
    let supervisor = Pid::this();
    // SAFETY: the supervisor has one thread, so after the fork every lock is free and memory is
    // whole; and only plain system calls are made here.
    unsafe {
        command.pre_exec(move || {
            nix::unistd::setsid()?;
            if terminal && libc::ioctl(0, libc::TIOCSCTTY as _, 0) == -1 {
                return Err(io::Error::last_os_error());
            }
            for signal in Signal::iterator() {
                if !matches!(signal, Signal::SIGKILL | Signal::SIGSTOP) {
                    nix::sys::signal::signal(signal, SigHandler::SigDfl)?;
                }
            }
            SigSet::empty().thread_set_mask()?;
            if let Some(umask) = umask {
                libc::umask(umask as libc::mode_t);
            }
            if let Some((soft, hard)) = nofile {
                let (_, most) = getrlimit(Resource::RLIMIT_NOFILE)?;
                let hard = hard.min(most);
                setrlimit(Resource::RLIMIT_NOFILE, soft.min(hard), hard)?;
            }
            #[cfg(target_os = "linux")]
            {
                // Whatever else the daemon was started with is not for the command. Kernels
                // before 5.11 do not know this call.
                libc::syscall(
                    libc::SYS_close_range,
                    3,
                    libc::c_uint::MAX,
                    libc::CLOSE_RANGE_CLOEXEC,
                );
                nix::sys::prctl::set_pdeathsig(Signal::SIGKILL)?;
            }
            numbers.iter().try_for_each(|number| state::hand_on(*number))?;
            if nix::unistd::getppid() != supervisor {
                // It was killed before the call above: nobody would kill this process.
                return Err(io::ErrorKind::BrokenPipe.into());
            }
            state.as_ref().map_or(Ok(()), state::take)
        });
    }
}
