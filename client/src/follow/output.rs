//! Our standard output and standard error as plain descriptors: bytes go out as they came, in
//! order, with as few system calls as that allows. Knows nothing of what they mean.

use crate::render::document::{Bytes, EventLine, event_line};
use bd_client::Event;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::fs::File;
use std::io::{self, ErrorKind, IsTerminal as _, Write as _};
use std::os::fd::AsFd;

/// Payloads below this are gathered, larger ones are written from where they are.
const GATHER_BELOW: usize = 16 * 1024;
/// So much is gathered at most.
const GATHER_MAX: usize = 256 * 1024;

/// Size of a pipe that much goes through, as the daemon gives it to the command: each time that
/// it is full or empty, one side has to wait for the other to be woken.
#[cfg(target_os = "linux")]
const PIPE_BYTES: i32 = 256 * 1024;

/// Where the command's output goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    /// Each stream to its own.
    Apart,
    /// All to standard error; standard output is kept for a document.
    Stderr,
    /// All to standard output, as JSON lines.
    Lines,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Target {
    Stdout,
    Stderr,
}

/// Writes a command's output.
#[derive(Debug)]
pub(crate) struct Output {
    route: Route,
    stdout: File,
    stderr: File,
    gathered: Vec<u8>,
    /// Where `gathered` goes.
    target: Target,
    /// Whether each of our streams is a terminal.
    terminals: [bool; 2],
    /// Whether each of them has been made ready for much.
    widened: [bool; 2],
    /// Whether the last byte that went to a terminal ended its line.
    line_free: bool,
}

impl Output {
    /// Past the buffers of the standard library, which look for line ends.
    pub(crate) fn new(route: Route) -> io::Result<Self> {
        let (stdout, stderr) = (io::stdout(), io::stderr());
        Ok(Self {
            route,
            terminals: [stdout.is_terminal(), stderr.is_terminal()],
            stdout: File::from(stdout.as_fd().try_clone_to_owned()?),
            stderr: File::from(stderr.as_fd().try_clone_to_owned()?),
            gathered: Vec::new(),
            target: Target::Stdout,
            widened: [false; 2],
            line_free: true,
        })
    }

    /// Takes the output in an event, or the whole event where lines are wanted.
    pub(crate) fn take(&mut self, event: &Event<'_>) -> io::Result<()> {
        match (self.route, event) {
            (Route::Lines, event) => match line(event) {
                Some(line) => self.write(Target::Stdout, line.as_bytes()),
                None => Ok(()),
            },
            (Route::Apart, Event::Stdout(bytes)) => self.write(Target::Stdout, bytes),
            (_, Event::Stdout(bytes) | Event::Stderr(bytes)) => self.write(Target::Stderr, bytes),
            _ => Ok(()),
        }
    }

    /// Writes out what was gathered.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        let gathered = std::mem::take(&mut self.gathered);
        let result = self.write_all(self.target, &gathered);
        self.gathered = gathered;
        self.gathered.clear();
        result
    }

    /// Whether the terminal's line is free for something of our own.
    pub(crate) fn line_free(&self) -> bool {
        self.line_free
    }

    fn write(&mut self, target: Target, bytes: &[u8]) -> io::Result<()> {
        let Some(last) = bytes.last() else { return Ok(()) };
        if self.terminals[target as usize] {
            self.line_free = *last == b'\n';
        }
        if self.target != target || self.gathered.len() + bytes.len() > GATHER_MAX {
            self.flush()?;
            self.target = target;
        }
        if bytes.len() < GATHER_BELOW {
            self.gathered.extend_from_slice(bytes);
            return Ok(());
        }
        self.flush()?;
        if !std::mem::replace(&mut self.widened[target as usize], true) {
            widen(self.file(target));
        }
        self.write_all(target, bytes)
    }

    fn file(&self, target: Target) -> &File {
        match target {
            Target::Stdout => &self.stdout,
            Target::Stderr => &self.stderr,
        }
    }

    fn write_all(&self, target: Target, mut bytes: &[u8]) -> io::Result<()> {
        let mut file = self.file(target);
        while !bytes.is_empty() {
            match file.write(bytes) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(written) => bytes = &bytes[written..],
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // Somebody else who has this terminal or pipe open set it so.
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    let mut fds = [PollFd::new(file.as_fd(), PollFlags::POLLOUT)];
                    match poll(&mut fds, PollTimeout::NONE) {
                        Ok(_) | Err(nix::errno::Errno::EINTR) => {}
                        Err(errno) => return Err(errno.into()),
                    }
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// Enlarges a pipe; what is none, or large already, stays as it is. Only for who has much to say:
/// the kernel gives a user 64 MiB of pipes in all.
#[cfg(target_os = "linux")]
fn widen(pipe: &File) {
    use nix::fcntl::{FcntlArg, fcntl};
    if fcntl(pipe, FcntlArg::F_GETPIPE_SZ).is_ok_and(|size| size < PIPE_BYTES) {
        let _ = fcntl(pipe, FcntlArg::F_SETPIPE_SZ(PIPE_BYTES));
    }
}

#[cfg(not(target_os = "linux"))]
fn widen(_: &File) {}

fn line(event: &Event<'_>) -> Option<String> {
    let line = match event {
        Event::Stdout(bytes) => EventLine::Stdout { bytes: Bytes::new(bytes) },
        Event::Stderr(bytes) => EventLine::Stderr { bytes: Bytes::new(bytes) },
        Event::Build(build) => EventLine::Build { build },
        Event::Lagged(lagged) => {
            EventLine::Lagged { from: lagged.from, to: lagged.to, reason: &lagged.reason }
        }
        Event::Done => EventLine::Done,
        Event::Current => return None,
    };
    Some(event_line(&line))
}
