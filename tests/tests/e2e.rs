//! The real binaries, end to end: what a person at a terminal sees.

use bd_tests::{Gate, Sandbox};

#[test]
fn output_and_exit_code_are_the_commands_own() {
    let sandbox = Sandbox::new();
    let output = sandbox.run(&["run", "--", "sh", "-c", "echo out; echo err >&2; exit 3"]);
    assert_eq!(output.status.code(), Some(3));
    assert_eq!(output.stdout, b"out\n");
    assert!(output.stderr.starts_with(b"err\n"), "{output:?}");
}

#[test]
fn twenty_clients_share_one_execution_and_each_gets_all_of_it() {
    let sandbox = Sandbox::new();
    let gate = Gate::new(sandbox.outside(), "gate");
    let runs = sandbox.outside().join("runs");
    let script = format!("echo ran >>'{}'; echo first; {}; echo last", runs.display(), gate.pass());
    let arguments = ["--join", "--", "sh", "-c", &script];
    let clients: Vec<_> = (0..20).map(|_| sandbox.start(&arguments)).collect();
    sandbox.await_builds("running", 20);
    gate.open();
    for client in clients {
        let output = client.output();
        assert_eq!(output.stdout, b"first\nlast\n", "{output:?}");
        assert_eq!(output.status.code(), Some(0));
    }
    assert_eq!(std::fs::read_to_string(runs).expect("it ran"), "ran\n");
    let joined = sandbox.history().iter().filter(|build| !build["joined"].is_null()).count();
    assert_eq!(joined, 19);
}
