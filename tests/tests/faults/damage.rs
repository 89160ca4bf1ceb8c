//! Files below the home that are flipped, cut or zeroed while no daemon runs. `BD_FAULT_DAMAGES` makes
//! them more, `BD_FAULT_SEED` others.

use crate::told::{End, Told};
use bd_tests::Sandbox;
use bd_tests::rng::{Rng, number};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

const DAMAGES: u64 = 24;

/// No damage may have people wait; this is for dozens of commands on a busy machine.
const PROMPT: Duration = Duration::from_secs(30);

/// Bytes of a block that is zeroed.
const BLOCK: usize = 4096;

fn copy(from: &Path, to: &Path) {
    let _ = fs::remove_dir_all(to);
    assert!(Command::new("cp").arg("-a").args([from, to]).status().expect("cp starts").success());
}

/// All files below a directory, by what they are: one of each kind is as likely as another.
fn files(dir: &Path, found: &mut BTreeMap<String, Vec<PathBuf>>) {
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
        if path.is_dir() {
            files(&path, found);
        } else if path.is_file() && fs::metadata(&path).is_ok_and(|file| file.len() > 0) {
            let kind = match name.split_once('.') {
                Some(("snap", _)) => "snap".to_owned(),
                Some((_, kind)) => kind.to_owned(),
                None => name,
            };
            found.entry(kind).or_default().push(path);
        }
    }
}

/// Damages a file; says how.
fn damage(path: &Path, rng: &mut Rng) -> String {
    let mut bytes = fs::read(path).expect("bytes");
    let used = bytes.iter().rposition(|byte| *byte != 0).unwrap_or(0) + 1;
    let at = rng.below(used as u64) as usize;
    let how = match rng.below(3) {
        0 => {
            bytes[at] ^= 1 << rng.below(8);
            "flipped"
        }
        1 => {
            bytes.truncate(at);
            "cut"
        }
        _ => {
            let from = at / BLOCK * BLOCK;
            bytes[from..].iter_mut().take(BLOCK).for_each(|byte| *byte = 0);
            "zeroed"
        }
    };
    fs::write(path, bytes).expect("damaged");
    format!("{} {how} at {at}", path.display())
}

/// What a command prints, by the exit code of the command and of bdctl, is what it printed, or bdctl
/// says that it is not.
fn check_logs(sandbox: &Sandbox, printed: &BTreeMap<String, Vec<u8>>) -> Vec<String> {
    let wrong = printed.iter().filter_map(|(id, printed)| {
        let output = sandbox.run(&["logs", id]);
        let is_whole = output.stdout == *printed;
        let is_said = !output.status.success() && !output.stderr.is_empty();
        (!is_whole && !is_said).then(|| format!("logs {id}: {output:?}"))
    });
    wrong.collect()
}

#[test]
fn nothing_wrong_is_served_from_damaged_files_and_what_is_missing_is_said() {
    let sandbox = Sandbox::new();
    let seed = number("BD_FAULT_SEED", 1);
    let mut rng = Rng::new(seed);
    let (mut told, mut printed) = (Told::default(), BTreeMap::new());
    for number in 0..12_u32 {
        let script = format!("seq 1 {}; exit {}", 100 * number, number % 3);
        let id = sandbox.detach(&["--", "sh", "-c", &script]);
        let _ = sandbox.run(&["wait", &id]);
        printed.insert(id.clone(), sandbox.run(&["logs", &id]).stdout);
        told.builds.insert(id, End::Code((number % 3).into()));
    }
    told.edit(&sandbox, 1);
    let home = sandbox.home();
    let mut counts: BTreeMap<&str, u32> = BTreeMap::new();
    let clean = sandbox.outside().join("clean");
    let killed = sandbox.outside().join("killed");
    sandbox.kill_daemon();
    copy(&home, &killed);
    let _ = sandbox.ok(&["status"]);
    let _ = sandbox.ok(&["daemon", "stop"]);
    copy(&home, &clean);
    for round in 0..number("BD_FAULT_DAMAGES", DAMAGES) {
        copy(if rng.one_in(3) { &killed } else { &clean }, &home);
        let mut kinds = BTreeMap::new();
        files(&home.join("state"), &mut kinds);
        let kind =
            kinds.keys().nth(rng.below(kinds.len() as u64) as usize).expect("a kind").clone();
        let paths = &kinds[&kind];
        let began = Instant::now();
        let how = damage(&paths[rng.below(paths.len() as u64) as usize], &mut rng);
        let at = format!("BD_FAULT_SEED={seed} round {round}: {how}");
        fs::write(sandbox.workspace().join("edited"), format!("{round}")).expect("a file");
        let status = sandbox.json(&["status"]);
        let output = sandbox.run(&["history", "--all", "--limit", "100", "--json"]);
        let history: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        let history = history["builds"].as_array().unwrap_or_else(|| panic!("{at}: {output:?}"));
        let wrong = told.wrong(history, true);
        assert!(wrong.is_empty(), "{at}: {wrong:#?} {status}");
        let lost = history.iter().any(|build| {
            build["outcome"]["message"].as_str().is_some_and(|message| message.contains("lost"))
        });
        let status = sandbox.json(&["status"]);
        let warned = status["daemon"]["warnings"].to_string();
        assert!(!lost || warned.contains("lost"), "{at}: {warned}");
        *counts.entry(if lost { "lost and said" } else { "whole" }).or_default() += 1;
        let wrong = check_logs(&sandbox, &printed);
        assert!(wrong.is_empty(), "{at}: {wrong:#?}");
        let clock = told.clock.expect("a clock").to_string();
        let since = sandbox.json(&["changes", "--since", &clock]);
        let seen = since["changes"].as_array().expect("changes");
        assert!(seen.iter().any(|change| change["path"] == "edited"), "{at}: {since}");
        let log = sandbox.daemon_log();
        assert!(!log.contains("BUG"), "{at}: {log}");
        let _ = sandbox.ok(&["daemon", "stop"]);
        assert!(began.elapsed() < PROMPT, "{at}: took {:?}", began.elapsed());
    }
    println!("{counts:?}");
}
