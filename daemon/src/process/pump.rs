//! The daemon's thread for one attempt: from the supervisor and the command's outputs to the sink
//! and the reports. It never waits for whoever reads the output.

use std::io;
use std::net::Shutdown;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::ipc::{Inbox, Outcome, SupervisorEvent, Unstartable};
use super::orphans::sweep;
use super::spec::{Ended, Exit, OutputSink, Report, Stream};
use super::stdin_forward::StdinForward;
use super::stdio::{ChildStdio, Source};

/// Read at once: what a pipe holds when it is full, see `ends.rs`.
const READ_BYTES: usize = 256 * 1024;

/// A process outside the tree (one that was given the descriptor) may hold an output open after
/// the end: then the output ends when nothing has come for this long, or after [`DRAIN`].
const SILENCE_MS: u8 = 200;
const DRAIN: Duration = Duration::from_secs(2);

/// See the module.
pub(super) struct Pump {
    control: Arc<UnixStream>,
    inbox: Inbox,
    theirs: Option<[OwnedFd; 2]>,
    outputs: [Option<Source>; 2],
    typing: Option<StdinForward>,
    sink: Box<dyn OutputSink>,
    marker: String,
    buffer: Vec<u8>,
}

impl Pump {
    pub(super) fn new(
        control: Arc<UnixStream>,
        ends: ChildStdio,
        typed: Option<OwnedFd>,
        sink: Box<dyn OutputSink>,
        marker: String,
    ) -> Self {
        let typing = ends.master().zip(typed).map(|(master, from)| StdinForward::new(from, master));
        let inbox = Inbox::default();
        let ChildStdio { ours: outputs, theirs } = ends;
        let theirs = Some(theirs);
        let buffer = vec![0; READ_BYTES];
        Self { control, inbox, theirs, outputs, typing, sink, marker, buffer }
    }

    /// Follows the attempt to its end.
    pub(super) fn run(
        mut self,
        program: &Path,
        supervisor_end: UnixStream,
        mut report: impl FnMut(Report),
    ) {
        let (ended, supervisor) = match self.spawn(program, supervisor_end) {
            Ok(mut supervisor) => {
                (self.follow_or_kill(&mut supervisor, &mut report), Some(supervisor))
            }
            Err(source) => {
                let message = format!("start the supervisor {}: {source}", program.display());
                (unmeasured(Exit::Unstartable { message }), None)
            }
        };
        // Whatever happens in the sink, the end is reported.
        let _ = catch_unwind(AssertUnwindSafe(|| self.sink.finish()));
        report(Report::Ended(ended));
        if let Some(mut supervisor) = supervisor {
            // It has said its last and exits; nobody needs to wait for that but this thread.
            let _ = supervisor.wait();
        }
    }

    fn spawn(&mut self, program: &Path, supervisor_end: UnixStream) -> io::Result<Child> {
        let [stdout, stderr] = self.theirs.take().expect("BUG: the outputs are given away once");
        // Without anything to do between fork and exec this is posix_spawn, which does not copy
        // the page tables of the daemon.
        Command::new(program)
            .arg0("bdd")
            .arg(super::ARGUMENT)
            .env_clear()
            .stdin(Stdio::from(OwnedFd::from(supervisor_end)))
            .stdout(Stdio::from(stdout))
            .stderr(Stdio::from(stderr))
            .spawn()
    }

    fn follow_or_kill(&mut self, supervisor: &mut Child, report: &mut dyn FnMut(Report)) -> Ended {
        // A sink that panics must not leave a command behind whose output nobody reads.
        let followed = catch_unwind(AssertUnwindSafe(|| self.follow(report)));
        // Now the supervisor sees the end of the socket, if it is still there.
        let _ = self.control.shutdown(Shutdown::Both);
        followed.unwrap_or_else(|_| {
            let _ = supervisor.wait();
            unmeasured(Exit::SupervisorLost)
        })
    }

    /// Copies until everything has ended.
    fn follow(&mut self, report: &mut dyn FnMut(Report)) -> Ended {
        let ended = loop {
            let ready = self.wait(true, PollTimeout::NONE);
            if ready.control
                && let Some(ended) = self.listen(report)
            {
                break ended;
            }
            self.copy(&ready);
            if ready.typing
                && let Some(typing) = &mut self.typing
                && !typing.advance()
            {
                self.typing = None;
            }
        };
        self.typing = None;
        let begun = Instant::now();
        while self.outputs.iter().any(Option::is_some) && begun.elapsed() < DRAIN {
            let ready = self.wait(false, PollTimeout::from(SILENCE_MS));
            if !self.copy(&ready) {
                break;
            }
        }
        ended
    }

    /// Hears the supervisor. Returns its last word.
    fn listen(&mut self, report: &mut dyn FnMut(Report)) -> Option<Ended> {
        let alive = self.inbox.fill(&self.control).unwrap_or(false);
        while let Ok(Some(notice)) = self.inbox.next() {
            match notice {
                SupervisorEvent::Started { pid } => report(Report::Started { pid }),
                SupervisorEvent::Unstartable(why) => return Some(unmeasured(unstartable(why))),
                SupervisorEvent::Ended(outcome) => return Some(measured(&outcome)),
            }
        }
        if alive {
            return None;
        }
        // What was below it has a new parent now, where only its marker finds it.
        sweep(|marker| marker == self.marker);
        Some(unmeasured(Exit::SupervisorLost))
    }

    fn wait(&self, control: bool, timeout: PollTimeout) -> Ready {
        let control = control.then(|| self.control.as_fd());
        let outputs = self.outputs.each_ref().map(|output| output.as_ref().map(AsFd::as_fd));
        let typing = self.typing.as_ref().map(StdinForward::waits_for);
        let wanted = [
            control.map(|control| (control, PollFlags::POLLIN)),
            outputs[0].map(|output| (output, PollFlags::POLLIN)),
            outputs[1].map(|output| (output, PollFlags::POLLIN)),
            typing,
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
            typing: next(typing.is_some()),
        }
    }

    /// Hands on what the outputs have. False when none had anything.
    fn copy(&mut self, ready: &Ready) -> bool {
        let mut some = false;
        for (index, stream) in [Stream::Stdout, Stream::Stderr].into_iter().enumerate() {
            let output = &mut self.outputs[index];
            let Some(source) = output.as_ref().filter(|_| ready.outputs[index]) else { continue };
            some = true;
            match nix::unistd::read(source, &mut self.buffer) {
                Err(Errno::EINTR | Errno::EAGAIN) => {}
                // A terminal that nobody has open any more says EIO.
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
    typing: bool,
}

fn unmeasured(exit: Exit) -> Ended {
    Ended { exit, duration: Duration::ZERO, cpu: Duration::ZERO, peak_rss_bytes: 0 }
}

fn measured(outcome: &Outcome) -> Ended {
    let exit = match (outcome.code, outcome.signal) {
        (Some(code), _) => Exit::Code(code),
        (None, Some(signal)) => Exit::Signal(signal),
        (None, None) => Exit::SupervisorLost,
    };
    Ended {
        exit,
        duration: Duration::from_micros(outcome.duration_us),
        cpu: Duration::from_micros(outcome.cpu_us),
        peak_rss_bytes: outcome.peak_rss_bytes,
    }
}

fn unstartable(why: Unstartable) -> Exit {
    match why {
        Unstartable::NotFound(message) => Exit::NotFound { message },
        Unstartable::NotExecutable(message) => Exit::NotExecutable { message },
        Unstartable::SpawnFailed(message) => Exit::Unstartable { message },
    }
}
