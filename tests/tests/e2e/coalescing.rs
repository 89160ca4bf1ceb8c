//! Who shares an execution with whom, and what each gets of it.

use bd_tests::rng::Rng;
use bd_tests::{Flag, Gate, Sandbox, eventually};
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

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
    assert_eq!(fs::read_to_string(runs).expect("it ran"), "ran\n");
    let joined = sandbox.history().iter().filter(|build| !build["joined"].is_null()).count();
    assert_eq!(joined, 19);
}

#[test]
fn whoever_joins_late_gets_everything_from_the_first_byte() {
    let sandbox = Sandbox::new();
    let (gate, printed) =
        (Gate::new(sandbox.outside(), "gate"), Flag::new(sandbox.outside(), "printed"));
    let mut rng = Rng::new(7);
    let bytes: Vec<u8> = (0..(1 << 20) / 8).flat_map(|_| rng.bits().to_le_bytes()).collect();
    let file = sandbox.outside().join("bytes");
    fs::write(&file, &bytes).expect("a file to print");
    let script = format!(
        "cat '{0}'; tail -c 1000 '{0}' >&2; {1}; {2}; echo last",
        file.display(),
        printed.raise_in_shell(),
        gate.pass()
    );
    let arguments = ["--quiet", "--join", "--", "sh", "-c", &script];
    let early = sandbox.start(&arguments);
    eventually("most is printed", || printed.is_up());
    let late = sandbox.start(&arguments);
    sandbox.await_builds("running", 2);
    gate.open();
    let expected = [&bytes[..], b"last\n"].concat();
    for client in [early, late] {
        let output = client.output();
        assert!(output.stdout == expected, "{} bytes came", output.stdout.len());
        assert_eq!(output.stderr, &bytes[bytes.len() - 1000..]);
    }
    assert_eq!(executions(&sandbox.history()), 1);
}

#[test]
fn what_can_change_the_result_is_not_shared_and_what_cannot_is() {
    let sandbox = Sandbox::with_config("max_executions = 10");
    fs::create_dir(sandbox.workspace().join("sub")).expect("a directory");
    let flag = Flag::new(sandbox.outside(), "flag");
    let script = flag.pass();
    let base = ["run", "--join", "--", "sh", "-c", &script];

    let first = sandbox.spawn(sandbox.bdctl(base));
    sandbox.await_builds("running", 1);
    let mut same = Vec::new();
    let path = std::env::var("PATH").expect("a path");
    for (name, value) in [
        ("TERM", "xterm"),
        ("BD_SESSION", "agent:a1"),
        ("STARSHIP_SESSION_KEY", "17"),
        ("GIT_EDITOR", "true"),
        ("PATH", &format!("{path}:{path}")),
    ] {
        let mut command = sandbox.bdctl(base);
        command.env(name, value);
        same.push(sandbox.spawn(command));
    }
    sandbox.await_builds("running", 6);
    assert_eq!(executions(&sandbox.live()), 1);

    let mut other = Vec::new();
    for (name, value) in [("RUSTFLAGS", "-O"), ("MY_FLAVOUR", "mint"), ("COLUMNS", "40")] {
        let mut command = sandbox.bdctl(base);
        command.env(name, value);
        other.push(sandbox.spawn(command));
    }
    other.push(sandbox.start(&["--join", "--env", "MY_FLAVOUR=", "--", "sh", "-c", &script]));
    other.push(sandbox.start(&["--join", "--cwd", "sub", "--", "sh", "-c", &script]));
    other.push(sandbox.start(&["--join", "--", "sh", "-c", &script, "argument"]));
    other.push(sandbox.start(&["--join", "--", "sh", "-ec", &script]));
    sandbox.await_builds("running", 13);
    assert_eq!(executions(&sandbox.live()), 8);

    flag.raise();
    for client in [vec![first], same, other].into_iter().flatten() {
        assert!(client.output().status.success());
    }
}

#[test]
fn a_changed_file_makes_another_build_of_it_and_so_does_one_that_was_changed_back() {
    let sandbox = Sandbox::with_config("max_executions = 10");
    let source = sandbox.workspace().join("source");
    fs::write(&source, "one").expect("a source");
    let flag = Flag::new(sandbox.outside(), "flag");
    let script = flag.pass();
    let arguments = ["--join", "--", "sh", "-c", &script];

    let first = sandbox.start(&arguments);
    sandbox.await_builds("running", 1);
    fs::write(&source, "two").expect("a change");
    let second = sandbox.start(&arguments);
    sandbox.await_builds("running", 2);
    assert_eq!(executions(&sandbox.live()), 2);
    fs::write(&source, "one").expect("a change back");
    let third = sandbox.start(&arguments);
    sandbox.await_builds("running", 3);
    assert_eq!(executions(&sandbox.live()), 3);
    // And when nothing changes any more, they share again.
    let fourth = sandbox.start(&arguments);
    sandbox.await_builds("running", 4);
    assert_eq!(executions(&sandbox.live()), 3);

    flag.raise();
    for client in [first, second, third, fourth] {
        assert!(client.output().status.success());
    }
}

#[test]
fn a_change_back_between_two_requests_that_nobody_saw_is_noticed() {
    let sandbox = Sandbox::with_config("max_executions = 10");
    let source = sandbox.workspace().join("source");
    fs::write(&source, "one").expect("a source");
    let flag = Flag::new(sandbox.outside(), "flag");
    let script = flag.pass();
    let arguments = ["--join", "--", "sh", "-c", &script];
    let first = sandbox.start(&arguments);
    sandbox.await_builds("running", 1);
    fs::write(&source, "two").expect("a change");
    fs::write(&source, "one").expect("a change back");
    let second = sandbox.start(&arguments);
    sandbox.await_builds("running", 2);
    assert_eq!(executions(&sandbox.live()), 2);
    flag.raise();
    for client in [first, second] {
        assert!(client.output().status.success());
    }
}

#[test]
fn what_is_no_known_build_runs_as_often_as_it_is_asked() {
    let sandbox = Sandbox::new();
    let (flag, runs) = (Flag::new(sandbox.outside(), "flag"), sandbox.outside().join("runs"));
    let deploy = program(&sandbox.workspace(), "deploy.sh", &counting(&flag, &runs));
    let clients = [sandbox.start(&["--", "./deploy.sh"]), sandbox.start(&["--", "./deploy.sh"])];
    sandbox.await_builds("running", 2);
    assert_eq!(executions(&sandbox.live()), 2);
    flag.raise();
    for client in clients {
        assert!(client.output().status.success());
    }
    assert_eq!(fs::read_to_string(&runs).expect("runs").lines().count(), 2, "{deploy:?}");
    let joined = sandbox.history().iter().filter(|build| !build["joined"].is_null()).count();
    assert_eq!(joined, 0);
}

#[test]
fn known_tools_share_unless_somebody_says_no() {
    let sandbox = Sandbox::with_config("max_executions = 10");
    let (flag, runs) = (Flag::new(sandbox.outside(), "flag"), sandbox.outside().join("runs"));
    let tools = sandbox.outside().join("tools");
    fs::create_dir(&tools).expect("a directory");
    program(&tools, "cargo", &counting(&flag, &runs));
    let start = |option: Option<&str>| {
        let words = ["run"].into_iter().chain(option).chain(["--", "cargo", "check"]);
        let mut command = sandbox.bdctl(words);
        let path = std::env::var("PATH").expect("a path");
        command.env("PATH", format!("{}:{path}", tools.display()));
        sandbox.spawn(command)
    };
    let alone = start(Some("--no-join"));
    sandbox.await_builds("running", 1);
    let shared = [start(None), start(None)];
    sandbox.await_builds("running", 3);
    assert_eq!(executions(&sandbox.live()), 2, "two share, and not with the first");
    let again = start(Some("--no-join"));
    sandbox.await_builds("running", 4);
    assert_eq!(executions(&sandbox.live()), 3);
    flag.raise();
    for client in [alone, again].into_iter().chain(shared) {
        assert!(client.output().status.success());
    }
    assert_eq!(fs::read_to_string(&runs).expect("runs").lines().count(), 3);
}

#[test]
fn the_real_cargo_checks_a_real_project_once_for_two() {
    let sandbox = Sandbox::new();
    let gate = Gate::new(sandbox.outside(), "gate");
    let project = sandbox.workspace();
    fs::create_dir(project.join("src")).expect("a directory");
    let build = format!(
        "fn main() {{\n    println!(\"cargo::rerun-if-changed=build.rs\");\n    \
         std::fs::read({:?}).unwrap();\n}}\n",
        sandbox.outside().join("gate")
    );
    // Exactly as cargo writes it, or it would be written anew while the build runs.
    let lock = "# This file is automatically @generated by Cargo.\n# It is not intended for manual \
                editing.\nversion = 4\n\n[[package]]\nname = \"tiny\"\nversion = \"0.1.0\"\n";
    for (path, text) in [
        (".gitignore", "/target\n"),
        ("Cargo.toml", "[package]\nname = \"tiny\"\nversion = \"0.1.0\"\nedition = \"2021\"\n"),
        ("Cargo.lock", lock),
        ("build.rs", &build),
        ("src/lib.rs", "pub fn answer() -> u32 {\n    42\n}\n"),
    ] {
        fs::write(project.join(path), text).expect(path);
    }
    let check = || sandbox.start(&["--", "cargo", "check", "--offline"]);
    let clients = [check(), check()];
    sandbox.await_builds("running", 2);
    gate.open();
    for client in clients {
        let output = client.output();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
        assert!(said.contains("Compiling tiny") && said.contains("Finished"), "{said}");
    }
    let history = sandbox.history();
    assert_eq!(executions(&history), 1);
    assert!(history.iter().all(|build| build["outcome"]["inputs_moved"].is_null()), "{history:?}");
    // It is a build of its own the next time, and fresh.
    let again = check().output();
    assert!(!String::from_utf8_lossy(&again.stderr).contains("Compiling"), "{again:?}");
    assert_eq!(executions(&sandbox.history()), 2);
}

/// How many executions these builds have.
fn executions(builds: &[serde_json::Value]) -> usize {
    let ids: BTreeSet<_> = builds.iter().map(|build| build["execution"].as_str()).collect();
    assert!(!ids.contains(&None), "a build without an execution: {builds:?}");
    ids.len()
}

/// A script that counts its runs and waits for a flag.
fn counting(flag: &Flag, runs: &Path) -> String {
    format!("echo ran >>'{}'; {}", runs.display(), flag.pass())
}

fn program(dir: &Path, name: &str, script: &str) -> PathBuf {
    let path = dir.join(name);
    fs::write(&path, format!("#!/bin/sh\n{script}\n")).expect("a script");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("a program");
    path
}
