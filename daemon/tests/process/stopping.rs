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

#[test]
fn a_filter_that_is_still_writing_finishes() {
    // It takes far longer than what a silent leftover is given, and pauses before its first line.
    let script = "exec > >(sleep 0.4; while read -r line; do sleep 0.06; echo \"> $line\"; done); \
                  seq 10; exit 3";
    let (ended, stdout, _) = run(shell(script));
    let expected: String = (1..=10).map(|number| format!("> {number}\n")).collect();
    assert_eq!(ended.exit, CommandExit::Code(3));
    assert_eq!(String::from_utf8_lossy(&stdout), expected);
    assert_eq!(ended.cut_off, None);
    assert!(ended.duration < Duration::from_millis(400), "the filter's time does not count");
}

#[test]
fn filters_of_errors_and_chains_of_them_finish() {
    let script = "exec 2> >(sleep 0.3; sed 's/^/e /' >&2) > >(sort -r | (sleep 0.4; cat)); \
                  echo 1; echo 2; echo 3 >&2";
    let (ended, stdout, stderr) = run(shell(script));
    assert_eq!(String::from_utf8_lossy(&stdout), "2\n1\n");
    assert_eq!(String::from_utf8_lossy(&stderr), "e 3\n");
    assert_eq!(ended.cut_off, None);
}

#[test]
fn what_writes_on_in_the_background_finishes_too() {
    let script = "(for n in $(seq 40); do echo $n; sleep 0.01; done) & echo main";
    let (ended, stdout, _) = run(shell(script));
    let lines = stdout.split(|&byte| byte == b'\n').count() - 1;
    assert_eq!((lines, ended.cut_off), (41, None));
}

#[test]
fn what_never_stops_writing_is_killed_and_named() {
    let attempt = start(shell("(while echo on; do sleep 0.02; done) & echo main"));
    let begun = Instant::now();
    let (ended, _, _) = attempt.end();
    assert!((Duration::from_secs(9)..Duration::from_secs(20)).contains(&begun.elapsed()));
    assert_eq!(ended.exit, CommandExit::Code(0));
    let cut_off = ended.cut_off.expect("it says so");
    assert!(cut_off.contains("bash") && cut_off.contains("still writing"), "{cut_off}");
}

#[test]
fn what_does_not_write_ends_soon_whatever_it_holds_open() {
    for script in [
        "sleep 1000 & echo x",
        "sleep 1000 | cat & echo x",
        "exec 3>&1; (sleep 1000; echo y >&3) & echo x",
        "mkfifo $0.$$; (sleep 1000 <>$0.$$) & rm $0.$$; echo x",
    ] {
        let dir = tempfile::tempdir().unwrap();
        let mut launch = shell(script);
        launch.argv.push(dir.path().join("pipe").into());
        let attempt = start(launch);
        let begun = Instant::now();
        let (ended, stdout, _) = attempt.end();
        assert_eq!((stdout.as_slice(), ended.cut_off), (b"x\n".as_slice(), None), "{script}");
        assert!(begun.elapsed() < Duration::from_millis(1500), "{script}: {:?}", begun.elapsed());
    }
}
