//! What a tree of processes uses. Knows nothing of how it ends.
//!
//! Where a cgroup is delegated, its `memory.peak` and `cpu.stat` would be exact and cheaper; this
//! is the place for it. Sampling is what works everywhere.

use std::time::{Duration, Instant};

use nix::sys::resource::{Usage, UsageWho, getrusage};
use nix::unistd::Pid;

use super::tree;

/// Samples are taken at these times after the start, so that short commands have some too; then
/// every [`PERIOD`].
const EARLY: [Duration; 3] =
    [Duration::from_millis(5), Duration::from_millis(20), Duration::from_millis(50)];

/// A compiler needs tenths of a second to fill its memory.
const PERIOD: Duration = Duration::from_millis(100);

/// A sample takes about 30 µs a process; a tree so large that samples would cost more than a
/// hundredth of a core is sampled less often.
const COST_FACTOR: u32 = 100;

/// Follows the memory of the tree below this process.
#[derive(Debug)]
pub(super) struct Meter {
    main: Pid,
    started: Instant,
    samples: usize,
    next: Instant,
    peak_rss_bytes: u64,
}

impl Meter {
    pub(super) fn start(main: Pid) -> Self {
        let started = Instant::now();
        Self { main, started, samples: 0, next: started + EARLY[0], peak_rss_bytes: 0 }
    }

    /// When [`Meter::sample`] is due.
    pub(super) fn next(&self) -> Instant {
        self.next
    }

    /// Measures the tree now.
    pub(super) fn sample(&mut self) {
        let before = Instant::now();
        let resident = tree::resident(&tree::descendants(self.main));
        self.peak_rss_bytes = self.peak_rss_bytes.max(resident);
        self.samples += 1;
        let now = Instant::now();
        self.next = match EARLY.get(self.samples) {
            Some(&at) => (self.started + at).max(now),
            None => now + PERIOD.max((now - before) * COST_FACTOR),
        };
    }

    /// Time since the start.
    pub(super) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// CPU time and peak memory in bytes, once every process was reaped.
    pub(super) fn total(&self) -> (Duration, u64) {
        let Ok(usage) = getrusage(UsageWho::RUSAGE_CHILDREN) else {
            return (Duration::ZERO, self.peak_rss_bytes);
        };
        let cpu = duration(usage.user_time()) + duration(usage.system_time());
        (cpu, self.peak_rss_bytes.max(largest_process(usage)))
    }
}

fn largest_process(usage: Usage) -> u64 {
    let unit = if cfg!(target_os = "macos") { 1 } else { 1024 };
    u64::try_from(usage.max_rss()).unwrap_or(0) * unit
}

fn duration(time: nix::sys::time::TimeVal) -> Duration {
    Duration::from_micros(
        u64::try_from(time.tv_sec()).unwrap_or(0) * 1_000_000
            + u64::try_from(time.tv_usec()).unwrap_or(0),
    )
}
