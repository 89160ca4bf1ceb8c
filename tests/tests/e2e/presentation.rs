//! What becomes of a command's output on its way to a client: its order where both streams are one
//! file, and colours where somebody sees them.

use bd_tests::{Flag, Gate, Sandbox};
use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::pty::OpenptyResult;
use std::fs::File;
use std::process::{Command, Stdio};

/// Alternates between its two outputs.
const ALTERNATING: &str =
    "n=0; while [ $n -lt 300 ]; do echo out $n; echo err $n >&2; n=$((n+1)); done";

/// Red where it is told to use colours.
const COLOURED: &str = "if [ -n \"$CLICOLOR_FORCE\" ]; then printf '\\033[31mred\\033[0m\\n'; \
                        printf '\\033[1merr\\033[0m\\n' >&2; else echo red; echo err >&2; fi";

/// Both streams of the command into one file; what is in it at the end.
fn into_one_file(sandbox: &Sandbox, mut command: Command, name: &str) -> String {
    let path = sandbox.outside().join(name);
    let file = File::create(&path).expect("a file");
    command.stdout(file.try_clone().expect("a descriptor")).stderr(file);
    assert!(command.status().expect("bdctl runs").success());
    std::fs::read_to_string(path).expect("the file")
}

#[test]
fn in_one_file_the_order_is_that_of_the_command() {
    let sandbox = Sandbox::new();
    let expected: String = (0..300).map(|n| format!("out {n}\nerr {n}\n")).collect();
    for shared in ["--join", "--no-join"] {
        let command = sandbox.bdctl(["run", shared, "--", "sh", "-c", ALTERNATING]);
        assert_eq!(into_one_file(&sandbox, command, shared), expected);
    }
    let build = &sandbox.history()[0];
    assert_eq!(build["one_stream"], true, "{build}");
    assert_eq!(sandbox.ok(&["logs"]), expected);
    assert_eq!(sandbox.ok(&["logs", "--stderr"]), expected, "they cannot be told apart");
    assert_eq!(sandbox.ok(&["logs", "--grep", "err 7$"]), "err 7\n");

    // Two files, or none that keeps an order, are two streams.
    let output = sandbox.run(&["run", "--", "sh", "-c", "echo out; echo err >&2"]);
    assert_eq!((&*output.stdout, &*output.stderr), (&b"out\n"[..], &b"err\n"[..]));
    let mut command = sandbox.bdctl(["run", "--", "sh", "-c", "echo out; echo err >&2"]);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    assert!(command.status().expect("bdctl runs").success());
    assert_eq!(sandbox.run(&["logs", "--stderr"]).stderr, b"err\n");
}

#[test]
fn who_has_two_files_joins_what_has_two_streams_and_comes_after_what_has_one() {
    let sandbox = Sandbox::new();
    let gate = Flag::new(sandbox.outside(), "flag");
    let script = format!("echo out; echo err >&2; {}", gate.pass());
    let arguments = ["run", "--quiet", "--join", "--", "sh", "-c", &script];
    let one = |name: &str| {
        let file = File::create(sandbox.outside().join(name)).expect("a file");
        let mut command = sandbox.bdctl(arguments);
        command.stdout(file.try_clone().expect("a descriptor")).stderr(file);
        command.spawn().expect("bdctl starts")
    };
    let mut first = one("first");
    sandbox.await_builds("running", 1);
    let apart = sandbox.spawn(sandbox.bdctl(arguments));
    sandbox.await_builds("waiting", 1);
    let waiting = sandbox.live();
    let waits = waiting.iter().find(|build| build["state"] == "waiting").expect("one waits");
    let detail = waits["wait"]["detail"].as_str().expect("a reason");
    assert!(detail.contains("in one stream"), "{detail}");
    let mut second = one("second");
    sandbox.await_builds("running", 2);
    gate.raise();
    assert!(first.wait().expect("bdctl ends").success());
    assert!(second.wait().expect("bdctl ends").success());
    let output = apart.output();
    assert_eq!((&*output.stdout, &*output.stderr), (&b"out\n"[..], &b"err\n"[..]));
    for name in ["first", "second"] {
        let text = std::fs::read_to_string(sandbox.outside().join(name)).expect("the file");
        assert_eq!(text, "out\nerr\n");
    }
}

/// A terminal that no other process inherits.
fn terminal() -> OpenptyResult {
    let terminal = nix::pty::openpty(None, None).expect("a terminal");
    for end in [&terminal.master, &terminal.slave] {
        fcntl(end, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC)).expect("a descriptor");
    }
    terminal
}

/// bdctl, whose standard output and standard error are one terminal; what it showed.
fn on_a_terminal(mut command: Command) -> String {
    let terminal = terminal();
    let own = || Stdio::from(terminal.slave.try_clone().expect("a descriptor"));
    command.env("TERM", "xterm").stdout(own()).stderr(own());
    let mut client = command.spawn().expect("bdctl starts");
    drop(command);
    drop(terminal.slave);
    let mut shown = Vec::new();
    assert!(client.wait().expect("bdctl ends").success());
    // What it showed fits the terminal. At its end, a terminal reports an error.
    let _ = std::io::Read::read_to_end(&mut File::from(terminal.master), &mut shown);
    String::from_utf8(shown).expect("UTF-8")
}

#[test]
fn colours_come_to_terminals_and_to_nobody_else() {
    let sandbox = Sandbox::new();
    let run = || sandbox.bdctl(["run", "--quiet", "--join", "--", "sh", "-c", COLOURED]);
    let shown = on_a_terminal(run());
    assert!(shown.contains("\x1b[31mred\x1b[0m"), "{shown:?}");
    assert!(shown.contains("\x1b[1merr\x1b[0m"), "{shown:?}");
    assert_eq!(sandbox.history()[0]["colored"], true);
    assert_eq!(sandbox.ok(&["logs", "--stdout"]), "red\n", "a pipe has none");
    assert_eq!(sandbox.ok(&["logs", "--grep", "^red$"]), "red\n");
    assert_eq!(sandbox.json(&["logs"])["stdout"], "red\n");
    let grep = on_a_terminal(sandbox.bdctl(["logs", "--grep", "^red$"]));
    assert_eq!(grep, "red\r\n");
    let logs = on_a_terminal(sandbox.bdctl(["logs"]));
    assert!(logs.contains("\x1b[31mred\x1b[0m"), "{logs:?}");

    for (name, value) in [("NO_COLOR", "1"), ("BD_SESSION", "agent:a"), ("TERM", "dumb")] {
        let mut command = run();
        command.env(name, value);
        let shown = if name == "TERM" {
            let mut command = sandbox.bdctl(["run", "--quiet", "--", "env", "TERM=dumb", "true"]);
            command.env(name, value);
            on_a_terminal(command)
        } else {
            on_a_terminal(command)
        };
        assert!(!shown.contains('\x1b'), "{name}: {shown:?}");
    }
    assert_eq!(sandbox.ok(&["run", "--join", "--", "sh", "-c", COLOURED]), "red\n");
    // What a command writes by itself is its own.
    let own = "printf '\\033[31mred\\n'";
    assert_eq!(sandbox.ok(&["run", "--", "sh", "-c", own]), "\x1b[31mred\n");
}

#[test]
fn colours_keep_nobody_apart() {
    let sandbox = Sandbox::new();
    let gate = Gate::new(sandbox.outside(), "gate");
    let script = format!("{COLOURED}; {}", gate.pass());
    let arguments = ["run", "--quiet", "--join", "--", "sh", "-c", &script];
    let terminal = terminal();
    let mut person = sandbox.bdctl(arguments);
    person.stdout(terminal.slave.try_clone().expect("a descriptor"));
    person.env("TERM", "xterm").stderr(terminal.slave);
    let mut person = person.spawn().expect("bdctl starts");
    sandbox.await_builds("running", 1);
    let piped = sandbox.spawn(sandbox.bdctl(arguments));
    sandbox.await_builds("running", 2);
    gate.open();
    let output = piped.output();
    assert_eq!((&*output.stdout, &*output.stderr), (&b"red\n"[..], &b"err\n"[..]));
    assert!(person.wait().expect("bdctl ends").success());
    assert_eq!(sandbox.history().iter().filter(|build| !build["joined"].is_null()).count(), 1);
}

#[test]
fn a_build_inside_a_coloured_one_is_the_same_work_and_coloured_too() {
    let sandbox = Sandbox::new();
    let inner = sandbox.bdctl(["run", "--quiet", "--join", "--", "sh", "-c", COLOURED]);
    let script =
        format!("\"$BDCTL\" run --quiet --join -- sh -c '{}'", COLOURED.replace('\'', "'\\''"));
    let mut outer = sandbox.bdctl(["run", "--quiet", "--", "sh", "-c", &script]);
    outer.env("BDCTL", inner.get_program());
    let shown = on_a_terminal(outer);
    assert!(shown.contains("\x1b[31mred\x1b[0m"), "{shown:?}");
    let explained = |command: &mut Command| {
        let output = command.output().expect("bdctl runs").stdout;
        let document: serde_json::Value = serde_json::from_slice(&output).expect("JSON");
        document["action_digest"].as_str().expect("a digest").to_owned()
    };
    let explain = || sandbox.bdctl(["explain", "--json", "--", "make"]);
    let inside = [("BD_COLORED", "CLICOLOR_FORCE,PY_COLORS"), ("CLICOLOR_FORCE", "1")];
    assert_eq!(explained(&mut explain()), explained(explain().envs(inside)));
}

#[test]
fn characters_are_whole_in_lines_of_events() {
    let sandbox = Sandbox::new();
    let gate = Gate::new(sandbox.outside(), "gate");
    let script = format!("printf 'a\\342\\202'; sleep 0.1; {}; printf '\\254b\\n'", gate.pass());
    let client = sandbox.start(&["--events", "--", "sh", "-c", &script]);
    sandbox.await_builds("running", 1);
    gate.open();
    let output = String::from_utf8(client.output().stdout).expect("UTF-8");
    assert!(!output.contains("base64"), "{output}");
    let lines = output.lines().map(|line| serde_json::from_str(line).expect("JSON"));
    let text: String = lines
        .filter(|line: &serde_json::Value| line["event"] == "stdout")
        .map(|line| line["text"].as_str().expect("text").to_owned())
        .collect();
    assert_eq!(text, "a€b\n");
}
