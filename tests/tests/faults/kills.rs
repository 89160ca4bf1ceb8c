//! Daemons that are killed under load, and within moments of their start. `BD_FAULT_KILLS` makes them
//! more, `BD_FAULT_SEED` others.

use crate::told::Told;
use bd_tests::rng::{Rng, number};
use bd_tests::sandbox::alive;
use bd_tests::{Sandbox, eventually};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

const KILLS: u64 = 10;

const CLIENTS: u64 = 3;

/// A moment of a daemon under load, in microseconds, and of one that starts.
const UNDER_LOAD: u64 = 150_000;
const AT_START: u64 = 50_000;

/// Clocks that may be unknown after a kill, of a hundred.
const MOST_FRESH: u64 = 10;

/// What came of the kills.
#[derive(Debug, Default)]
struct Tally {
    builds: usize,
    clocks: u64,
    fresh: u64,
    kills: u64,
}

fn pid(sandbox: &Sandbox) -> Option<Pid> {
    let text = fs::read_to_string(sandbox.home().join("run/bdd.lock")).ok()?;
    text.trim().parse().ok().map(Pid::from_raw)
}

/// Kills the daemon that runs, or the next one as soon as it has its lock, after a moment.
fn kill_within(sandbox: &Sandbox, before: Option<Pid>, micros: u64) {
    eventually("there is a daemon", || pid(sandbox).is_some_and(|pid| Some(pid) != before));
    std::thread::sleep(Duration::from_micros(micros));
    let Some(pid) = pid(sandbox) else { return };
    let _ = kill(pid, Signal::SIGKILL);
    eventually("it is gone", || !alive(pid));
}

fn kills(name: &str, within: u64, starts: bool) {
    let sandbox = Sandbox::new();
    let seed = number("BD_FAULT_SEED", 1);
    let mut rng = Rng::new(seed);
    let (mut all, mut tally) = (Told::default(), Tally::default());
    let _ = sandbox.ok(&["changes"]);
    let mut last = pid(&sandbox).filter(|_| starts);
    if starts {
        sandbox.kill_daemon();
    }
    for round in 0..number("BD_FAULT_KILLS", KILLS) {
        let (stop, after) = (AtomicBool::new(false), rng.below(within));
        let seeds: Vec<_> = (0..CLIENTS).map(|_| rng.bits()).collect();
        let told: Vec<Told> = std::thread::scope(|scope| {
            let client = |seed| {
                let (sandbox, stop) = (&sandbox, &stop);
                scope.spawn(move || {
                    let (mut told, mut rng) = (Told::default(), Rng::new(seed));
                    while !stop.load(Ordering::Relaxed) {
                        told.act(sandbox, &mut rng);
                    }
                    told
                })
            };
            let clients: Vec<_> = seeds.into_iter().map(client).collect();
            kill_within(&sandbox, last, after);
            stop.store(true, Ordering::Relaxed);
            clients.into_iter().map(|client| client.join().expect("a client")).collect()
        });
        for told in told {
            if let Some(clock) = told.clock {
                let since = sandbox.json(&["changes", "--since", &clock.to_string()]);
                tally.clocks += 1;
                tally.fresh += u64::from(since["fresh"] == Value::Bool(true));
            }
            let history = sandbox.json(&["history", "--all", "--limit", "500"]);
            let history = history["builds"].as_array().expect("builds");
            let wrong = told.wrong(history, false);
            assert!(wrong.is_empty(), "BD_FAULT_SEED={seed} round {round}: {wrong:#?}");
            tally.builds += told.builds.len();
            all.builds.extend(told.builds);
        }
        let status = sandbox.json(&["status"]);
        let is_well = status["store"]["state"] == "ok"
            && status["daemon"]["warnings"] == Value::Array(vec![]);
        assert!(is_well, "BD_FAULT_SEED={seed} round {round}: {status}");
        tally.kills += 1;
        if tally.kills % 100 == 0 {
            eprintln!("{name}: {tally:?}");
        }
        for build in sandbox.live() {
            let _ = sandbox.run(&["cancel", build["id"].as_str().expect("an id")]);
        }
        if starts {
            last = pid(&sandbox);
            sandbox.kill_daemon();
        }
    }
    let history = sandbox.history();
    let recent: Told = Told {
        builds: all.builds.iter().rev().take(5_000).map(|(id, end)| (id.clone(), *end)).collect(),
        clock: None,
    };
    assert_eq!(recent.wrong(&history, false), [""; 0], "BD_FAULT_SEED={seed}");
    println!("{name}: {tally:?}");
    assert!(tally.fresh * 100 <= tally.clocks.max(10) * MOST_FRESH, "{tally:?}");
}

#[test]
fn what_was_told_under_load_is_there_after_a_kill() {
    kills("under load", UNDER_LOAD, false);
}

#[test]
fn what_was_told_by_a_daemon_that_had_just_started_is_there_after_a_kill() {
    kills("at start", AT_START, true);
}
