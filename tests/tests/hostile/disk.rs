//! A home on a disk that is full, or read-only. The disk is a small one in memory, mounted where
//! nobody else sees it.

use bd_tests::reexec::{self, OWN_MOUNTS};
use bd_tests::{Sandbox, eventually};
use serde_json::Value;
use std::fs::{self, DirBuilder, File};
use std::io::Write as _;
use std::os::unix::fs::DirBuilderExt as _;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

/// No command may take longer because the disk is full.
const PROMPT: Duration = Duration::from_secs(10);

/// Whether this is the test that was to be run where it may mount.
fn may_mount(test: &str) -> bool {
    if reexec::argument(test).is_some() {
        return true;
    }
    let program = std::env::current_exe().expect("a path of the test");
    if let Some(said) = reexec::run(test, &OWN_MOUNTS, &program, "") {
        println!("{said}");
    }
    false
}

/// A sandbox whose home is a disk of its own.
struct SmallDisk {
    sandbox: Sandbox,
}

impl SmallDisk {
    fn new(options: &str) -> Self {
        let disk = Self { sandbox: Sandbox::new() };
        DirBuilder::new().mode(0o700).create(disk.sandbox.home()).expect("a home");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("mode=0700,{options}"), "bd-test"])
            .arg(disk.sandbox.home())
            .status();
        assert!(mounted.expect("mount starts").success());
        disk
    }

    fn remount(&self, options: &str) {
        // A daemon that ended a moment ago may still have its log open.
        eventually(&format!("remounted {options}"), || {
            let mounted = Command::new("mount")
                .args(["-o", &format!("remount,{options}")])
                .arg(self.sandbox.home())
                .output();
            mounted.expect("mount starts").status.success()
        });
    }

    /// Takes all the space there is.
    fn fill(&self) {
        let mut ballast = File::create(self.sandbox.home().join("ballast")).expect("a file");
        while ballast.write(&[0; 4096]).is_ok() {}
    }

    fn free(&self) {
        fs::remove_file(self.sandbox.home().join("ballast")).expect("a file to remove");
    }

    /// bdctl, which answers promptly.
    fn bdctl(&self, arguments: &[&str]) -> Output {
        let began = Instant::now();
        let output = self.sandbox.run(arguments);
        assert!(began.elapsed() < PROMPT, "{arguments:?} took {:?}", began.elapsed());
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(!stderr.contains("panicked"), "{arguments:?}: {stderr}");
        output
    }

    /// A build that works as if nothing had been.
    fn works(&self, word: &str) {
        let output = self.bdctl(&["run", "--quiet", "--", "echo", word]);
        assert_eq!(output.stdout, format!("{word}\n").into_bytes(), "{output:?}");
        assert_eq!(output.status.code(), Some(0), "{output:?}");
    }

    /// What the builds in the history echoed, newest first, once there is a history.
    fn words(&self) -> Vec<String> {
        let mut history = Value::Null;
        eventually("there is a history", || {
            let output = self.bdctl(&["history", "--all", "--limit", "10000", "--json"]);
            history = serde_json::from_slice(&output.stdout).unwrap_or_default();
            output.status.success()
        });
        let builds = history["builds"].as_array().expect("builds");
        builds.iter().filter_map(|build| build["command"][1].as_str().map(str::to_owned)).collect()
    }

    /// No part of the daemon has panicked.
    fn no_panic(&self) {
        let logs = bd_tests::daemon_probe::logs(&self.sandbox);
        assert!(!logs.to_lowercase().contains("panic"), "{logs}");
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = self.sandbox.run(&["daemon", "stop"]);
        let _ = Command::new("umount").arg("--lazy").arg(self.sandbox.home()).status();
    }
}

/// A failure of bdctl that names the full disk and says what to do.
fn assert_names_the_disk(disk: &SmallDisk, output: &Output, words: &str) {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(125), "{output:?}");
    assert!(stderr.contains(words), "{stderr}");
    assert!(stderr.contains(disk.sandbox.home().to_str().expect("UTF-8")), "{stderr}");
    assert!(stderr.contains("\nhint: "), "{stderr}");
}

#[test]
fn on_a_full_disk_no_daemon_starts_and_the_disk_is_named() {
    if !may_mount("disk::on_a_full_disk_no_daemon_starts_and_the_disk_is_named") {
        return;
    }
    let disk = SmallDisk::new("size=1m");
    disk.fill();
    for arguments in [&["run", "--", "true"][..], &["status"], &["daemon", "start"]] {
        let output = disk.bdctl(arguments);
        assert_names_the_disk(&disk, &output, "No space left on device");
    }
    disk.free();
    disk.works("first");
    assert_eq!(disk.words(), ["first"]);
    disk.no_panic();
}

#[test]
fn a_disk_without_inodes_is_named() {
    if !may_mount("disk::a_disk_without_inodes_is_named") {
        return;
    }
    let disk = SmallDisk::new("size=1m,nr_inodes=3");
    let output = disk.bdctl(&["run", "--", "true"]);
    assert_names_the_disk(&disk, &output, "No space left on device");
    disk.remount("nr_inodes=1000");
    disk.works("first");
    disk.no_panic();
}

#[test]
fn a_daemon_that_starts_on_a_full_disk_after_an_earlier_one_loses_nothing() {
    if !may_mount("disk::a_daemon_that_starts_on_a_full_disk_after_an_earlier_one_loses_nothing") {
        return;
    }
    let disk = SmallDisk::new("size=1m");
    disk.works("before");
    assert_eq!(disk.words(), ["before"]);
    let _ = disk.sandbox.ok(&["daemon", "stop"]);
    disk.fill();
    let output = disk.bdctl(&["run", "--", "echo", "meanwhile"]);
    match output.status.code() {
        // It could not start, or it ran and said what was lost.
        Some(125) => assert_names_the_disk(&disk, &output, "No space left on device"),
        code => {
            assert_eq!(code, Some(0), "{output:?}");
            assert!(!output.stderr.is_empty(), "{output:?}");
        }
    }
    disk.free();
    disk.works("after");
    assert_eq!(disk.words(), ["after", "before"]);
    disk.no_panic();
}

#[test]
fn a_killed_daemon_leaves_a_history_that_a_full_disk_does_not_ruin() {
    if !may_mount("disk::a_killed_daemon_leaves_a_history_that_a_full_disk_does_not_ruin") {
        return;
    }
    let disk = SmallDisk::new("size=1m");
    disk.works("before");
    assert_eq!(disk.words(), ["before"]);
    // Asked a second time: what was written before the first question is on the disk by then.
    assert_eq!(disk.words(), ["before"]);
    disk.sandbox.kill_daemon();
    disk.fill();
    for _ in 0..3 {
        let _ = disk.bdctl(&["run", "--", "echo", "meanwhile"]);
        let _ = disk.bdctl(&["status"]);
    }
    disk.free();
    disk.works("after");
    let words = disk.words();
    let warnings = disk.sandbox.json(&["status"])["daemon"]["warnings"].clone();
    assert_eq!(words.first().map(String::as_str), Some("after"), "{words:?} {warnings}");
    assert_eq!(words.last().map(String::as_str), Some("before"), "{words:?} {warnings}");
    disk.no_panic();
}

#[test]
fn a_disk_that_fills_while_the_daemon_runs_costs_output_and_history_only_for_that_time() {
    if !may_mount(
        "disk::a_disk_that_fills_while_the_daemon_runs_costs_output_and_history_only_for_that_time",
    ) {
        return;
    }
    let disk = SmallDisk::new("size=1m");
    disk.works("before");
    assert_eq!(disk.words(), ["before"]);
    let daemon = disk.sandbox.daemon_pid();
    disk.fill();
    // More builds than fit what the store has in reserve.
    let long = "word".repeat(500);
    for _ in 0..50 {
        let output = disk.bdctl(&["run", "--", "sh", "-c", "echo meanwhile; exit 3", &long]);
        assert_eq!(output.status.code(), Some(3), "{output:?}");
        if output.stdout != b"meanwhile\n" {
            let stderr = String::from_utf8_lossy(&output.stderr);
            assert!(stderr.contains("lost: "), "lost without a word: {output:?}");
        }
    }
    eventually("the operator is warned", || {
        let warnings = disk.sandbox.json(&["status"])["daemon"]["warnings"].to_string();
        warnings.contains("No space left on device")
    });
    let store = disk.sandbox.json(&["status"])["store"].clone();
    assert_eq!(store["state"], "degraded", "{store}");
    assert!(store["unsaved_builds"].as_u64().is_some_and(|builds| builds > 0), "{store}");
    assert!(store["since"].is_string(), "{store}");
    assert!(store["message"].as_str().is_some_and(|text| text.contains("No space")), "{store}");
    let listed = disk.words().iter().filter(|word| *word == "-c").count();
    assert_eq!(listed, 50, "builds that are not saved are missing from the history");
    disk.free();
    eventually("the store is written again, without another build", || {
        disk.sandbox.json(&["status"])["store"]["state"] == "ok"
    });
    let store = disk.sandbox.json(&["status"])["store"].clone();
    assert_eq!(store["unsaved_builds"], 0, "{store}");
    disk.works("after");
    assert_eq!(disk.sandbox.daemon_pid(), daemon, "another daemon");
    eventually("history is kept again", || {
        disk.works("again");
        let history = disk.bdctl(&["history", "--all"]);
        String::from_utf8_lossy(&history.stdout).contains("again")
    });
    assert!(disk.words().contains(&"before".to_owned()));
    let _ = disk.sandbox.ok(&["daemon", "stop"]);
    // And the next daemon finds it whole.
    let words = disk.words();
    assert_eq!(words.first().map(String::as_str), Some("again"), "{words:?}");
    assert_eq!(words.last().map(String::as_str), Some("before"), "{words:?}");
    let warnings = disk.sandbox.json(&["status"])["daemon"]["warnings"].clone();
    assert_eq!(warnings, serde_json::json!([]), "the store was set aside");
    disk.no_panic();
}

#[test]
fn output_larger_than_the_disk_neither_stalls_nor_ends_its_build() {
    if !may_mount("disk::output_larger_than_the_disk_neither_stalls_nor_ends_its_build") {
        return;
    }
    const BYTES: u64 = 50_000_000;
    let disk = SmallDisk::new("size=4m");
    disk.works("before");
    let script = format!("head -c {BYTES} /dev/zero; echo told >&2; exit 3");
    let output = disk.bdctl(&["run", "--", "sh", "-c", &script]);
    assert_eq!(output.status.code(), Some(3));
    let stderr = String::from_utf8_lossy(&output.stderr);
    let arrived = output.stdout.len() as u64;
    assert_eq!(arrived, BYTES, "who follows a build gets all of it: {stderr}");
    assert!(stderr.contains("told\n"), "{stderr}");
    // What could not be kept is counted, and the reason is shown.
    assert!(stderr.contains("No space left on device"), "{stderr}");
    // Whoever comes later sees it as well.
    let logs = disk.bdctl(&["logs"]);
    assert!((logs.stdout.len() as u64) < BYTES, "a disk of 4 MB holds 50");
    let build = disk.sandbox.history()[0].clone();
    assert_eq!(build["outcome"]["exit_code"], 3, "{build}");
    assert!(
        build["outcome"]["message"].as_str().is_some_and(|text| text.contains("could not be kept"))
    );
    fs::remove_dir_all(disk.sandbox.home().join("state/output")).expect("made room");
    disk.works("after");
    assert_eq!(disk.words().first().map(String::as_str), Some("after"));
    assert_eq!(disk.words().last().map(String::as_str), Some("before"));
    disk.no_panic();
}

#[test]
fn on_a_read_only_disk_no_daemon_starts_and_the_path_is_named() {
    if !may_mount("disk::on_a_read_only_disk_no_daemon_starts_and_the_path_is_named") {
        return;
    }
    let disk = SmallDisk::new("size=1m");
    disk.remount("ro");
    // Nothing is there, and nothing can be made.
    assert_names_the_disk(&disk, &disk.bdctl(&["run", "--", "true"]), "Read-only file system");
    disk.remount("rw");
    disk.works("before");
    let _ = disk.sandbox.ok(&["daemon", "stop"]);
    disk.remount("ro");
    for arguments in [&["run", "--", "true"][..], &["status"], &["daemon", "start"]] {
        assert_names_the_disk(&disk, &disk.bdctl(arguments), "Read-only file system");
    }
    disk.remount("rw");
    disk.works("after");
    assert_eq!(disk.words(), ["after", "before"]);
    disk.no_panic();
}
