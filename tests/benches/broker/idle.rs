//! What a daemon costs that nobody asks anything of. Linux only: it reads `/proc`.

use crate::bench_home::{BenchHome, succeed};
use bd_tests::measure::{Figure, Target};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

/// Builds before the rest: a daemon that never worked has nothing to forget.
const BUILDS: usize = 30;
/// What is left of the builds may settle.
const SETTLED: Duration = Duration::from_secs(2);

pub(crate) fn minute(place: &BenchHome) -> Vec<Figure> {
    let process = format!("/proc/{}", place.sandbox.daemon_pid());
    let process = Path::new(&process);
    if !process.exists() {
        return Vec::new();
    }
    for _ in 0..BUILDS {
        succeed(place.bdctl(["run", "--join", "--", "sh", "-c", "seq 10000"]));
    }
    std::thread::sleep(SETTLED);
    let span = Duration::from_secs(if place.is_quick() { 10 } else { 60 });
    let (begun, before) = (Instant::now(), threads(process));
    std::thread::sleep(span);
    let (took, after) = (begun.elapsed().as_secs_f64(), threads(process));
    let mut used = Use::default();
    for (thread, now) in &after {
        let then = before.get(thread).copied().unwrap_or_default();
        used.cpu_ns += now.cpu_ns.saturating_sub(then.cpu_ns);
        used.switches += now.switches.saturating_sub(then.switches);
    }
    let cpu_percent = to_f64(used.cpu_ns) / 1e9 / took * 100.0;
    let wakeups = to_f64(used.switches) / took;
    let name = |what| format!("idle daemon after {BUILDS} builds, {} s: {what}", span.as_secs());
    // Rounded as the target is written.
    let rounded = (cpu_percent * 10.0).round() / 10.0;
    let resident = kib(process, "VmRSS");
    vec![
        Figure::new(name("CPU"), format!("{cpu_percent:.4} %"))
            .value(rounded, " %")
            .target(Target::Most(0.0, " %")),
        Figure::new(name("wake-ups"), format!("{} by {} threads", used.switches, after.len()))
            .value(wakeups, "/s")
            .target(Target::Most(10.0, "/s")),
        Figure::new(
            name("RSS"),
            format!("{} KiB, of that {} anonymous", resident, kib(process, "RssAnon")),
        )
        .value(to_f64(resident) / 1024.0, " MiB")
        .target(Target::Most(16.0, " MiB")),
    ]
}

/// What a thread has used since it began.
#[derive(Clone, Copy, Debug, Default)]
struct Use {
    cpu_ns: u64,
    /// Each of them was a wake-up, or made another thread wait for its turn.
    switches: u64,
}

fn threads(process: &Path) -> BTreeMap<u32, Use> {
    let listed = fs::read_dir(process.join("task")).expect("a daemon that lives");
    listed
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let thread = entry.file_name().to_str()?.parse().ok()?;
            let spent = fs::read_to_string(entry.path().join("schedstat")).ok()?;
            let cpu_ns = spent.split(' ').next()?.parse().ok()?;
            let switches = count(&entry.path(), "voluntary_ctxt_switches")?
                + count(&entry.path(), "nonvoluntary_ctxt_switches")?;
            Some((thread, Use { cpu_ns, switches }))
        })
        .collect()
}

fn kib(process: &Path, field: &str) -> u64 {
    count(process, field).unwrap_or_default()
}

/// A number in a `status` file.
fn count(of: &Path, field: &str) -> Option<u64> {
    let status = fs::read_to_string(of.join("status")).ok()?;
    let value = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'))?;
    value.trim().trim_end_matches(" kB").parse().ok()
}

#[expect(clippy::cast_precision_loss, reason = "small enough")]
fn to_f64(number: u64) -> f64 {
    number as f64
}
