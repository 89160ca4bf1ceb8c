//! Writes the output of a command to standard output and standard error: bytes as they came, in
//! order, with few system calls. Knows nothing of what they mean.

use super::plain::{Plain, WholeCharacters};
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
    /// Whether colours are shown on each of our streams.
    colors: [bool; 2],
    /// What makes each of the command's streams fit for its reader.
    fit: [Fit; 3],
}

/// The command's streams, as indices.
const STDOUT: usize = 0;
const STDERR: usize = 1;
const BOTH: usize = 2;

/// What is done to one stream of the command.
#[derive(Debug, Default)]
struct Fit {
    /// Present where the command was told to use colours that its reader does not show.
    plain: Option<Plain>,
    whole: WholeCharacters,
}

impl Output {
    /// Bypasses the buffers of the standard library, which search for line ends.
    pub(crate) fn new(route: Route, colors: [bool; 2]) -> io::Result<Self> {
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
            colors,
            fit: Default::default(),
        })
    }

    /// Takes note of whether the command was told to use colours.
    fn colored(&mut self, colored: bool) {
        let shown = match self.route {
            Route::Apart => [self.colors[0], self.colors[1], self.colors[0]],
            Route::Stderr => [self.colors[1]; 3],
            Route::Lines => [false; 3],
        };
        for (fit, shown) in self.fit.iter_mut().zip(shown) {
            if colored && !shown {
                fit.plain.get_or_insert_default();
            }
        }
    }

    /// Takes the output in an event, or the whole event where lines are wanted.
    pub(crate) fn take(&mut self, event: &Event<'_>) -> io::Result<()> {
        match event {
            Event::Stdout(bytes) => self.output(STDOUT, bytes),
            Event::Stderr(bytes) => self.output(STDERR, bytes),
            Event::Both(bytes) => self.output(BOTH, bytes),
            Event::Build(build) => {
                self.colored(build.colored);
                self.line(event)
            }
            Event::Lagged(_) | Event::Done => {
                self.end_of_lines()?;
                self.line(event)
            }
            Event::Current => Ok(()),
        }
    }

    /// Passes on what the command wrote to one of its streams.
    fn output(&mut self, stream: usize, bytes: &[u8]) -> io::Result<()> {
        let plain = match &mut self.fit[stream].plain {
            Some(plain) => plain.take(bytes),
            None => bytes.into(),
        };
        match self.route {
            Route::Lines => {
                let whole = self.fit[stream].whole.take(&plain).into_owned();
                self.bytes_line(stream, &whole)
            }
            Route::Apart if stream != STDERR => self.write(Target::Stdout, &plain),
            Route::Apart | Route::Stderr => self.write(Target::Stderr, &plain),
        }
    }

    fn bytes_line(&mut self, stream: usize, bytes: &[u8]) -> io::Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        let bytes = Bytes::new(bytes);
        let line = event_line(&match stream {
            STDOUT => EventLine::Stdout { bytes },
            STDERR => EventLine::Stderr { bytes },
            _ => EventLine::Both { bytes },
        });
        self.write(Target::Stdout, line.as_bytes())
    }

    /// Nothing more comes of a character that is not whole.
    fn end_of_lines(&mut self) -> io::Result<()> {
        for stream in [STDOUT, STDERR, BOTH] {
            let rest = self.fit[stream].whole.rest();
            self.bytes_line(stream, &rest)?;
        }
        Ok(())
    }

    /// Passes on another event, where lines are wanted.
    fn line(&mut self, event: &Event<'_>) -> io::Result<()> {
        match line(event).filter(|_| self.route == Route::Lines) {
            Some(line) => self.write(Target::Stdout, line.as_bytes()),
            None => Ok(()),
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
        Event::Build(build) => EventLine::Build { build },
        Event::Lagged(lagged) => {
            EventLine::Lagged { from: lagged.from, to: lagged.to, reason: &lagged.reason }
        }
        Event::Done => EventLine::Done,
        Event::Stdout(_) | Event::Stderr(_) | Event::Both(_) | Event::Current => return None,
    };
    Some(event_line(&line))
}
