//! Clients that leave, and builds that nobody wants any more.

use bd_tests::times::{now_ms, unix_ms};
use bd_tests::{Flag, Gate, ProcessTree, Sandbox, eventually};
use nix::sys::signal::Signal;
use std::fs;

/// Short, so that what ignores SIGTERM does not hold up the tests.
const SHORT_GRACE: &str = "stop_grace = \"200ms\"";

#[test]
fn one_of_two_leaves_and_the_other_gets_everything() {
    let sandbox = Sandbox::new();
    let gate = Gate::new(sandbox.outside(), "gate");
    let script = format!("echo first; {}; echo last; exit 3", gate.pass());
    let start =
        |session| sandbox.start(&["--join", "--session", session, "--", "sh", "-c", &script]);
    let leaver = start("agent:owner");
    sandbox.await_builds("running", 1);
    let (cancelled, stayer) = (start("agent:cancelled"), start("agent:stays"));
    sandbox.await_builds("running", 3);

    // Even the one whom it was started for.
    leaver.signal(Signal::SIGINT);
    assert_eq!(leaver.output().status.code(), Some(130));
    let id = sandbox.build_of("agent:cancelled")["id"].as_str().expect("an id").to_owned();
    let _ = sandbox.ok(&["cancel", &id]);
    assert_eq!(cancelled.output().status.code(), Some(143));
    sandbox.await_builds("running", 1);

    gate.open();
    let output = stayer.output();
    assert_eq!((output.status.code(), &*output.stdout), (Some(3), &b"first\nlast\n"[..]));
    for (session, status) in
        [("agent:owner", "cancelled"), ("agent:cancelled", "cancelled"), ("agent:stays", "failed")]
    {
        assert_eq!(sandbox.build_of(session)["outcome"]["status"], status);
    }
}

#[test]
fn when_the_last_one_leaves_the_whole_tree_goes() {
    let sandbox = Sandbox::new();
    let tree = ProcessTree::new(sandbox.outside(), "tree");
    let arguments = ["--join", "--", "sh", "-c", &tree.script()];
    let clients = [sandbox.start(&arguments), sandbox.start(&arguments)];
    sandbox.await_builds("running", 2);
    tree.await_start();
    let [one, other] = clients;
    one.signal(Signal::SIGINT);
    assert_eq!(one.output().status.code(), Some(130));
    assert_eq!(tree.alive().len(), 4, "somebody still wants it");
    other.signal(Signal::SIGTERM);
    assert_eq!(other.output().status.code(), Some(143));
    // The client ends when the build has, so there is nothing to wait for.
    assert_eq!(tree.alive(), []);
    for build in sandbox.history() {
        assert_eq!(build["outcome"]["status"], "cancelled", "{build}");
    }
}

#[test]
fn ctrl_c_ends_even_what_ignores_it() {
    let sandbox = Sandbox::with_config(SHORT_GRACE);
    let tree = ProcessTree::stubborn(sandbox.outside(), "tree");
    let client = sandbox.start(&["--", "sh", "-c", &tree.script()]);
    tree.await_start();
    client.signal(Signal::SIGINT);
    assert_eq!(client.output().status.code(), Some(130));
    assert_eq!(tree.alive(), []);
    let build = &sandbox.history()[0];
    assert_eq!(build["outcome"]["status"], "cancelled", "{build}");
    assert_eq!(build["outcome"]["signal"], Signal::SIGKILL as i32, "{build}");
}

#[test]
fn a_killed_client_has_withdrawn_within_a_second() {
    let sandbox = Sandbox::new();
    let tree = ProcessTree::new(sandbox.outside(), "tree");
    let talk = "(while :; do echo line; sleep 0.01; done) &";
    let script = format!("{talk} {}", tree.script());
    let mut client = sandbox.start(&["--", "sh", "-c", &script]);
    tree.await_start();
    assert_eq!(client.line(), "line");
    let killed_at = now_ms();
    client.signal(Signal::SIGKILL);
    client.0.wait().expect("its end");
    tree.assert_cancelled_within_a_second(&sandbox, killed_at);
}

#[test]
fn when_time_runs_out_the_whole_tree_goes() {
    let sandbox = Sandbox::new();
    let tree = ProcessTree::new(sandbox.outside(), "tree");
    let output = sandbox.run(&["run", "--timeout", "500ms", "--", "sh", "-c", &tree.script()]);
    assert_eq!(output.status.code(), Some(124), "{output:?}");
    assert_eq!(tree.alive(), []);
    let build = &sandbox.history()[0];
    assert_eq!(build["outcome"]["status"], "timed_out", "{build}");
    let took_ms = unix_ms(&build["ended_at"]) - unix_ms(&build["submitted_at"]);
    assert!(took_ms >= 500, "it was ended early, after {took_ms} ms");
}

#[test]
fn what_ignores_the_end_of_its_time_is_killed_after_the_grace() {
    let sandbox = Sandbox::with_config(SHORT_GRACE);
    let tree = ProcessTree::stubborn(sandbox.outside(), "tree");
    let output = sandbox.run(&["run", "--timeout", "500ms", "--", "sh", "-c", &tree.script()]);
    assert_eq!(output.status.code(), Some(124), "{output:?}");
    assert_eq!(tree.alive(), []);
    let build = &sandbox.history()[0];
    assert_eq!(build["outcome"]["status"], "timed_out", "{build}");
    assert_eq!(build["outcome"]["signal"], 9, "{build}");
    let took_ms = unix_ms(&build["ended_at"]) - unix_ms(&build["submitted_at"]);
    assert!(took_ms >= 700, "the grace was cut short: {took_ms} ms");
}

#[test]
fn a_command_has_its_grace_to_clean_up() {
    let sandbox = Sandbox::new();
    let never = Flag::new(sandbox.outside(), "never");
    let script = format!("trap 'echo cleaned >cleaned; exit 9' TERM; echo ready; {}", never.pass());
    let mut client = sandbox.start(&["--", "sh", "-c", &script]);
    assert_eq!(client.line(), "ready");
    client.signal(Signal::SIGINT);
    assert_eq!(client.output().status.code(), Some(130));
    let cleaned = fs::read_to_string(sandbox.workspace().join("cleaned"));
    assert_eq!(cleaned.expect("it cleaned up"), "cleaned\n");
}

#[test]
fn a_second_ctrl_c_does_not_wait_for_the_end() {
    let sandbox = Sandbox::with_config("stop_grace = \"2s\"");
    let (asked, never) =
        (Flag::new(sandbox.outside(), "asked"), Flag::new(sandbox.outside(), "never"));
    let script = format!("trap \"{}\" TERM; echo ready; {}", asked.raise_in_shell(), never.pass());
    let mut client = sandbox.start(&["--", "sh", "-c", &script]);
    assert_eq!(client.line(), "ready");
    client.signal(Signal::SIGINT);
    eventually("it was asked to end, and does not", || asked.is_up());
    client.signal(Signal::SIGINT);
    assert_eq!(client.output().status.code(), Some(130));
    assert_eq!(sandbox.live().len(), 1, "it has its grace");
    eventually("it is history", || sandbox.live().is_empty());
    let build = &sandbox.history()[0];
    assert_eq!(build["outcome"]["status"], "cancelled", "{build}");
    assert_eq!(build["outcome"]["signal"], Signal::SIGKILL as i32, "{build}");
}

#[test]
fn who_waits_no_longer_leaves_the_build_behind() {
    let sandbox = Sandbox::new();
    let gate = Gate::new(sandbox.outside(), "gate");
    let script = format!("{}; exit 7", gate.pass());
    let output = sandbox.run(&["run", "--wait", "200ms", "--", "sh", "-c", &script]);
    assert_eq!(output.status.code(), Some(124), "{output:?}");
    let id = sandbox.live()[0]["id"].as_str().expect("an id").to_owned();
    assert!(String::from_utf8_lossy(&output.stderr).contains(&id), "{output:?}");
    let waited = sandbox.run(&["wait", "--timeout", "50ms", &id]);
    assert_eq!(waited.status.code(), Some(124), "{waited:?}");
    let waiting = sandbox.spawn(sandbox.bdctl(["wait", &id]));
    gate.open();
    assert_eq!(waiting.output().status.code(), Some(7));
    // Also when it is over already.
    assert_eq!(sandbox.run(&["wait", &id]).status.code(), Some(7));
}

#[test]
fn a_detached_build_outlives_its_client() {
    let sandbox = Sandbox::new();
    let gate = Gate::new(sandbox.outside(), "gate");
    let script = format!("{}; touch done", gate.pass());
    let output = sandbox.run(&["run", "--detach", "--", "sh", "-c", &script]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let id = String::from_utf8(output.stdout).expect("UTF-8");
    assert_eq!((id.len(), id.as_bytes()[0], id.as_bytes()[12]), (13, b'b', b'\n'), "{id:?}");
    let live = sandbox.live();
    assert_eq!(live[0]["id"], id.trim());
    gate.open();
    assert_eq!(sandbox.run(&["wait", id.trim()]).status.code(), Some(0));
    assert!(sandbox.workspace().join("done").exists());
}

#[test]
fn cancel_answers_when_the_processes_are_gone_and_not_before() {
    let sandbox = Sandbox::with_config(SHORT_GRACE);
    let tree = ProcessTree::stubborn(sandbox.outside(), "tree");
    let id = sandbox.detach(&["--", "sh", "-c", &tree.script()]);
    tree.await_start();
    let said = sandbox.ok(&["cancel", &id]);
    assert_eq!(tree.alive(), []);
    assert!(said.contains(&id) && said.contains("cancelled"), "{said}");
    assert_eq!(sandbox.ended(&id)["outcome"]["status"], "cancelled");
    // Once more changes nothing.
    let _ = sandbox.run(&["cancel", &id]);
    assert_eq!(sandbox.ended(&id)["outcome"]["status"], "cancelled");
    let nobody = sandbox.run(&["cancel", "b00000000000"]);
    assert_eq!(nobody.status.code(), Some(125), "{nobody:?}");
    assert!(String::from_utf8_lossy(&nobody.stderr).contains("b00000000000"), "{nobody:?}");
}

#[test]
fn what_a_command_leaves_behind_goes_with_it() {
    let sandbox = Sandbox::new();
    let tree = ProcessTree::new(sandbox.outside(), "tree");
    // The command ends as soon as it has started the others.
    let last = sandbox.outside().join("tree/orphan");
    let script = format!(
        "({}) & until [ -e '{}' ]; do sleep 0.02; done; echo started; exit 5",
        tree.script(),
        last.display()
    );
    let output = sandbox.run(&["run", "--", "sh", "-c", &script]);
    assert_eq!((output.status.code(), &*output.stdout), (Some(5), &b"started\n"[..]));
    assert_eq!(tree.alive(), []);
}
