//! What it costs to know a large tree in which nothing happens. Linux only: it reads `/proc`.

use crate::Scale;
use crate::ours::Ours;
use crate::watchman::Watchman;
use bd_tests::daemon_probe::resident_bytes;
use bd_tests::measure::{Figure, Target};
use nix::unistd::Pid;
use std::fs;
use std::time::Duration;

/// What is left of the first crawl may settle.
const SETTLED: Duration = Duration::from_secs(3);

pub(crate) fn memory_and_idle(scale: Scale) -> Vec<Figure> {
    let files = scale.largest();
    let name = format!("at rest with {files} files in {} directories", files / 6);
    let Some(mut ours) = Ours::with_tree(&name, files) else { return vec![] };
    let _ = ours.clock();
    let root = ours.root();
    let mut processes = vec![ours.sandbox.daemon_pid()];
    let watchman = Watchman::start(ours.sandbox.outside()).map(|mut watchman| {
        watchman.watch(&root);
        watchman.clock(&root);
        processes.push(Pid::from_raw(watchman.pid().cast_signed()));
        watchman
    });
    std::thread::sleep(SETTLED);
    let span = Duration::from_secs(if scale.rounds(10) == 10 { 30 } else { 5 });
    let before: Vec<_> = processes.iter().map(|pid| cpu_ns(*pid)).collect();
    std::thread::sleep(span);
    let used = |index: usize| -> f64 {
        let spent = cpu_ns(processes[index]).saturating_sub(before[index]);
        to_f64(spent) / 1e9 / span.as_secs_f64() * 100.0
    };
    let mib = |index: usize| to_f64(resident_bytes(processes[index]) >> 10) / 1024.0;
    let memory = Figure::new(format!("{name}: RSS"), format!("{:.1} MiB", mib(0)));
    let cpu = Figure::new(format!("{name}: CPU over {span:?}"), format!("{:.4} %", used(0)));
    if watchman.is_none() {
        return vec![memory, cpu];
    }
    vec![
        memory
            .beside("watchman", format!("{:.1} MiB", mib(1)))
            .value(mib(0), " MiB")
            .target(Target::Most(45.0, " MiB")),
        cpu.beside("watchman", format!("{:.4} %", used(1)))
            .value(used(0), " %")
            .target(Target::Most(0.05, " %")),
    ]
}

/// What the threads that live have used.
fn cpu_ns(pid: Pid) -> u64 {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).expect("a process that lives");
    let spent = threads.flatten().filter_map(|thread| {
        let text = fs::read_to_string(thread.path().join("schedstat")).ok()?;
        text.split(' ').next()?.parse::<u64>().ok()
    });
    spent.sum()
}

#[expect(clippy::cast_precision_loss, reason = "small enough")]
fn to_f64(number: u64) -> f64 {
    number as f64
}
