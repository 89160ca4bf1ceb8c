//! The daemon's thread for one attempt: copies the command's outputs to the sink and reports what
//! the supervisor does. It never waits for readers of the output.

use std::io;
use std::net::Shutdown;
use std::os::fd::{AsFd, AsRawFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::MsgFlags;

use super::ipc::{
    CommandEnd, ControlReader, StartFailure, SupervisorEvent, SupervisorRequest, line,
};
use super::orphans::kill_orphans;
use super::spec::{AttemptEnd, AttemptEvent, CommandExit, OutputSink, OutputStream};
use super::stdin_forward::StdinForward;
use super::stdio::{ChildStdio, OutputSource};
use super::supervisor::SUPERVISE_ARGUMENT;

/// Read at once: as much as a full pipe holds, see `stdio.rs`.
const READ_BYTES: usize = 256 * 1024;

/// A process outside the tree (one that was given the descriptor) may hold an output open after
/// the end: then the output ends when nothing came for this long, or after [`DRAIN`].
const SILENCE_MS: u8 = 200;
const DRAIN: Duration = Duration::from_secs(2);

/// Most reads of what is in the pipes at one moment, which may be handed over in pieces.
const ROUNDS_OF_A_FULL_PIPE: usize = 8;

/// The supervisor is told at most this often that output still comes after the command's end.
const TELL_EVERY: Duration = Duration::from_millis(10);

/// See the module.
pub(super) struct Pump {
    control: Arc<UnixStream>,
    events: ControlReader,
    child_ends: Option<[OwnedFd; 2]>,
    outputs: [Option<OutputSource>; 2],
    /// What comes from the first of them.
    first_stream: OutputStream,
    stdin_forward: Option<StdinForward>,
    sink: Box<dyn OutputSink>,
    marker: String,
    buffer: Vec<u8>,
    /// When the supervisor was last told that output still comes; present from when it wants to
    /// know.
    lingering: Option<Instant>,
}

impl Pump {
    pub(super) fn new(
        control: Arc<UnixStream>,
        stdio: ChildStdio,
        input: Option<OwnedFd>,
        (first_stream, sink): (OutputStream, Box<dyn OutputSink>),
        marker: String,
    ) -> Self {
        let stdin_forward = stdio
            .terminal_master()
            .zip(input)
            .map(|(master, from)| StdinForward::new(from, master));
        let events = ControlReader::default();
        let ChildStdio { daemon_ends: outputs, child_ends } = stdio;
        let child_ends = Some(child_ends);
        let buffer = vec![0; READ_BYTES];
        Self {
            control,
            events,
            child_ends,
            outputs,
            first_stream,
            stdin_forward,
            sink,
            marker,
            buffer,
            lingering: None,
        }
    }

    /// Follows the attempt to its end.
    pub(super) fn run(
        mut self,
        program: &Path,
        supervisor_end: UnixStream,
        mut report: impl FnMut(AttemptEvent),
    ) {
        let (ended, supervisor) = match self.spawn(program, supervisor_end) {
            Ok(mut supervisor) => {
                (self.follow_or_kill(&mut supervisor, &mut report), Some(supervisor))
            }
            Err(source) => {
                let message = format!("start the supervisor {}: {source}", program.display());
                (unmeasured(CommandExit::SpawnFailed { message }), None)
            }
        };
        // Whatever happens in the sink, the end is reported.
        let _ = catch_unwind(AssertUnwindSafe(|| self.sink.finish()));
        report(AttemptEvent::Ended(ended));
        if let Some(mut supervisor) = supervisor {
            // It has sent its last message and exits; only this thread waits for that.
            let _ = supervisor.wait();
        }
    }

    fn spawn(&mut self, program: &Path, supervisor_end: UnixStream) -> io::Result<Child> {
        let [stdout, stderr] =
            self.child_ends.take().expect("BUG: the outputs are given away once");
        // Without anything to do between fork and exec this is posix_spawn, which does not copy
        // the page tables of the daemon.
        Command::new(program)
            .arg0("bdd")
            .arg(SUPERVISE_ARGUMENT)
            .env_clear()
            .stdin(Stdio::from(OwnedFd::from(supervisor_end)))
            .stdout(Stdio::from(stdout))
            .stderr(Stdio::from(stderr))
            .spawn()
    }

    fn follow_or_kill(
        &mut self,
        supervisor: &mut Child,
        report: &mut dyn FnMut(AttemptEvent),
    ) -> AttemptEnd {
        // A sink that panics must not leave a command behind whose output nobody reads.
        let followed = catch_unwind(AssertUnwindSafe(|| self.follow(report)));
        // Now the supervisor sees the end of the socket, if it is still there.
        let _ = self.control.shutdown(Shutdown::Both);
        followed.unwrap_or_else(|_| {
            let _ = supervisor.wait();
            unmeasured(CommandExit::SupervisorLost)
        })
    }

    /// Copies until the command and its outputs have ended.
    fn follow(&mut self, report: &mut dyn FnMut(AttemptEvent)) -> AttemptEnd {
        let ended = loop {
            let ready = self.wait(true, PollTimeout::NONE);
            if ready.control
                && let Some(ended) = self.read_events(report)
            {
                break ended;
            }
            if self.copy(&ready) {
                self.tell_that_output_comes();
            }
            if ready.stdin_forward
                && let Some(stdin_forward) = &mut self.stdin_forward
                && !stdin_forward.advance()
            {
                self.stdin_forward = None;
            }
        };
        self.stdin_forward = None;
        let started = Instant::now();
        while self.outputs.iter().any(Option::is_some) && started.elapsed() < DRAIN {
            let ready = self.wait(false, PollTimeout::from(SILENCE_MS));
            if !self.copy(&ready) {
                break;
            }
        }
        ended
    }

    /// Handles what the supervisor sends. Returns the end if it was that.
    fn read_events(&mut self, report: &mut dyn FnMut(AttemptEvent)) -> Option<AttemptEnd> {
        let alive = self.events.fill(&self.control).unwrap_or(false);
        while let Ok(Some(event)) = self.events.next() {
            match event {
                SupervisorEvent::Started { pid } => report(AttemptEvent::Started { pid }),
                SupervisorEvent::NotStarted(why) => return Some(unmeasured(not_started(why))),
                SupervisorEvent::Ended(end) => return Some(measured(end)),
                SupervisorEvent::Lingering => {
                    self.copy_what_is_there();
                    self.lingering = Some(Instant::now());
                    report(AttemptEvent::Lingers);
                }
            }
        }
        if alive {
            return None;
        }
        // Its descendants have a new parent now; only the marker finds them.
        kill_orphans(|marker| marker == self.marker);
        Some(unmeasured(CommandExit::SupervisorLost))
    }

    /// What the command itself wrote before it ended says nothing of those it left behind.
    fn copy_what_is_there(&mut self) {
        for _ in 0..ROUNDS_OF_A_FULL_PIPE {
            let ready = self.wait(false, PollTimeout::ZERO);
            if !self.copy(&ready) {
                return;
            }
        }
    }

    fn tell_that_output_comes(&mut self) {
        let Some(told) = &mut self.lingering else { return };
        if told.elapsed() >= TELL_EVERY {
            *told = Instant::now();
            let request = line(&SupervisorRequest::Wrote);
            let socket = self.control.as_raw_fd();
            // It has ended, or has not read the last ones: then this one says nothing new.
            let _ = nix::sys::socket::send(socket, &request, MsgFlags::MSG_DONTWAIT);
        }
    }

    fn wait(&self, control: bool, timeout: PollTimeout) -> Ready {
        let control = control.then(|| self.control.as_fd());
        let outputs = self.outputs.each_ref().map(|output| output.as_ref().map(AsFd::as_fd));
        let stdin_forward = self.stdin_forward.as_ref().map(StdinForward::waits_for);
        let wanted = [
            control.map(|control| (control, PollFlags::POLLIN)),
            outputs[0].map(|output| (output, PollFlags::POLLIN)),
            outputs[1].map(|output| (output, PollFlags::POLLIN)),
            stdin_forward,
        ];
        let mut waited: Vec<PollFd<'_>> =
            wanted.iter().flatten().map(|&(end, flags)| PollFd::new(end, flags)).collect();
        match poll(&mut waited, timeout) {
            Ok(_) => {}
            Err(Errno::EINTR | Errno::EAGAIN) => return Ready::default(),
            Err(source) => panic!("BUG: can not wait for an attempt: {source}"),
        }
        let mut waited = waited.iter();
        let mut next = |wanted: bool| {
            wanted && waited.next().is_some_and(|waited| waited.any().unwrap_or(true))
        };
        Ready {
            control: next(control.is_some()),
            outputs: [next(outputs[0].is_some()), next(outputs[1].is_some())],
            stdin_forward: next(stdin_forward.is_some()),
        }
    }

    /// Gives the sink what the outputs have. False when none had anything.
    fn copy(&mut self, ready: &Ready) -> bool {
        let mut some = false;
        for (index, stream) in [self.first_stream, OutputStream::Stderr].into_iter().enumerate() {
            let output = &mut self.outputs[index];
            let Some(source) = output.as_ref().filter(|_| ready.outputs[index]) else { continue };
            some = true;
            match nix::unistd::read(source, &mut self.buffer) {
                Err(Errno::EINTR | Errno::EAGAIN) => {}
                // A terminal that no process has open any more returns EIO.
                Ok(0) | Err(_) => *output = None,
                Ok(n) => self.sink.append(stream, &self.buffer[..n]),
            }
        }
        some
    }
}

/// What can be done without waiting.
#[derive(Default)]
struct Ready {
    control: bool,
    outputs: [bool; 2],
    stdin_forward: bool,
}

fn unmeasured(exit: CommandExit) -> AttemptEnd {
    let none = Duration::ZERO;
    AttemptEnd { exit, duration: none, cpu: none, peak_rss_bytes: 0, cut_off: None }
}

fn measured(end: CommandEnd) -> AttemptEnd {
    let exit = match (end.code, end.signal) {
        (Some(code), _) => CommandExit::Code(code),
        (None, Some(signal)) => CommandExit::Signal(signal),
        (None, None) => CommandExit::SupervisorLost,
    };
    AttemptEnd {
        exit,
        duration: Duration::from_micros(end.duration_us),
        cpu: Duration::from_micros(end.cpu_us),
        peak_rss_bytes: end.peak_rss_bytes,
        cut_off: end.cut_off,
    }
}

fn not_started(why: StartFailure) -> CommandExit {
    match why {
        StartFailure::NotFound(message) => CommandExit::NotFound { message },
        StartFailure::NotExecutable(message) => CommandExit::NotExecutable { message },
        StartFailure::SpawnFailed(message) => CommandExit::SpawnFailed { message },
    }
}
