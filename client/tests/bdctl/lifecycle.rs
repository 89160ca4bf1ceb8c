//! Starting, replacing and stopping daemons.

use crate::fake::{Fake, Place, Script};
use crate::{document, stderr};
use bd_protocol::Failure;
use bd_protocol::rendezvous::Home;
use bd_protocol::service::{BdRequest, BdResponse, DaemonStatus, Status};
use std::fs::{self, File};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixListener;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

fn old(idle: bool) -> Script {
    Script { version: "0.0.1".into(), idle, ..Script::default() }
}

/// A program to be started as the daemon.
fn program(place: &Place, text: &str) -> String {
    let path = place.dir.path().join("bdd");
    fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path.to_str().unwrap().to_owned()
}

/// Set for the process that plays the daemon.
const PLAY_DAEMON: &str = "BD_TEST_PLAY_DAEMON";

/// What `bdd` does, as far as the start protocol goes. Run as a process by the tests below, with
/// the listening socket as standard input; does nothing otherwise.
#[test]
fn daemon_from_stdin() {
    if std::env::var_os(PLAY_DAEMON).is_none() {
        return;
    }
    let home = Home::from_env().unwrap();
    let lock = File::options().write(true).open(home.daemon_lock()).unwrap();
    lock.try_lock().expect("a second daemon was started");
    let listener = std::io::stdin().as_fd().try_clone_to_owned().unwrap();
    let answer = |request| match request {
        BdRequest::Status {} => Ok(BdResponse::Status(Ok(Status {
            daemon: DaemonStatus {
                pid: std::process::id(),
                version: "0.1.0".into(),
                started_at: "2026-11-21T06:00:00Z".into(),
                uptime_ms: 1,
                rss_bytes: 1,
                max_executions: 1,
                warnings: Vec::new(),
            },
            workspaces: Vec::new(),
            builds: Vec::new(),
            store: None,
        }))),
        _ => Err(Failure::internal("only status")),
    };
    let script = Script { answer: Arc::new(answer), ..Script::default() };
    let fake = Fake::serve(UnixListener::from(listener), Some(home.socket()), script);
    fake.wait_for_end(Duration::from_secs(60));
}

/// A daemon program that notes each start.
fn startable(place: &Place) -> String {
    let starts = place.dir.path().join("starts");
    let own = std::env::current_exe().unwrap();
    let text = format!(
        "echo start >> '{}'\nexec env {PLAY_DAEMON}=1 '{}' --exact lifecycle::daemon_from_stdin --nocapture",
        starts.display(),
        own.display()
    );
    program(place, &text)
}

#[test]
fn fifty_first_calls_start_one_daemon_and_all_succeed() {
    let place = Place::new();
    let bdd = startable(&place);
    // A stale socket is in the way.
    drop(UnixListener::bind(place.home.socket()).unwrap());
    let status = || {
        let mut command = place.bdctl(&["status", "--json"]);
        command.env_remove("BD_NO_AUTOSTART").env("BD_DAEMON", &bdd);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let clients: Vec<_> = (0..50).map(|_| status()).collect();
    let mut pids = Vec::new();
    for client in clients {
        let output = client.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        pids.push(document(&output)["daemon"]["pid"].as_u64().unwrap());
    }
    pids.dedup();
    assert_eq!(pids.len(), 1);
    assert_eq!(fs::read_to_string(place.dir.path().join("starts")).unwrap(), "start\n");
    assert_eq!(place.run(&["daemon", "stop"]).stdout, b"stopped\n");
    assert_eq!(place.run(&["daemon", "stop"]).stdout, b"not running\n");
}

#[test]
fn without_a_daemon_and_without_leave_to_start_one_there_is_a_clear_error() {
    let place = Place::new();
    let output = place.run(&["status"]);
    assert_eq!(output.status.code(), Some(125));
    assert!(stderr(&output).contains("BD_NO_AUTOSTART"), "{}", stderr(&output));
    let daemon = document(&place.run(&["daemon", "status", "--json"]));
    assert_eq!(daemon["schema"], "bd.daemon/1");
    assert_eq!((&daemon["running"], daemon["pid"].is_null()), (&false.into(), true));
}

#[test]
fn a_program_that_is_missing_or_fails_is_named() {
    let place = Place::new();
    let start = |bdd: &str| {
        let mut command = place.bdctl(&["status"]);
        let output = command.env_remove("BD_NO_AUTOSTART").env("BD_DAEMON", bdd).output().unwrap();
        assert_eq!(output.status.code(), Some(125));
        stderr(&output)
    };
    let text = start("/nowhere/bdd");
    assert!(text.contains("BD_DAEMON=/nowhere/bdd") && text.contains("hint: "), "{text}");
    let text = start(&program(&place, "echo the disk is full >&2\nexit 3"));
    assert!(text.contains("the disk is full") && text.contains("exit status: 3"), "{text}");
}

#[test]
fn an_older_idle_daemon_is_replaced_and_an_older_busy_one_is_used() {
    let place = Place::new();
    let fake = Fake::start(&place, old(true));
    let mut command = place.bdctl(&["status", "--json"]);
    command.env_remove("BD_NO_AUTOSTART").env("BD_DAEMON", startable(&place));
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(fake.wait_for_end(Duration::ZERO));
    assert!(fake.heard().iter().any(|heard| heard == r#"{"bd":"shutdown","when":"idle"}"#));
    assert_eq!(place.run(&["daemon", "stop"]).stdout, b"stopped\n");

    let place = Place::new();
    let _fake = Fake::start(&place, old(false));
    let output = place.run(&["history"]);
    assert_eq!(output.status.code(), Some(0));
    assert!(stderr(&output).contains("the daemon is older (0.0.1)"), "{}", stderr(&output));
}

#[test]
fn a_daemon_of_another_protocol_is_told_with_what_to_do() {
    let mismatch = Some(Failure::user("protocol_mismatch", "no protocol version in common"));
    for (version, busy, part) in [("9.0.0", false, "upgrade bdctl"), ("0.0.1", true, "daemon stop")]
    {
        let place = Place::new();
        let script =
            Script { version: version.into(), refuse: mismatch.clone(), busy, ..Script::default() };
        let _fake = Fake::start(&place, script);
        let mut command = place.bdctl(&["status"]);
        let output = command.env_remove("BD_NO_AUTOSTART").output().unwrap();
        assert_eq!(output.status.code(), Some(125));
        assert!(stderr(&output).contains(part), "{version}: {}", stderr(&output));
    }
}

#[test]
fn a_daemon_that_never_answers_is_killed_within_five_seconds() {
    let place = Place::new();
    let lock = File::create(place.home.daemon_lock()).unwrap();
    lock.lock().unwrap();
    // A process that holds the lock through its standard input, and nothing else.
    let held = OwnedFd::from(lock.try_clone().unwrap());
    let mut child = Command::new("sleep").arg("60").stdin(Stdio::from(held)).spawn().unwrap();
    fs::write(place.home.daemon_lock(), format!("{}\n", child.id())).unwrap();
    drop(lock);
    let _deaf = UnixListener::bind(place.home.socket()).unwrap();
    let began = Instant::now();
    let output = place.run(&["daemon", "stop"]);
    let took = began.elapsed();
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(String::from_utf8_lossy(&output.stdout).starts_with("killed"));
    assert!(took < Duration::from_secs(5), "{took:?}");
    assert!(!child.wait().unwrap().success());
    assert!(stderr(&output).contains("waiting for the daemon"));
}
