//! Commands that are stopped, and what they leave behind.

use crate::kit::{STUBBORN_TREE, run, shell, start};
use bd_daemon::process::CommandExit;
use std::time::{Duration, Instant};

#[test]
fn a_stop_leaves_nothing_of_a_tree_that_does_not_want_to_go() {
    let attempt = start(shell(STUBBORN_TREE));
    attempt.lines(4);
    attempt.handle.stop(Duration::from_millis(100));
    assert_eq!(attempt.end().0.exit, CommandExit::Signal(9));
}

#[test]
fn a_stop_gives_the_grace_and_is_over_when_the_tree_is() {
    let attempt =
        start(shell("trap 'echo bye; exit 5' TERM; echo ready; while :; do sleep 0.01; done"));
    attempt.lines(1);
    attempt.handle.stop(Duration::from_secs(3600));
    let (ended, stdout, _) = attempt.end();
    assert_eq!(ended.exit, CommandExit::Code(5));
    assert_eq!(stdout, b"ready\nbye\n");
}

#[test]
fn a_second_stop_shortens_the_grace() {
    let attempt = start(shell("trap '' TERM; echo ready; while :; do sleep 1000; done"));
    attempt.lines(1);
    attempt.handle.stop(Duration::from_secs(3600));
    attempt.handle.stop(Duration::ZERO);
    assert_eq!(attempt.end().0.exit, CommandExit::Signal(9));
}

#[test]
fn a_storm_of_forks_is_stopped() {
    // Processes that fork and exit all the time, in sessions of their own; bounded, in case.
    let storm = r#"
        trap '' TERM
        fork() { [ $1 -gt 0 ] && { (trap '' TERM; fork $(($1 - 1))) & (fork $(($1 - 1))) & } ; sleep 1000; }
        fork 5 &
        chain() { [ $1 -gt 0 ] && (chain $(($1 - 1)) &) ; }
        setsid bash -c "$(declare -f chain); chain 2000" &
        echo ready
        fork 4"#;
    let attempt = start(shell(storm));
    attempt.lines(1);
    attempt.handle.stop(Duration::ZERO);
    assert_eq!(attempt.end().0.exit, CommandExit::Signal(9));
}

#[test]
fn what_a_command_leaves_behind_is_ended() {
    let script = "setsid bash -c 'trap \"\" TERM; echo ready; while :; do sleep 1000; done' & \
                  (sleep 1000 &) ; read -r line < <(sleep 0.05; echo x); exit 4";
    let attempt = start(shell(script));
    let begun = Instant::now();
    let (ended, stdout, _) = attempt.end();
    assert_eq!((ended.exit, stdout.as_slice()), (CommandExit::Code(4), b"ready\n".as_slice()));
    assert!(begun.elapsed() < Duration::from_secs(5));
    assert!(ended.duration < begun.elapsed(), "what was left behind does not count");
}

#[test]
fn what_only_finishes_writing_is_not_disturbed() {
    let (ended, stdout, _) = run(shell("exec > >(sleep 0.03; sed 's/^/> /'); echo line"));
    assert_eq!((ended.exit, stdout.as_slice()), (CommandExit::Code(0), b"> line\n".as_slice()));
}
