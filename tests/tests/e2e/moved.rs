//! Files that change while a build runs.

use bd_tests::{Flag, Gate, Sandbox};
use serde_json::json;
use std::fs;

#[test]
fn every_build_reports_which_inputs_moved_and_none_joins_any_more() {
    let sandbox = Sandbox::with_config("max_executions = 10");
    let source = sandbox.workspace().join("source.txt");
    fs::write(&source, "one").expect("a source");
    let (flag, runs) = (Flag::new(sandbox.outside(), "flag"), sandbox.outside().join("runs"));
    let script = format!("echo ran >>'{}'; {}", runs.display(), flag.pass());
    let start =
        |session| sandbox.start(&["--join", "--session", session, "--", "sh", "-c", &script]);
    let first = [start("agent:a"), start("agent:b")];
    sandbox.await_builds("running", 2);
    fs::write(&source, "two").expect("a change");
    fs::write(sandbox.workspace().join("new.txt"), "new").expect("a new file");
    let late = start("agent:late");
    sandbox.await_builds("running", 3);
    flag.raise();
    for client in first {
        let output = client.output();
        assert_eq!(output.status.code(), Some(0));
        let said = String::from_utf8(output.stderr).expect("UTF-8");
        assert!(said.contains("inputs moved while it ran: new.txt, source.txt;"), "{said}");
    }
    let said = String::from_utf8(late.output().stderr).expect("UTF-8");
    let apart = "not shared with b";
    assert!(said.contains(apart) && said.contains("new.txt, source.txt have changed"), "{said}");
    assert!(!said.contains("inputs moved"), "{said}");
    for session in ["agent:a", "agent:b"] {
        let moved = &sandbox.build_of(session)["outcome"]["inputs_moved"];
        assert_eq!(*moved, json!(["new.txt", "source.txt"]));
    }
    let late = sandbox.build_of("agent:late");
    assert!(late["joined"].is_null() && late["outcome"]["inputs_moved"].is_null(), "{late}");
    let again = start("agent:again").output();
    assert!(again.status.success());
    assert_eq!(fs::read_to_string(&runs).expect("runs").lines().count(), 3);
}

#[test]
fn a_removed_and_a_changed_back_input_have_moved_too() {
    let sandbox = Sandbox::new();
    for name in ["back", "gone", "kept"] {
        fs::write(sandbox.workspace().join(name), name).expect("a source");
    }
    let gate = Gate::new(sandbox.outside(), "gate");
    let client = sandbox.start(&["--join", "--", "sh", "-c", &gate.pass()]);
    sandbox.await_builds("running", 1);
    fs::remove_file(sandbox.workspace().join("gone")).expect("a removal");
    for text in ["other", "back"] {
        fs::write(sandbox.workspace().join("back"), text).expect("a change");
    }
    gate.open();
    assert!(client.output().status.success());
    assert_eq!(sandbox.history()[0]["outcome"]["inputs_moved"], json!(["back", "gone"]));
}

#[test]
fn what_is_ignored_does_not_count() {
    let sandbox = Sandbox::new();
    fs::write(sandbox.workspace().join(".gitignore"), "out/\n*.tmp\n").expect("rules");
    let flag = Flag::new(sandbox.outside(), "flag");
    let script = format!("mkdir -p out; date >out/result; date >x.tmp; {}", flag.pass());
    let arguments = ["--quiet", "--join", "--", "sh", "-c", &script];
    let first = sandbox.start(&arguments);
    sandbox.await_builds("running", 1);
    bd_tests::eventually("it wrote", || sandbox.workspace().join("x.tmp").exists());
    fs::write(sandbox.workspace().join("y.tmp"), "y").expect("an ignored file");
    let second = sandbox.start(&arguments);
    sandbox.await_builds("running", 2);
    flag.raise();
    for client in [first, second] {
        let output = client.output();
        assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    }
    let history = sandbox.history();
    assert_eq!(history[0]["execution"], history[1]["execution"]);
    assert!(history.iter().all(|build| build["outcome"]["inputs_moved"].is_null()), "{history:?}");
}
