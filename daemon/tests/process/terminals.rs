//! Commands with a terminal.

use crate::kit::{shell, start};
use bd_daemon::process::{CommandExit, TerminalSize};
use std::io::Write as _;

#[test]
fn a_terminal_is_one_and_has_its_size() {
    let script = "for f in 0 1 2; do test -t $f && echo tty; done; stty size; \
                  trap 'stty size; exit' WINCH; echo ready; while :; do sleep 0.01; done";
    let mut launch = shell(script);
    launch.terminal = Some(TerminalSize { rows: 30, columns: 100 });
    let attempt = start(launch);
    assert_eq!(attempt.lines(5), ["tty", "tty", "tty", "30 100", "ready"]);
    attempt.handle.resize(TerminalSize { rows: 31, columns: 101 });
    let (ended, stdout, stderr) = attempt.end();
    assert_eq!(ended.exit, CommandExit::Code(0));
    assert!(String::from_utf8(stdout).unwrap().ends_with("ready\r\n31 101\r\n"));
    assert_eq!(stderr, b"");
}

#[test]
fn what_is_typed_into_a_terminal_is_read_up_to_its_end() {
    let mut launch = shell("stty -echo; echo ready; cat; echo end");
    launch.terminal = Some(TerminalSize { rows: 30, columns: 100 });
    let (input, mut typist) = std::io::pipe().unwrap();
    launch.stdin = Some(input.into());
    let attempt = start(launch);
    attempt.lines(1);
    typist.write_all(b"one\ntwo\nhalf").unwrap();
    drop(typist);
    let (ended, stdout, _) = attempt.end();
    assert_eq!(ended.exit, CommandExit::Code(0));
    assert_eq!(String::from_utf8(stdout).unwrap(), "ready\r\none\r\ntwo\r\nhalfend\r\n");
}

#[test]
fn control_c_in_a_terminal_reaches_the_foreground() {
    let mut launch = shell("echo ready; sleep 1000");
    launch.terminal = Some(TerminalSize { rows: 30, columns: 100 });
    let (input, mut typist) = std::io::pipe().unwrap();
    launch.stdin = Some(input.into());
    let attempt = start(launch);
    attempt.lines(1);
    typist.write_all(b"\x03").unwrap();
    assert_eq!(attempt.end().0.exit, CommandExit::Signal(2));
}
