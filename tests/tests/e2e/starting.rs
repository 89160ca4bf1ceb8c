//! How daemons come to be.

use bd_tests::sandbox::alive;
use bd_tests::{Sandbox, eventually};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::os::unix::net::UnixListener;

#[test]
fn fifty_first_calls_start_one_daemon() {
    let sandbox = Sandbox::new();
    rush(&sandbox);
    assert_eq!(sandbox.daemons_started(), 1);
    let _ = sandbox.ok(&["daemon", "stop"]);
    rush(&sandbox);
    assert_eq!(sandbox.daemons_started(), 2);
}

#[test]
fn fifty_calls_after_a_crash_start_one_daemon() {
    let sandbox = Sandbox::new();
    let _ = sandbox.ok(&["status"]);
    for round in 2..4 {
        sandbox.kill_daemon();
        assert!(sandbox.socket().exists(), "a stale socket");
        rush(&sandbox);
        assert_eq!(sandbox.daemons_started(), round);
    }
}

#[test]
fn fifty_first_calls_replace_a_socket_that_nobody_listens_on() {
    let sandbox = Sandbox::new();
    for dir in [sandbox.home(), sandbox.home().join("run")] {
        fs::create_dir(&dir).expect("a directory");
        fs::set_permissions(&dir, fs::Permissions::from_mode(0o700)).expect("a private one");
    }
    drop(UnixListener::bind(sandbox.socket()).expect("a socket"));
    rush(&sandbox);
    assert_eq!(sandbox.daemons_started(), 1);
}

#[test]
fn fifty_builds_at_once_need_no_daemon_started_by_hand() {
    let sandbox = Sandbox::new();
    let clients: Vec<_> = (0..50).map(|_| sandbox.start(&["--join", "--", "echo", "hi"])).collect();
    for client in clients {
        let output = client.output();
        assert!(output.status.success() && output.stdout == b"hi\n", "{output:?}");
    }
    assert_eq!(sandbox.daemons_started(), 1);
    assert_eq!(sandbox.history().len(), 50);
}

#[test]
fn a_daemon_that_has_nothing_to_do_ends_and_one_that_works_does_not() {
    let sandbox = Sandbox::with_config("idle_exit = \"300ms\"");
    // Longer than the daemon would wait.
    let id = sandbox.detach(&["--", "sh", "-c", "sleep 1; exit 4"]);
    let pid = sandbox.daemon_pid();
    eventually("the daemon ends", || !alive(pid));
    let status = sandbox.json(&["daemon", "status"]);
    assert_eq!((&status["running"], &status["pid"]), (&Value::Bool(false), &Value::Null));
    let build = sandbox.ended(&id);
    assert_eq!((&build["outcome"]["exit_code"], sandbox.daemons_started()), (&4.into(), 2));
}

#[test]
fn a_restarted_daemon_is_another_one_with_the_same_history() {
    let sandbox = Sandbox::new();
    let _ = sandbox.ok(&["run", "--", "true"]);
    let (before, pid) = (sandbox.history(), sandbox.daemon_pid());
    let _ = sandbox.ok(&["daemon", "restart"]);
    assert_ne!(sandbox.daemon_pid(), pid);
    eventually("the old one is gone", || !alive(pid));
    assert_eq!(sandbox.history(), before);
    let _ = sandbox.ok(&["daemon", "stop"]);
    assert_eq!(sandbox.ok(&["daemon", "stop"]), "not running\n");
    let _ = sandbox.ok(&["daemon", "start"]);
    assert_eq!(sandbox.daemons_started(), 3);
}

#[test]
fn a_mistake_in_the_configuration_is_reported_with_file_and_key() {
    for (text, key) in [
        ("max_executoins = 3\n", "max_executoins"),
        ("stop_grace = \"soon\"\n", "stop_grace"),
        ("max_executions = \"many\"\n", "max_executions"),
        ("[output]\ntotal = \"3 GB\"\n", "output.total"),
        ("idle_exit = 300\n", "idle_exit"),
    ] {
        let sandbox = Sandbox::with_config(text);
        let output = sandbox.run(&["run", "--", "true"]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(125), "{text}: {said}");
        let file = sandbox.home().join("config.toml");
        assert!(said.contains(&file.display().to_string()), "{text}: {said}");
        assert!(said.contains(key), "{text}: {said}");
        // Mended, it starts.
        fs::write(file, "").expect("a configuration");
        let _ = sandbox.ok(&["run", "--", "true"]);
    }
}

#[test]
fn directories_that_others_can_reach_are_refused() {
    for (what, spoil) in [
        ("a link", linked as fn(&Sandbox)),
        ("a directory that all may write to", open_to_all),
        ("a runtime directory that all may write to", shared_by_all),
    ] {
        let sandbox = Sandbox::new();
        spoil(&sandbox);
        for arguments in [&["status"][..], &["run", "--", "true"], &["daemon", "start"]] {
            let output = sandbox.run(arguments);
            assert_eq!(output.status.code(), Some(125), "{what}: {output:?}");
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(said.contains(&sandbox.home().display().to_string()), "{what}: {said}");
            assert!(said.contains("hint: "), "{what}: {said}");
        }
        assert!(!sandbox.socket().exists(), "{what}: a daemon was started");
        // So that the end of the sandbox does not look for a daemon there.
        fs::rename(sandbox.home(), sandbox.outside().join("spoilt")).expect("out of the way");
    }
}

fn linked(sandbox: &Sandbox) {
    fs::create_dir(sandbox.outside().join("elsewhere")).expect("a directory");
    symlink(sandbox.outside().join("elsewhere"), sandbox.home()).expect("a link");
}

fn open_to_all(sandbox: &Sandbox) {
    fs::create_dir(sandbox.home()).expect("a directory");
    fs::set_permissions(sandbox.home(), fs::Permissions::from_mode(0o777)).expect("open");
}

fn shared_by_all(sandbox: &Sandbox) {
    fs::create_dir_all(sandbox.home().join("run")).expect("a directory");
    for (path, mode) in [(sandbox.home(), 0o700), (sandbox.home().join("run"), 0o777)] {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("a mode");
    }
}

/// Fifty clients at once; all must succeed, and have found the same daemon.
fn rush(sandbox: &Sandbox) {
    let clients: Vec<_> =
        (0..50).map(|_| sandbox.spawn(sandbox.bdctl(["status", "--json"]))).collect();
    let mut pids = BTreeSet::new();
    for client in clients {
        let output = client.output();
        assert!(output.status.success(), "{output:?}");
        let status: Value = serde_json::from_slice(&output.stdout).expect("a status");
        pids.insert(status["daemon"]["pid"].as_i64().expect("a pid"));
    }
    assert_eq!(pids, BTreeSet::from([sandbox.daemon_pid().as_raw().into()]));
}

#[test]
fn what_the_starter_ignores_and_lets_others_read_holds_for_nobody() {
    let sandbox = Sandbox::new();
    let bdctl = sandbox.bdctl::<&str>([]);
    let mut starter = std::process::Command::new("sh");
    starter.args(["-c", "trap '' CHLD; umask 000; exec \"$0\" status"]);
    starter.arg(bdctl.get_program()).env_clear();
    starter.envs(bdctl.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let started = starter.output().expect("a starter");
    assert!(started.status.success(), "{started:?}");
    let output = sandbox.run(&["run", "--", "sh", "-c", "true; exit 3"]);
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    let mut dirs = vec![sandbox.home()];
    let mut seen = 0;
    while let Some(dir) = dirs.pop() {
        for entry in fs::read_dir(&dir).expect("a directory") {
            let path = entry.expect("an entry").path();
            let Ok(found) = fs::symlink_metadata(&path) else { continue };
            if found.is_dir() {
                dirs.push(path.clone());
            }
            seen += 1;
            let open = found.permissions().mode() & 0o077;
            assert!(open == 0, "{} is open to others: {open:o}", path.display());
        }
    }
    assert!(seen > 5, "hardly a file: {seen}");
}

#[test]
fn a_restart_with_a_mistake_in_the_configuration_leaves_the_daemon_alone() {
    let sandbox = Sandbox::new();
    let flag = bd_tests::Flag::new(sandbox.outside(), "flag");
    let script = flag.pass();
    let build = sandbox.start(&["--", "sh", "-c", &script]);
    sandbox.await_builds("running", 1);
    std::fs::write(sandbox.home().join("config.toml"), "\nmax_executions = \"two\"\n")
        .expect("written");
    let output = sandbox.run(&["daemon", "restart"]);
    assert_eq!(output.status.code(), Some(125), "{output:?}");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("config.toml:2: max_executions"), "{said}");
    flag.raise();
    assert_eq!(build.output().status.code(), Some(0), "the build was ended");
    std::fs::write(sandbox.home().join("config.toml"), "max_executions = 2\n").expect("written");
    assert_eq!(sandbox.run(&["daemon", "restart"]).status.code(), Some(0));
}
