//! What is left of a tree without its daemon or its supervisor.

use crate::kit::{STUBBORN_TREE, marked, shell, start, wait_until};
use bd_daemon::process::{CommandExit, kill_orphans};
use nix::sys::signal::{Signal, kill};
use std::io::Read as _;
use std::time::{Duration, Instant};

#[test]
fn a_daemon_that_dies_takes_the_tree_with_it() {
    // This process can not die for the test, so another one is the daemon: the test program
    // itself, which runs only the function below.
    let mut daemon = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "orphans::daemon_for_another_test", "--nocapture", "--include-ignored"])
        .env("PROCESS_TEST_DAEMON", "1")
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdout = std::io::BufReader::new(daemon.stdout.take().unwrap());
    let marker = std::iter::repeat_with(|| {
        let mut line = String::new();
        assert!(std::io::BufRead::read_line(&mut stdout, &mut line).unwrap() > 0, "it ended");
        line
    })
    .find_map(|line| Some(line.trim().split_once("marker ")?.1.to_owned()))
    .unwrap();
    assert!(marked(&marker).len() >= 5);
    daemon.kill().unwrap();
    daemon.wait().unwrap();
    let begun = Instant::now();
    wait_until("the tree of a dead daemon ends", || marked(&marker).is_empty());
    assert!(begun.elapsed() < Duration::from_secs(1));
}

#[test]
#[ignore = "the daemon that `a_daemon_that_dies_takes_the_tree_with_it` kills"]
fn daemon_for_another_test() {
    if std::env::var_os("PROCESS_TEST_DAEMON").is_none() {
        return;
    }
    let attempt = start(shell(STUBBORN_TREE));
    attempt.lines(4);
    println!("marker {}", attempt.marker);
    attempt.end();
}

#[test]
fn survivors_of_a_killed_supervisor_are_killed() {
    let attempt = start(shell(STUBBORN_TREE));
    let command = attempt.started();
    attempt.lines(4);
    let bystander = start(shell("echo ready; exec sleep 1000"));
    bystander.lines(1);
    kill(attempt.supervisor(command), Signal::SIGKILL).unwrap();
    assert_eq!(attempt.end().0.exit, CommandExit::SupervisorLost);
    // Not at once: a process that is just being replaced by another program shows no environment.
    wait_until("another attempt goes on", || !marked(&bystander.marker).is_empty());
    bystander.handle.stop(Duration::ZERO);
    bystander.end();
}

#[test]
fn orphans_with_the_marker_are_killed_and_nothing_else() {
    let orphan = |marker: &str| {
        let mut child = std::process::Command::new("setsid")
            .args(["bash", "-c", "trap '' TERM HUP; echo ready; while :; do sleep 1000; done"])
            .env("BD_ATTEMPT", marker)
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let mut ready = [0; 6];
        child.stdout.take().unwrap().read_exact(&mut ready).unwrap();
        child
    };
    let this = std::process::id();
    let (old, new) = (format!("old{this}/1"), format!("new{this}/1"));
    let (mut killed, mut kept) = (orphan(&old), orphan(&new));
    wait_until("the shell has its child", || marked(&old).len() == 2);
    assert_eq!(kill_orphans(|marker| marker.starts_with(&format!("old{this}/"))), 2);
    assert_eq!(marked(&old), [0; 0]);
    killed.wait().unwrap();
    assert!(kept.try_wait().unwrap().is_none());
    assert!(kill_orphans(|marker| marker == new) >= 1);
    kept.wait().unwrap();
}
