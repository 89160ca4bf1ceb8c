//! How daemons end, and what becomes of what they were doing.

use bd_tests::sandbox::alive;
use bd_tests::{Flag, ProcessTree, Sandbox, eventually};
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;
use std::fs;
use std::time::{Duration, Instant};

/// The product's own promises.
const STOP_MOST: Duration = Duration::from_secs(5);
const ORPHANS_MOST: Duration = Duration::from_secs(1);

#[test]
fn a_killed_daemon_leaves_nobody_behind() {
    let sandbox = Sandbox::new();
    let (tree, id) = working(&sandbox);
    let pid = sandbox.daemon_pid();
    let killed = Instant::now();
    kill(pid, Signal::SIGKILL).expect("a daemon to kill");
    tree.await_end();
    assert!(killed.elapsed() < ORPHANS_MOST, "{:?}", killed.elapsed());
    is_interrupted(&sandbox, &id, pid);
}

#[test]
fn a_daemon_killed_with_its_whole_group_leaves_nobody_behind() {
    let sandbox = Sandbox::new();
    let (tree, id) = working(&sandbox);
    let pid = sandbox.daemon_pid();
    let killed = Instant::now();
    killpg(pid, Signal::SIGKILL).expect("a group to kill");
    tree.await_end();
    assert!(killed.elapsed() < ORPHANS_MOST, "{:?}", killed.elapsed());
    is_interrupted(&sandbox, &id, pid);
}

#[test]
fn what_outlives_a_daemon_and_its_supervisors_is_swept_by_the_next_one() {
    let sandbox = Sandbox::new();
    let (tree, id) = working(&sandbox);
    let pid = sandbox.daemon_pid();
    // Stopped, it cannot notice that its supervisor is gone.
    kill(pid, Signal::SIGSTOP).expect("a daemon to stop");
    for supervisor in children(pid) {
        kill(supervisor, Signal::SIGKILL).expect("a supervisor to kill");
        eventually("the supervisor is gone", || !alive(supervisor));
    }
    kill(pid, Signal::SIGKILL).expect("a daemon to kill");
    eventually("the daemon is gone", || !alive(pid));
    assert!(!tree.alive().is_empty(), "nothing to sweep: this test shows nothing");
    let _ = sandbox.ok(&["status"]);
    let restarted = Instant::now();
    tree.await_end();
    assert!(restarted.elapsed() < ORPHANS_MOST, "{:?}", restarted.elapsed());
    is_interrupted(&sandbox, &id, pid);
}

#[test]
fn a_killed_supervisor_takes_its_build_along_and_nothing_else() {
    let sandbox = Sandbox::new();
    let (tree, id) = working(&sandbox);
    let pid = sandbox.daemon_pid();
    for supervisor in children(pid) {
        kill(supervisor, Signal::SIGKILL).expect("a supervisor to kill");
    }
    tree.await_end();
    let build = sandbox.ended(&id);
    assert_eq!(build["outcome"]["status"], "error", "{build}");
    assert_eq!(sandbox.run(&["wait", &id]).status.code(), Some(125));
    assert_eq!(sandbox.daemon_pid(), pid);
    let _ = sandbox.ok(&["run", "--", "true"]);
}

#[test]
fn a_client_of_a_killed_daemon_says_so() {
    let sandbox = Sandbox::new();
    let tree = ProcessTree::new(sandbox.outside(), "tree");
    let client = sandbox.start(&["--", "sh", "-c", &tree.script()]);
    tree.await_start();
    sandbox.kill_daemon();
    let output = client.output();
    assert_eq!(output.status.code(), Some(125), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("daemon"), "{output:?}");
    tree.await_end();
}

#[test]
fn sigterm_drains_within_five_seconds() {
    let sandbox = Sandbox::with_config("max_executions = 1");
    let tree = ProcessTree::stubborn(sandbox.outside(), "tree");
    let running = sandbox.start(&["--session", "agent:running", "--", "sh", "-c", &tree.script()]);
    tree.await_start();
    let waiting = sandbox.start(&["--session", "agent:waiting", "--", "touch", "ran"]);
    sandbox.await_builds("waiting", 1);
    let (pid, asked) = (sandbox.daemon_pid(), Instant::now());
    kill(pid, Signal::SIGTERM).expect("a daemon to end");
    eventually("the daemon is gone", || !alive(pid));
    assert!(asked.elapsed() <= STOP_MOST, "{:?}", asked.elapsed());
    assert_eq!(tree.alive(), []);
    for client in [running, waiting] {
        let output = client.output();
        assert_eq!(output.status.code(), Some(125), "{output:?}");
    }
    assert!(!sandbox.workspace().join("ran").exists());
    let interrupted = sandbox.build_of("agent:running");
    assert_eq!(interrupted["outcome"]["status"], "interrupted", "{interrupted}");
    let not_run = sandbox.build_of("agent:waiting");
    assert_eq!(not_run["outcome"]["status"], "not_run", "{not_run}");
    assert!(not_run["started_at"].is_null(), "{not_run}");
}

#[test]
fn a_daemon_whose_state_was_deleted_beneath_it_still_ends() {
    let sandbox = Sandbox::new();
    // So many that what is known of them goes into files of their own.
    for file in 0..2000 {
        fs::write(sandbox.workspace().join(format!("file{file}")), "x").expect("a file");
    }
    assert!(sandbox.json(&["changes"])["clock"].is_string());
    let pid = sandbox.daemon_pid();
    fs::remove_dir_all(sandbox.home().join("state")).expect("a removal");
    let asked = Instant::now();
    kill(pid, Signal::SIGTERM).expect("a daemon to end");
    eventually("the daemon is gone", || !alive(pid));
    assert!(asked.elapsed() <= STOP_MOST, "{:?}", asked.elapsed());
    assert_eq!(sandbox.json(&["ws", "info"])["files"], 2000);
}

#[test]
fn what_runs_when_the_daemon_is_asked_to_end_has_its_grace() {
    let sandbox = Sandbox::new();
    let never = Flag::new(sandbox.outside(), "never");
    let script = format!("trap 'echo cleaned; exit 9' TERM; echo ready; {}", never.pass());
    let mut client = sandbox.start(&["--", "sh", "-c", &script]);
    assert_eq!(client.line(), "ready");
    assert_eq!(sandbox.ok(&["daemon", "stop"]), "stopped\n");
    let output = client.output();
    assert_eq!((output.status.code(), &*output.stdout), (Some(125), &b"cleaned\n"[..]));
    assert_eq!(sandbox.history()[0]["outcome"]["status"], "interrupted");
}

#[test]
fn stop_ends_even_a_daemon_that_does_not_move_within_five_seconds() {
    let sandbox = Sandbox::new();
    let (tree, id) = working(&sandbox);
    let pid = sandbox.daemon_pid();
    kill(pid, Signal::SIGSTOP).expect("a daemon to stop");
    let asked = Instant::now();
    let said = sandbox.ok(&["daemon", "stop"]);
    assert!(asked.elapsed() <= STOP_MOST, "{:?}", asked.elapsed());
    assert!(said.starts_with("killed"), "{said}");
    eventually("the daemon is gone", || !alive(pid));
    tree.await_end();
    is_interrupted(&sandbox, &id, pid);
}

#[test]
fn a_daemon_that_was_stopped_for_a_while_goes_on_and_loses_nothing() {
    let sandbox = Sandbox::new();
    let (half, all) = (Flag::new(sandbox.outside(), "half"), Flag::new(sandbox.outside(), "all"));
    // The first part fits into pipes that nobody reads, so the command gets past it.
    let script = format!(
        "echo first; {}; seq 1 5000; {}; seq 5001 60000; exit 6",
        half.pass(),
        all.raise_in_shell()
    );
    let mut client = sandbox.start(&["--", "sh", "-c", &script]);
    assert_eq!(client.line(), "first");
    let pid = sandbox.daemon_pid();
    kill(pid, Signal::SIGSTOP).expect("a daemon to stop");
    half.raise();
    eventually("the command goes on meanwhile", || all.is_up());
    kill(pid, Signal::SIGCONT).expect("a daemon to continue");
    let output = client.output();
    let expected: String = (1..=60_000).map(|n| format!("{n}\n")).collect();
    assert!(output.stdout == expected.as_bytes(), "{} bytes came", output.stdout.len());
    assert_eq!(output.status.code(), Some(6));
    assert_eq!(sandbox.daemon_pid(), pid);
}

/// A process tree at work, and its build, which is on disk.
fn working(sandbox: &Sandbox) -> (ProcessTree, String) {
    let tree = ProcessTree::new(sandbox.outside(), "tree");
    let id = sandbox.detach(&["--", "sh", "-c", &tree.script()]);
    tree.await_start();
    eventually("it runs, in history", || sandbox.history()[0]["state"] == "running");
    // What one question was answered from has been written when the next one is.
    let _ = sandbox.history();
    (tree, id)
}

/// The next daemon knows what became of it, and works.
fn is_interrupted(sandbox: &Sandbox, id: &str, old: Pid) {
    let build = sandbox.ended(id);
    assert_eq!(build["outcome"]["status"], "interrupted", "{build}");
    assert_eq!(sandbox.run(&["wait", id]).status.code(), Some(125));
    assert_eq!(sandbox.ok(&["run", "--", "echo", "works"]), "works\n");
    assert_ne!(sandbox.daemon_pid(), old);
    assert_eq!(sandbox.live(), [] as [serde_json::Value; 0]);
}

fn children(of: Pid) -> Vec<Pid> {
    let tasks = fs::read_dir(format!("/proc/{of}/task")).expect("a living process");
    let lists = tasks.map(|task| {
        fs::read_to_string(task.expect("a thread").path().join("children")).expect("its children")
    });
    let found: Vec<_> = lists
        .flat_map(|list| list.split(' ').filter_map(|pid| pid.parse().ok()).collect::<Vec<_>>())
        .map(Pid::from_raw)
        .collect();
    assert!(!found.is_empty(), "{of} has no children");
    found
}
