//! A disk that fails once, at each call that the store makes in turn: at its start, while builds run, while
//! it saves, when it stops. `BD_FAULT_CALLS=all` tries every call with every error, a number so many.

use crate::shim::Shim;
use crate::told::Told;
use bd_tests::Sandbox;
use bd_tests::rng::{Rng, number};
use nix::errno::Errno;
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::Command;

const CALLS: u64 = 12;

const ERRORS: [Errno; 3] = [Errno::EIO, Errno::ENOSPC, Errno::EROFS];

fn copy(from: &Path, to: &Path) {
    let _ = fs::remove_dir_all(to);
    assert!(Command::new("cp").arg("-a").args([from, to]).status().expect("cp starts").success());
}

struct Run<'a> {
    sandbox: &'a Sandbox,
    shim: &'a Shim,
    /// A home with a history.
    kept: &'a Path,
    before: &'a Told,
}

impl Run<'_> {
    /// A life of a daemon one of whose calls fails; and what the next one says. Returns how many calls
    /// there were.
    fn life(&self, at: u64, error: Errno) -> (u64, Vec<String>) {
        let sandbox = self.sandbox;
        copy(self.kept, &sandbox.home());
        let mut daemon = self.shim.start(sandbox, at, error);
        let pid = daemon.id();
        let (mut told, mut rng) = (Told::default(), Rng::new(at));
        let mut wrong = Vec::new();
        let started = daemon.try_wait().expect("a child").is_none();
        if started {
            for _ in 0..2 {
                for kind in 0..4 {
                    told.act_as(sandbox, kind, &mut rng);
                }
            }
            if daemon.try_wait().expect("a child").is_some() {
                wrong.push("the daemon ended".to_owned());
            }
            let stopped = sandbox.run(&["daemon", "stop"]);
            if !stopped.status.success() {
                wrong.push(format!("it did not stop: {stopped:?}"));
            }
        }
        let _ = daemon.wait();
        let stderr = fs::read_to_string(sandbox.outside().join("stderr")).unwrap_or_default();
        if !started && stderr.trim().is_empty() {
            wrong.push("it did not start, without a word".to_owned());
        }
        let (count, failed) = self.shim.counted();
        let status = sandbox.json(&["status"]);
        let output = sandbox.run(&["history", "--all", "--limit", "100", "--json"]);
        let history: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        let history = history["builds"].as_array().cloned().unwrap_or_default();
        wrong.extend(told.wrong(&history, true));
        wrong.extend(self.before.wrong(&history, true));
        let status_after = sandbox.json(&["status"]);
        if status_after["store"]["state"] != "ok" {
            wrong.push(format!("the next start is not whole: {status_after}"));
        }
        let log = sandbox.daemon_log();
        // sled does when it is dropped; nothing of it is lost then.
        if log
            .lines()
            .any(|line| line.contains("panicked") && !line.contains("pagecache/logger.rs"))
        {
            wrong.push(format!("a panic: {log}"));
        }
        if let (Some(clock), true) = (told.clock, !wrong.is_empty()) {
            wrong.push(format!("clock {clock}, daemon {pid}, {status}"));
        }
        let _ = sandbox.ok(&["daemon", "stop"]);
        let about = format!("BD_FAULT_CALLS: call {at} of {count}, {error}, {failed}: ");
        (count, wrong.into_iter().map(|wrong| about.clone() + &wrong).collect())
    }
}

#[test]
fn whichever_call_of_the_store_fails_nothing_told_is_lost_without_a_word() {
    let sandbox = Sandbox::new();
    let Some(shim) = Shim::compile(sandbox.outside()) else { return };
    let (mut before, mut rng) = (Told::default(), Rng::new(number("BD_FAULT_SEED", 1)));
    for kind in 0..4 {
        before.act_as(&sandbox, kind, &mut rng);
    }
    let _ = sandbox.ok(&["daemon", "stop"]);
    let kept = sandbox.outside().join("kept");
    copy(&sandbox.home(), &kept);
    let run = Run { sandbox: &sandbox, shim: &shim, kept: &kept, before: &before };
    let wanted = std::env::var("BD_FAULT_CALLS").unwrap_or_default();
    let (mut lives, mut wrong) = (0, Vec::new());
    for error in ERRORS {
        let (calls, unharmed) = run.life(0, error);
        assert!(unharmed.is_empty(), "without a failure: {unharmed:#?}");
        let all = wanted == "all";
        let rounds = if all { calls + 20 } else { wanted.parse().unwrap_or(CALLS) / 3 };
        for round in 1..=rounds {
            let at = if all { round } else { 1 + rng.below(calls) };
            let (_, found) = run.life(at, error);
            lives += 1;
            found.iter().for_each(|found| eprintln!("{found}"));
            wrong.extend(found);
        }
        println!("{error}: {calls} calls");
    }
    println!("{lives} lives");
    assert!(wrong.is_empty(), "{} wrong: {wrong:#?}", wrong.len());
}
