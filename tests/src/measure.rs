//! Measuring against a peer: interleaved runs, their statistics, and a table. Knows nothing of what
//! is measured.
//!
//! Times on a busy machine mean little; the ratio of two things that ran in turns means something.

use std::fmt;
use std::fs;
use std::time::{Duration, Instant};

/// The times of several runs of one thing, in the order they were made.
#[derive(Clone, Debug, Default)]
pub struct Series(pub Vec<Duration>);

impl Series {
    /// The smallest time that at least this share of the runs kept, from 0 to 1.
    ///
    /// # Panics
    ///
    /// Without runs.
    #[must_use]
    pub fn quantile(&self, share: f64) -> Duration {
        let mut sorted = self.0.clone();
        sorted.sort();
        sorted[rank(sorted.len(), share)]
    }

    /// Half of the runs took no longer.
    #[must_use]
    pub fn p50(&self) -> Duration {
        self.quantile(0.5)
    }

    /// Of a hundred runs, one took longer.
    #[must_use]
    pub fn p99(&self) -> Duration {
        self.quantile(0.99)
    }

    /// How many times as long as `peer` this takes: the median over runs that were neighbours, so
    /// that other load on the machine weighs on both.
    ///
    /// # Panics
    ///
    /// When the two were not run in turns.
    #[must_use]
    pub fn ratio(&self, peer: &Self) -> f64 {
        assert_eq!(self.0.len(), peer.0.len(), "BUG: not interleaved");
        self.compare(peer, |ours, theirs| ours.as_secs_f64() / theirs.as_secs_f64())
    }

    /// By how many milliseconds this takes longer than `peer`, likewise.
    ///
    /// # Panics
    ///
    /// When the two were not run in turns.
    #[must_use]
    pub fn excess_ms(&self, peer: &Self) -> f64 {
        assert_eq!(self.0.len(), peer.0.len(), "BUG: not interleaved");
        self.compare(peer, |ours, theirs| (ours.as_secs_f64() - theirs.as_secs_f64()) * 1e3)
    }

    fn compare(&self, peer: &Self, by: impl Fn(Duration, Duration) -> f64) -> f64 {
        let mut each: Vec<f64> =
            self.0.iter().zip(&peer.0).map(|(ours, theirs)| by(*ours, *theirs)).collect();
        each.sort_by(f64::total_cmp);
        each[rank(each.len(), 0.5)]
    }
}

impl fmt::Display for Series {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} / {}", time(self.p50()), time(self.p99()))
    }
}

/// Nearest rank.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "numbers of runs are small"
)]
fn rank(len: usize, share: f64) -> usize {
    ((len as f64 * share).ceil() as usize).clamp(1, len) - 1
}

/// Runs several things in turns, `rounds` times each, and measures each run. Each round begins
/// with another one, so that none always follows the same neighbour.
#[must_use]
pub fn interleaved<const N: usize>(rounds: usize, mut runs: [&mut dyn FnMut(); N]) -> [Series; N] {
    let mut series = [const { Series(Vec::new()) }; N];
    // What runs first has to fill the caches.
    runs.iter_mut().for_each(|run| run());
    for round in 0..rounds {
        for turn in 0..N {
            let which = (round + turn) % N;
            let begun = Instant::now();
            runs[which]();
            series[which].0.push(begun.elapsed());
        }
    }
    series
}

/// Runs two things that measure themselves, always the one before the other.
#[must_use]
pub fn alternating(
    rounds: usize,
    first: &mut dyn FnMut() -> Duration,
    second: &mut dyn FnMut() -> Duration,
) -> [Series; 2] {
    let (mut firsts, mut seconds) = (Series::default(), Series::default());
    let _ = (first(), second());
    for _ in 0..rounds {
        firsts.0.push(first());
        seconds.0.push(second());
    }
    [firsts, seconds]
}

/// What a figure should be.
#[derive(Clone, Copy, Debug)]
pub enum Target {
    /// No more than this.
    Most(f64, &'static str),
    /// No less than this.
    Least(f64, &'static str),
}

impl Target {
    fn is_met(self, value: f64) -> bool {
        match self {
            Self::Most(most, _) => value <= most,
            Self::Least(least, _) => value >= least,
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Most(most, unit) => write!(f, "≤ {most}{unit}"),
            Self::Least(least, unit) => write!(f, "≥ {least}{unit}"),
        }
    }
}

/// One line of the table.
#[derive(Clone, Debug)]
pub struct Figure {
    /// What was measured.
    pub name: String,
    /// The result.
    pub ours: String,
    /// What it is compared with, and the result of that; empty where there is no peer.
    pub peer: String,
    /// The number that counts, with its unit.
    pub value: Option<(f64, &'static str)>,
    /// What it should be; `None` for information only.
    pub target: Option<Target>,
}

impl Figure {
    /// A figure without a peer, a value or a target.
    #[must_use]
    pub fn new(name: impl Into<String>, ours: impl fmt::Display) -> Self {
        let ours = ours.to_string();
        Self { name: name.into(), ours, peer: String::new(), value: None, target: None }
    }

    /// The same, beside a peer.
    #[must_use]
    pub fn beside(mut self, name: &str, peer: impl fmt::Display) -> Self {
        self.peer = format!("{name} {peer}");
        self
    }

    /// The same, with the number that counts.
    #[must_use]
    pub fn value(mut self, value: f64, unit: &'static str) -> Self {
        self.value = Some((value, unit));
        self
    }

    /// The same, with a target.
    #[must_use]
    pub fn target(mut self, target: Target) -> Self {
        self.target = Some(target);
        self
    }

    /// The cells of its line.
    fn cells(&self) -> [String; 6] {
        let value = self.value.map_or(String::new(), |(value, unit)| number(value) + unit);
        let target = self.target.map_or(String::new(), |target| target.to_string());
        let met = match (self.value, self.target) {
            (Some((value, _)), Some(target)) if target.is_met(value) => "yes",
            (Some(_), Some(_)) => "NO",
            _ => "",
        };
        [self.name.clone(), self.ours.clone(), self.peer.clone(), value, target, met.to_owned()]
    }
}

/// Three digits.
fn number(value: f64) -> String {
    match value.abs() {
        large if large >= 100.0 => format!("{value:.0}"),
        medium if medium >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// A time with the unit that suits it.
#[must_use]
pub fn time(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    match seconds {
        _ if seconds < 1e-3 => format!("{} µs", number(seconds * 1e6)),
        _ if seconds < 1.0 => format!("{} ms", number(seconds * 1e3)),
        _ => format!("{} s", number(seconds)),
    }
}

/// An amount a second, with the prefix that suits it.
#[must_use]
pub fn rate(amount: f64, unit: &str) -> String {
    match amount {
        _ if amount >= 1e9 => format!("{} G{unit}/s", number(amount / 1e9)),
        _ if amount >= 1e6 => format!("{} M{unit}/s", number(amount / 1e6)),
        _ if amount >= 1e3 => format!("{} k{unit}/s", number(amount / 1e3)),
        _ => format!("{} {unit}/s", number(amount)),
    }
}

/// The lines as a table that is also Markdown.
#[must_use]
pub fn table(figures: &[Figure]) -> String {
    let head = ["figure", "ours", "peer", "value", "target", "met"].map(str::to_owned);
    let rows: Vec<_> = std::iter::once(head).chain(figures.iter().map(Figure::cells)).collect();
    let wide = |column: usize| {
        rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default()
    };
    let widths: [usize; 6] = std::array::from_fn(wide);
    let mut text = String::new();
    for (index, row) in rows.iter().enumerate() {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}"));
        text += &format!("| {} |\n", cells.collect::<Vec<_>>().join(" | "));
        if index == 0 {
            text += &format!("|{}|\n", widths.map(|width| "-".repeat(width + 2)).join("|"));
        }
    }
    text
}

/// Measures groups of figures and prints the machine and the table, as a benchmark's command line
/// asks: `NAME… [--quick]`. Each word chooses the groups whose names contain it; none chooses all.
/// `measure` gets whether it should be quick.
pub fn groups<G: Copy>(groups: &[(&str, G)], measure: impl Fn(G, bool) -> Vec<Figure>) {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let quick = words.iter().any(|word| word == "--quick");
    // cargo adds `--bench`.
    let wanted: Vec<_> = words.iter().filter(|word| !word.starts_with("--")).collect();
    println!("{}", machine());
    let mut figures = Vec::new();
    for (name, group) in groups {
        if wanted.is_empty() || wanted.iter().any(|part| name.contains(&**part)) {
            eprintln!("measuring {name} …");
            figures.extend(measure(*group, quick));
        }
    }
    print!("\n{}", table(&figures));
}

/// The machine of the measurements, in one line.
#[must_use]
pub fn machine() -> String {
    let read = |path| fs::read_to_string(path).unwrap_or_default();
    let field = |text: &str, name: &str| {
        let line = text.lines().find(|line| line.starts_with(name));
        line.and_then(|line| Some(line.split_once(':')?.1.trim().to_owned()))
    };
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let cpu = field(&read("/proc/cpuinfo"), "model name").unwrap_or_else(|| "cpu unknown".into());
    let kernel = read("/proc/sys/kernel/osrelease");
    let memory = field(&read("/proc/meminfo"), "MemTotal")
        .and_then(|kib| kib.trim_end_matches(" kB").parse::<u64>().ok())
        .map_or_else(|| "memory unknown".into(), |kib| format!("{} MiB", kib >> 10));
    let load = read("/proc/loadavg");
    let load = load.split(' ').take(3).collect::<Vec<_>>().join(" ");
    format!(
        "{cores} cores, {cpu}, {} {}, {memory}, load {load}",
        std::env::consts::OS,
        kernel.trim()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(ms: &[u64]) -> Series {
        Series(ms.iter().map(|ms| Duration::from_millis(*ms)).collect())
    }

    #[test]
    fn quantiles_are_runs_that_were_made() {
        let hundred = series(&(1..=100).rev().collect::<Vec<_>>());
        assert_eq!(hundred.p50(), Duration::from_millis(50));
        assert_eq!(hundred.p99(), Duration::from_millis(99));
        assert_eq!(series(&[7]).p99(), Duration::from_millis(7));
    }

    #[test]
    fn a_disturbance_of_both_is_none_of_the_ratio() {
        let (ours, peer) = (series(&[20, 2000, 20]), series(&[10, 1000, 10]));
        assert!((ours.ratio(&peer) - 2.0).abs() < 1e-9);
        assert!((ours.excess_ms(&peer) - 10.0).abs() < 1e-9);
    }

    #[test]
    fn turns_are_taken_and_the_first_run_is_not_counted() {
        let order = std::cell::RefCell::new(String::new());
        let (mut a, mut b) = (|| order.borrow_mut().push('a'), || order.borrow_mut().push('b'));
        let series = interleaved(3, [&mut a, &mut b]);
        assert_eq!(order.borrow().as_str(), "ababbaab");
        assert!(series.iter().all(|series| series.0.len() == 3));
    }

    #[test]
    fn a_table_says_what_was_met() {
        let figures = [
            Figure::new("a", "1 ms").value(1.0, "×").target(Target::Most(1.5, "×")),
            Figure::new("b", "1 ms").value(0.5, "×").target(Target::Least(0.7, "×")),
            Figure::new("c", "1 ms"),
        ];
        let table = table(&figures);
        let met = table.lines().skip(2).map(|line| line.rsplit('|').nth(1).unwrap_or("").trim());
        assert_eq!(met.collect::<Vec<_>>(), ["yes", "NO", ""]);
    }
}
