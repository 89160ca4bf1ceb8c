//! `bdd supervise`: the process between the daemon and one command. It owns the whole tree below
//! the command and reports its end when nothing of it is left. It has one thread, keeps no state
//! on disk, and knows nothing of the daemon but the socket it was given as standard input.

use std::io;
use std::io::Write;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal};
use nix::unistd::Pid;

use super::ipc::{CommandEnd, ControlReader, SupervisorEvent, SupervisorRequest, line};
use super::leftovers::Ends;
use super::linger::Linger;
use super::meter::Meter;
use super::{ipc, spawn, tree};

/// First argument that makes the daemon's program a supervisor.
pub const SUPERVISE_ARGUMENT: &str = "supervise";

/// How long what a command left behind has after SIGTERM. Builds leave no daemons behind.
const LEFTOVER_GRACE: Duration = Duration::from_millis(250);

/// Pause between two rounds of SIGKILL: a killed process needs some time to end, a storm of forks
/// must not get ahead, and a process that can not be killed must not cost a core.
const KILL_PAUSE: Duration = Duration::from_millis(2);
const KILL_PAUSE_MAX: Duration = Duration::from_millis(100);

/// Where there is no descriptor for SIGCHLD, children are checked this often.
#[cfg(not(target_os = "linux"))]
const CHILD_POLL: Duration = Duration::from_millis(10);

/// Runs one command for the daemon at the other end of standard input, as the main function of a
/// process of its own: it must be called before any thread is started.
///
/// Standard output and error become those of the command. When standard input ends, everything is
/// killed. SIGTERM and the like are ignored: the daemon decides.
pub fn supervise() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        // The daemon sees the socket end; there is nobody else to report to.
        Err(_) => ExitCode::FAILURE,
    }
}

fn run() -> io::Result<()> {
    // Blocked, not ignored: the command gets an empty mask, and would inherit what is ignored.
    SigSet::all().thread_block()?;
    // A session of its own, so that a signal for the daemon's group does not reach it. It fails
    // only for a group's leader, which nothing is signalled with either.
    let _ = nix::unistd::setsid();
    #[cfg(target_os = "linux")]
    {
        nix::sys::prctl::set_child_subreaper(true)?;
        nix::sys::prctl::set_name(c"bdd-supervise")?;
    }
    let control = io::stdin().as_fd().try_clone_to_owned()?;
    let control = UnixStream::from(ipc::out_of_the_way(control));
    let mut requests = ControlReader::default();
    let spec = requests.launch(&control)?;
    let ends = Ends::new(spec.stdin.as_ref());
    let spawned = spawn::spawn(spec);
    let null = std::fs::OpenOptions::new().read(true).write(true).open("/dev/null")?;
    nix::unistd::dup2_stdin(&null)?;
    nix::unistd::dup2_stdout(&null)?;
    nix::unistd::dup2_stderr(&null)?;
    match spawned {
        Err(why) => report(&control, &SupervisorEvent::NotStarted(why)),
        Ok(main) => Supervision::new(control, requests, main, ends)?.run(),
    }
}

fn report(mut control: &UnixStream, event: &SupervisorEvent) -> io::Result<()> {
    control.write_all(&line(event))
}

/// How far the tree is on its way to its end.
#[derive(Clone, Debug)]
enum Stage {
    /// The command runs.
    Running,
    /// The command has ended, something it started has not.
    Lingering(Linger),
    /// SIGTERM was sent.
    Terminating { until: Instant },
    /// SIGKILL is sent until nothing is left.
    Killing { next: Instant, pause: Duration },
}

struct Supervision {
    control: Option<UnixStream>,
    requests: ControlReader,
    child_signal: ChildSignal,
    main: Pid,
    meter: Meter,
    ends: Ends,
    stage: Stage,
    /// How the command itself ended, and when after its start.
    ended: Option<(WaitStatus, Duration)>,
    /// What was killed while it was still writing.
    cut_off: Option<String>,
}

#[derive(Clone, Copy, Debug)]
enum WaitStatus {
    Code(i32),
    Signal(i32),
}

impl Supervision {
    fn new(
        control: UnixStream,
        requests: ControlReader,
        main: Pid,
        ends: Ends,
    ) -> io::Result<Self> {
        let meter = Meter::start(main);
        let child_signal = ChildSignal::new()?;
        let pid = main.as_raw().cast_unsigned();
        // A daemon that is gone shows in the loop.
        let _ = report(&control, &SupervisorEvent::Started { pid });
        let control = Some(control);
        Ok(Self {
            control,
            requests,
            child_signal,
            main,
            meter,
            ends,
            stage: Stage::Running,
            ended: None,
            cut_off: None,
        })
    }

    fn run(mut self) -> io::Result<()> {
        self.handle_requests();
        while self.reap()? {
            self.act(Instant::now());
            if self.wait()? {
                self.receive();
            }
        }
        let (cpu, peak_rss_bytes) = self.meter.total();
        let (status, duration) = self.ended.ok_or(Errno::ECHILD)?;
        let (code, signal) = match status {
            WaitStatus::Code(code) => (Some(code), None),
            WaitStatus::Signal(signal) => (None, Some(signal)),
        };
        let [duration_us, cpu_us] =
            [duration, cpu].map(|time| time.as_micros().try_into().unwrap_or(u64::MAX));
        let cut_off = self.cut_off;
        let end = CommandEnd { code, signal, duration_us, cpu_us, peak_rss_bytes, cut_off };
        self.control.map_or(Ok(()), |control| report(&control, &SupervisorEvent::Ended(end)))
    }

    /// Reaps every child that has ended. False when none is left: as every orphan below becomes a
    /// child of this process, nothing is left then.
    fn reap(&mut self) -> io::Result<bool> {
        loop {
            let (pid, status) = match wait_for_any() {
                Ok(Some(reaped)) => reaped,
                Ok(None) => return Ok(true),
                Err(Errno::ECHILD) => return Ok(false),
                Err(Errno::EINTR) => continue,
                Err(source) => return Err(source.into()),
            };
            if pid == self.main && self.ended.is_none() {
                self.ended = Some((status, self.meter.elapsed()));
            }
            if let Stage::Killing { next, pause } = &mut self.stage {
                // There is progress, and a process whose parent has just ended may have been
                // missed.
                *pause = KILL_PAUSE;
                *next = (*next).min(Instant::now() + KILL_PAUSE);
            }
        }
    }

    fn act(&mut self, now: Instant) {
        if now >= self.meter.next() {
            self.meter.sample();
        }
        match &mut self.stage {
            Stage::Running if self.ended.is_some() => {
                self.stage = Stage::Lingering(Linger::new(now));
                if let Some(control) = &self.control {
                    // A daemon that is gone shows in the loop.
                    let _ = report(control, &SupervisorEvent::Lingering);
                }
            }
            Stage::Lingering(linger) if now >= linger.until() => self.end_leftovers(now),
            Stage::Terminating { until } if now >= *until => self.kill(),
            Stage::Killing { next, pause } if now >= *next => {
                tree::signal(self.main, Signal::SIGKILL);
                let pause = (*pause * 2).min(KILL_PAUSE_MAX);
                self.stage = Stage::Killing { next: Instant::now() + pause, pause };
            }
            _ => {}
        }
    }

    /// Ends what the command left behind, unless it may still go on.
    fn end_leftovers(&mut self, now: Instant) {
        let Stage::Lingering(linger) = &mut self.stage else { return };
        if linger.is_over(now, self.main, &self.ends) {
            self.cut_off = linger.cut_off(now, self.main, &self.ends);
            self.terminate(LEFTOVER_GRACE);
        }
    }

    fn terminate(&mut self, grace: Duration) {
        let until = Instant::now() + grace;
        match self.stage {
            Stage::Killing { .. } => return,
            // Requested again: the earlier deadline holds, and the signal is not sent twice.
            Stage::Terminating { until: earlier } => {
                self.stage = Stage::Terminating { until: earlier.min(until) };
                return;
            }
            Stage::Running | Stage::Lingering(_) => {}
        }
        if grace.is_zero() {
            return self.kill();
        }
        tree::signal(self.main, Signal::SIGTERM);
        // Stopped processes would not see it.
        tree::signal(self.main, Signal::SIGCONT);
        self.stage = Stage::Terminating { until };
    }

    fn kill(&mut self) {
        tree::signal(self.main, Signal::SIGKILL);
        let pause = KILL_PAUSE;
        self.stage = Stage::Killing { next: Instant::now() + pause, pause };
    }

    /// Waits for the daemon, a child or the next deadline. True when the daemon has sent something
    /// or is gone.
    fn wait(&self) -> io::Result<bool> {
        let deadline = match &self.stage {
            Stage::Running => self.meter.next(),
            Stage::Lingering(linger) => linger.until().min(self.meter.next()),
            Stage::Terminating { until } => (*until).min(self.meter.next()),
            Stage::Killing { next, .. } => *next,
        };
        let left = deadline.saturating_duration_since(Instant::now());
        #[cfg(not(target_os = "linux"))]
        let left = left.min(CHILD_POLL);
        // Rounded up, or the last millisecond would be spent in a busy loop.
        let left = u16::try_from(left.as_micros().div_ceil(1000)).unwrap_or(u16::MAX);
        let mut waited: Vec<PollFd<'_>> = self
            .control
            .iter()
            .map(AsFd::as_fd)
            .chain(self.child_signal.descriptor())
            .map(|descriptor| PollFd::new(descriptor, PollFlags::POLLIN))
            .collect();
        match poll(&mut waited, PollTimeout::from(left)) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(source) => return Err(source.into()),
        }
        self.child_signal.acknowledge();
        Ok(self.control.is_some() && waited[0].any().unwrap_or(true))
    }

    fn receive(&mut self) {
        let Some(control) = &self.control else { return };
        if matches!(self.requests.fill(control), Ok(true)) {
            return self.handle_requests();
        }
        // The daemon is gone, for whatever reason.
        self.control = None;
        self.kill();
    }

    fn handle_requests(&mut self) {
        while let Ok(Some(request)) = self.requests.next() {
            match request {
                SupervisorRequest::Stop { grace_ms } => {
                    self.terminate(Duration::from_millis(grace_ms));
                }
                SupervisorRequest::Wrote => {
                    if let Stage::Lingering(linger) = &mut self.stage {
                        linger.wrote(Instant::now());
                    }
                }
            }
        }
    }
}

/// Reaps one child that has ended, if there is one.
#[expect(unsafe_code, reason = "nix does not return whose status it was after a real-time signal")]
fn wait_for_any() -> nix::Result<Option<(Pid, WaitStatus)>> {
    let mut status = 0;
    // SAFETY: the kernel writes one integer, which outlives the call.
    let pid = unsafe { libc::waitpid(-1, &raw mut status, libc::WNOHANG) };
    Ok(match Errno::result(pid)? {
        0 => None,
        pid if libc::WIFSIGNALED(status) => {
            Some((Pid::from_raw(pid), WaitStatus::Signal(libc::WTERMSIG(status))))
        }
        pid => Some((Pid::from_raw(pid), WaitStatus::Code(libc::WEXITSTATUS(status)))),
    })
}

/// Becomes readable when a child has ended.
struct ChildSignal {
    #[cfg(target_os = "linux")]
    signals: nix::sys::signalfd::SignalFd,
}

#[cfg(target_os = "linux")]
impl ChildSignal {
    fn new() -> io::Result<Self> {
        use nix::sys::signalfd::{SfdFlags, SignalFd};
        let mut ended = SigSet::empty();
        ended.add(Signal::SIGCHLD);
        let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
        Ok(Self { signals: SignalFd::with_flags(&ended, flags)? })
    }

    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        Some(self.signals.as_fd())
    }

    /// Takes the signal before children are reaped, so that none is missed.
    fn acknowledge(&self) {
        let _ = self.signals.read_signal();
    }
}

#[cfg(not(target_os = "linux"))]
impl ChildSignal {
    fn new() -> io::Result<Self> {
        Ok(Self {})
    }

    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        None
    }

    fn acknowledge(&self) {}
}
