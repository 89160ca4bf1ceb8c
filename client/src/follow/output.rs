//! Writes the output of a command to standard output and standard error: bytes as they came, in
//! order, with few system calls. Knows nothing of what they mean.

use crate::render::document::{Bytes, EventLine, event_line};
use bd_client::Event;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::fs::File;
use std::io::{self, ErrorKind, IsTerminal as _, Write as _};
use std::os::fd::AsFd;

/// Smaller payloads are gathered; larger ones are written directly.
const GATHER_BELOW: usize = 16 * 1024;
/// Most bytes that are gathered.
const GATHER_MAX: usize = 256 * 1024;

/// Size of a pipe for much output, the same as the daemon gives the command: each time a pipe is full
/// or empty, one side has to wait until the other is woken.
#[cfg(target_os = "linux")]
const PIPE_BYTES: i32 = 256 * 1024;

/// Where the output of the command goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    /// Each stream to the same stream of bdctl.
    Apart,
    /// Both to standard error; standard output is for a JSON document.
    Stderr,
    /// Both to standard output, as JSON lines.
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
    /// Whether each of them has been enlarged, if it is a pipe.
    widened: [bool; 2],
    /// Whether the last byte that went to a terminal ended its line.
    line_free: bool,
}

impl Output {
    /// Bypasses the buffers of the standard library, which search for line ends.
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

    /// Whether the cursor of the terminal is at the start of a line.
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
                // Another process that has this terminal or pipe open made it non-blocking.
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

/// Enlarges a pipe; other files and larger pipes stay as they are. Only for much output: the kernel
/// gives a user 64 MiB of pipes in all.
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
