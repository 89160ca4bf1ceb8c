//! From the save of a file to the start of a process: `bdctl watch` beside watchexec.

use crate::{Scale, skipped, tree};
use bd_tests::measure::{Figure, Series, Target};
use bd_tests::{Sandbox, programs};
use nix::sys::stat::Mode;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const FILES: usize = 1_000;
/// What one save sets off is over by then.
const QUIET: Duration = Duration::from_millis(300);

/// Somebody who watches, and the pipe that each process it starts writes a byte to.
struct Watcher {
    child: Child,
    pipe: File,
}

impl Watcher {
    fn start(sandbox: &Sandbox, name: &str, mut command: Command) -> Option<Self> {
        let path = sandbox.outside().join(format!("pipe-{name}"));
        nix::unistd::mkfifo(&path, Mode::S_IRWXU).expect("a pipe");
        // Open for both, so that it never ends.
        let pipe = File::options().read(true).write(true).open(&path).expect("a pipe");
        command.args(["--", "sh", "-c", "printf x >\"$0\""]).arg(&path);
        command.current_dir(sandbox.workspace());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let Ok(mut child) = command.spawn() else {
            skipped(name, "it is not installed");
            return None;
        };
        // It runs the command once to begin with; one that has no such duty ends instead.
        let ready = Instant::now();
        while available(&pipe) == 0 {
            if child.try_wait().expect("a child").is_some() || ready.elapsed().as_secs() > 20 {
                skipped(name, "it does not watch");
                let _ = child.kill();
                let _ = child.wait();
                return None;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        let watcher = Self { child, pipe };
        watcher.settle();
        Some(watcher)
    }

    /// Waits until nothing is started any more.
    fn settle(&self) {
        loop {
            std::thread::sleep(QUIET);
            let mut waiting = vec![0; available(&self.pipe)];
            if waiting.is_empty() {
                return;
            }
            (&self.pipe).read_exact(&mut waiting).expect("bytes");
        }
    }

    fn save(&self, root: &Path, round: usize) -> Duration {
        let begun = Instant::now();
        tree::edit(root, round % FILES, &format!("saved {round}"));
        (&self.pipe).read_exact(&mut [0]).expect("a byte");
        let took = begun.elapsed();
        self.settle();
        took
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn available(pipe: &File) -> usize {
    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
    use std::os::fd::AsFd as _;
    let mut polled = [PollFd::new(pipe.as_fd(), PollFlags::POLLIN)];
    usize::from(poll(&mut polled, PollTimeout::ZERO).expect("a pipe") > 0)
}

pub(crate) fn to_process(scale: Scale) -> Vec<Figure> {
    let rounds = scale.rounds(60).max(10);
    let measure = |name: &str, command: fn(&Sandbox) -> Command| -> Option<Series> {
        let sandbox = Sandbox::new();
        tree::make(&sandbox.workspace(), FILES);
        let watcher = Watcher::start(&sandbox, name, command(&sandbox))?;
        Some(Series((0..rounds).map(|round| watcher.save(&sandbox.workspace(), round)).collect()))
    };
    let ours = measure("bdctl-watch", |sandbox| {
        let _ = programs::bdd();
        sandbox.bdctl(["watch"])
    });
    let usual = measure("watchexec", |_| watchexec(&[]));
    let eager = measure("watchexec-5ms", |_| watchexec(&["-d", "5ms"]));
    let name = format!("save → process start, {FILES} files");
    let mut figures = Vec::new();
    for (peer, series, most) in [("watchexec", usual, 0.15), ("watchexec -d 5ms", eager, 0.8)] {
        let Some(series) = series else { continue };
        figures.push(match &ours {
            None => Figure::new(&name, "").beside(peer, &series),
            Some(ours) => Figure::new(&name, ours)
                .beside(peer, &series)
                .value(ours.p50().as_secs_f64() / series.p50().as_secs_f64(), "×")
                .target(Target::Most(most, "×")),
        });
    }
    figures
}

fn watchexec(options: &[&str]) -> Command {
    let mut command = Command::new("watchexec");
    // The command as it is, as ours takes it.
    command.arg("--shell=none");
    command.args(options);
    command
}
