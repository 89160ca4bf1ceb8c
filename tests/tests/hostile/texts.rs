//! Text of others on its way to a terminal: names of directories, arguments, sessions and ids that would
//! steer it, forge a line, or turn what is read around.

use bd_tests::Sandbox;
use std::fs;
use std::process::Output;

/// Sets a title, rings, forges a line, moves the cursor, and turns the direction around.
const EVIL: &str = "e\x1b]0;P\x07\nhint: forged\u{9b}2J\u{202e}x";

#[track_caller]
fn is_harmless(what: &str, output: &Output) {
    for bytes in [&output.stdout, &output.stderr] {
        let text = String::from_utf8_lossy(bytes);
        let steers = |c: char| c != '\n' && bd_protocol::shown::is_unseen(c);
        assert!(!text.contains(steers), "{what}: {text:?}");
        assert!(!text.contains("\nhint: forged"), "{what}: {text}");
    }
}

#[test]
fn whatever_is_quoted_steers_no_terminal_and_forges_no_line() {
    let sandbox = Sandbox::new();
    let dir = sandbox.outside().join(EVIL);
    fs::create_dir_all(dir.join(".git")).expect("a directory");
    fs::write(dir.join(".gitignore"), "[\n").expect("a file");
    let dir = dir.to_str().expect("UTF-8");
    let failing = sandbox.run(&["run", "--cwd", dir, "--", "sh", "-c", "exit 1", EVIL]);
    is_harmless("run", &failing);
    let long = sandbox.detach(&["--session", "agent:\u{202e}\u{2066}x", "--", "sleep", "600"]);
    for words in [
        &["cancel", EVIL][..],
        &["wait", EVIL],
        &["logs", EVIL],
        &["explain", EVIL],
        &["run", "--session", EVIL, "--", "true"],
        &["run", "--cwd", EVIL, "--", "true"],
        &["run", "--wait", EVIL, "--", "true"],
        &["run", "--", EVIL],
        &["changes", "--since", EVIL],
        &["changes", EVIL],
        &["changes", dir],
        &["history", "--all"],
        &["history", "--all", "--json"],
        &["status"],
        &["status", "--json"],
        &["ws", "list"],
        &["ws", "info", dir],
        &["ws", "info", EVIL],
        &["ws", "digest", "--on", EVIL],
        &["state", "verify", dir],
        &["explain", "--all"],
        &["explain", "--", "sh", EVIL],
        &["cancel", EVIL, EVIL],
        &["ws", "remove", dir],
        &[EVIL],
        &["cancel", &long],
        &["daemon", "logs"],
    ] {
        is_harmless(&format!("{words:?}"), &sandbox.run(words));
    }
    let log = sandbox.daemon_log();
    assert!(!log.contains(|c| c != '\n' && bd_protocol::shown::is_unseen(c)), "{log}");
}
