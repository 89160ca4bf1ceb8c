//! Nobody without a terminal is left without a word when a build ends for a reason that is not the
//! command's own, and an agent learns the id of what failed.

use bd_tests::{Sandbox, eventually};

/// The one line that the client of a build that was ended by others has printed.
fn last_words(sandbox: &Sandbox, end: impl FnOnce(&str)) -> (Option<i32>, String) {
    let client = sandbox.start(&["--", "sleep", "100"]);
    sandbox.await_builds("running", 1);
    let id = sandbox.live()[0]["id"].as_str().expect("an id").to_owned();
    end(&id);
    let output = client.output();
    let text = String::from_utf8(output.stderr).expect("UTF-8");
    assert!(text.contains(&id), "no id in: {text}");
    (output.status.code(), text)
}

#[test]
fn a_build_that_others_end_says_so_and_names_itself() {
    let sandbox = Sandbox::new();
    let (code, text) = last_words(&sandbox, |id| drop(sandbox.ok(&["cancel", id])));
    assert_eq!((code, text.contains("cancelled")), (Some(143), true), "{text}");
    let (code, text) = last_words(&sandbox, |_| drop(sandbox.ok(&["daemon", "stop"])));
    assert_eq!((code, text.contains("the daemon stopped")), (Some(125), true), "{text}");
}

#[test]
fn a_timeout_says_that_it_was_one() {
    let sandbox = Sandbox::new();
    let output = sandbox.run(&["run", "--timeout", "200ms", "--", "sleep", "100"]);
    assert_eq!(output.status.code(), Some(124));
    let text = String::from_utf8(output.stderr).expect("UTF-8");
    assert!(text.contains("--timeout"), "{text}");
}

#[test]
fn an_agent_learns_the_id_of_what_failed() {
    let sandbox = Sandbox::new();
    let failing = ["--", "sh", "-c", "echo err >&2; exit 3"];
    let agent = sandbox.run(&[&["run", "--session", "agent:a"][..], &failing].concat());
    let text = String::from_utf8(agent.stderr).expect("UTF-8");
    let id = sandbox.history()[0]["id"].as_str().expect("an id").to_owned();
    let (own, ours) = text.split_once('\n').expect("two lines");
    assert_eq!((agent.status.code(), own), (Some(3), "err"));
    assert!(ours.contains(&id) && ours.contains("exit 3"), "{ours}");
}

#[test]
fn without_an_id_the_workspace_is_what_is_meant() {
    let sandbox = Sandbox::new();
    let (mine, other) = (sandbox.workspace().join("mine"), sandbox.workspace().join("other"));
    for dir in [&mine, &other] {
        std::fs::create_dir_all(dir.join("src/.keep")).expect("directories");
        std::fs::write(dir.join("bd.toml"), "").expect("a root");
    }
    let at = |dir: &std::path::Path| dir.to_str().expect("UTF-8").to_owned();
    let _ = sandbox.ok(&["run", "--cwd", &at(&mine), "--", "echo", "mine"]);
    let _ = sandbox.ok(&["run", "--cwd", &at(&other), "--", "echo", "other"]);
    let in_dir = |dir: &std::path::Path, arguments: &[&str]| {
        let mut command = sandbox.bdctl(arguments);
        command.current_dir(dir).output().expect("bdctl runs")
    };
    let logs = in_dir(&mine.join("src"), &["logs"]);
    assert_eq!(logs.stdout, b"mine\n", "{logs:?}");
    assert_eq!(in_dir(&mine, &["logs", "--all"]).stdout, b"other\n");
    let explained = String::from_utf8(in_dir(&mine, &["explain"]).stdout).expect("UTF-8");
    assert!(explained.contains("echo mine"), "{explained}");
    let none = sandbox.workspace().join("none");
    std::fs::create_dir(&none).expect("a directory");
    std::fs::write(none.join("bd.toml"), "").expect("a root");
    let nothing = in_dir(&none, &["logs"]);
    assert_eq!(nothing.status.code(), Some(125), "{nothing:?}");
    assert!(String::from_utf8_lossy(&nothing.stderr).contains("--all"), "{nothing:?}");
    eventually("no build is left", || sandbox.live().is_empty());
}
