//! How long what a command left behind may go on: not at all if it is silent, and for a while if it
//! still writes what the command said. Knows nothing of how it is ended.

use std::time::{Duration, Instant};

use nix::unistd::Pid;

use super::leftovers::{Ends, Leftovers};
use super::tree;

/// For every process: some need a moment to notice that their parent has ended.
const SILENT: Duration = Duration::from_millis(100);

/// For what writes in the background: so long after its last output, and so long in all. What is a
/// server and logs for ever ends then.
const WRITING: Duration = Duration::from_millis(500);
const WRITING_MAX: Duration = Duration::from_secs(10);

/// For a filter that has all its input: it ends by itself, but may have to think first, as `sort`
/// and `xz` do.
const FILTERING: Duration = Duration::from_secs(5);
const FILTERING_MAX: Duration = Duration::from_secs(30);

/// How often it is looked whether a filter is still there.
const LOOK: Duration = Duration::from_millis(200);

/// The time after a command's end while something it started has not ended.
#[derive(Clone, Debug)]
pub(super) struct Linger {
    since: Instant,
    last_output: Option<Instant>,
    filter: bool,
    until: Instant,
}

impl Linger {
    /// Begins when the command ends.
    pub(super) fn new(now: Instant) -> Self {
        Self { since: now, last_output: None, filter: false, until: now + SILENT }
    }

    /// When [`Linger::is_over`] is to be asked.
    pub(super) fn until(&self) -> Instant {
        self.until
    }

    /// Takes note that output has come.
    pub(super) fn wrote(&mut self, now: Instant) {
        self.last_output = Some(now);
        self.until = self.until.max(self.allowed(now));
    }

    /// Whether what is left has had its time.
    pub(super) fn is_over(&mut self, now: Instant, main: Pid, ends: &Ends) -> bool {
        self.filter = Leftovers::of(&tree::descendants(main)).filter(ends);
        self.until = self.allowed(now);
        self.until <= now
    }

    /// What is to be said when it is killed now; nothing of what was silent.
    pub(super) fn cut_off(&self, now: Instant, main: Pid, ends: &Ends) -> Option<String> {
        if self.last_output.is_none() && !self.filter {
            return None;
        }
        let names = Leftovers::of(&tree::descendants(main)).writers(ends);
        let seconds = (now - self.since).as_secs_f32();
        Some(format!(
            "killed {seconds:.1} s after the command had ended, still writing its output: {names}"
        ))
    }

    fn allowed(&self, now: Instant) -> Instant {
        let silent = self.since + SILENT;
        let last = self.last_output.unwrap_or(self.since);
        if self.filter {
            return (now + LOOK).min(last + FILTERING).min(self.since + FILTERING_MAX);
        }
        match self.last_output {
            Some(last) => (last + WRITING).min(self.since + WRITING_MAX).max(silent),
            None => silent,
        }
    }
}
