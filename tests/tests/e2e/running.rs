//! What a command gets from its client, and the client from the command.

use bd_tests::{Sandbox, eventually};
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};

#[test]
fn output_and_exit_code_are_the_commands_own() {
    let sandbox = Sandbox::new();
    let output = sandbox.run(&["run", "--", "sh", "-c", "echo out; echo err >&2; exit 3"]);
    assert_eq!(output.status.code(), Some(3));
    assert_eq!(output.stdout, b"out\n");
    assert_eq!(output.stderr, b"err\n");
}

#[test]
fn every_byte_comes_as_it_was_written_and_nothing_is_added() {
    let sandbox = Sandbox::new();
    let bytes: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    fs::write(sandbox.outside().join("bytes"), &bytes).expect("a file to print");
    let script = "cat ../bytes; head -c 1000 ../bytes >&2; printf 'no newline'";
    let output = sandbox.run(&["run", "--", "sh", "-c", script]);
    assert!(output.stdout == [&bytes[..], b"no newline"].concat(), "{}", output.stdout.len());
    assert_eq!(output.stderr, &bytes[..1000]);
}

#[test]
fn a_filter_left_behind_finishes_and_what_is_killed_while_it_writes_is_named() {
    let sandbox = Sandbox::new();
    let filter = "exec > >(while read -r line; do sleep 0.05; echo \"> $line\"; done); seq 12";
    let output = sandbox.run(&["run", "--", "bash", "-c", filter]);
    let expected: String = (1..=12).map(|number| format!("> {number}\n")).collect();
    assert_eq!(String::from_utf8_lossy(&output.stdout), expected);
    assert_eq!(output.stderr, b"");

    let server = "(for n in $(seq 30); do echo up; sleep 0.01; done; sleep 1000) & exit 3";
    let output = sandbox.run(&["run", "--", "bash", "-c", server]);
    assert_eq!((output.status.code(), &*output.stdout), (Some(3), "up\n".repeat(30).as_bytes()));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.starts_with("bdctl: killed ") && said.contains("still writing"), "{said}");
}

#[test]
fn exit_codes_are_those_of_a_shell() {
    let sandbox = Sandbox::new();
    fs::write(sandbox.workspace().join("plain"), "no program").expect("a file");
    for (command, code) in [
        (&["sh", "-c", "exit 0"][..], 0),
        (&["sh", "-c", "exit 255"], 255),
        (&["no-such-program"], 127),
        (&["./no-such-program"], 127),
        (&["./plain"], 126),
        (&["/"], 126),
        (&["sh", "-c", "kill -TERM $$"], 128 + 15),
        (&["sh", "-c", "kill -KILL $$"], 128 + 9),
        (&["sh", "-c", "kill -SEGV $$"], 128 + 11),
    ] {
        let output = sandbox.run(&[&["run", "--"], command].concat());
        assert_eq!(output.status.code(), Some(code), "{command:?}: {output:?}");
        let explained = !output.stderr.is_empty();
        assert_eq!(explained, code == 126 || code == 127, "{command:?}: {output:?}");
    }
}

#[test]
fn wrong_usage_and_what_the_daemon_cannot_do_have_codes_of_their_own() {
    let sandbox = Sandbox::new();
    for (arguments, code, says) in [
        (&["run"][..], 2, "Usage"),
        (&["run", "--no-such-option", "--", "true"], 2, "--no-such-option"),
        (&["run", "--timeout", "soon", "--", "true"], 2, "--timeout"),
        (&["run", "--session", "nobody", "--", "true"], 2, "nobody"),
        (&["run", "--env", "=x", "--", "true"], 2, "--env"),
        (&["run", "--detach", "--stdin", "--", "true"], 2, "--stdin"),
        (&["no-such-command"], 2, "no-such-command"),
        (&["run", "--cwd", "/no/such/place", "--", "true"], 125, "/no/such/place"),
        (&["wait", "b00000000000"], 125, "b00000000000"),
        (&["logs", "b00000000000"], 125, "b00000000000"),
    ] {
        let output = sandbox.run(arguments);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {output:?}");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains(says), "{arguments:?}: {said}");
        assert!(output.stdout.is_empty(), "{arguments:?}: {output:?}");
    }
    let mut command = sandbox.bdctl(["run", "--", "true"]);
    command.env("BD_SESSION", "nobody");
    let output = sandbox.spawn(command).output();
    assert_eq!(output.status.code(), Some(2), "{output:?}");
}

#[test]
fn a_daemon_that_can_not_be_had_is_code_125_with_the_remedy() {
    let sandbox = Sandbox::new();
    let mut command = sandbox.bdctl(["run", "--", "true"]);
    command.env("BD_DAEMON", "/no/such/bdd");
    let output = sandbox.spawn(command).output();
    assert_eq!(output.status.code(), Some(125), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("/no/such/bdd"), "{output:?}");
    // Its directories would be in the way of the sandbox's end.
    let _ = fs::remove_dir_all(sandbox.home());
}

#[test]
fn directory_environment_and_mask_are_the_clients() {
    let sandbox = Sandbox::new();
    fs::create_dir(sandbox.workspace().join("sub")).expect("a directory");
    let ws = fs::canonicalize(sandbox.workspace()).expect("a workspace");
    let ws = ws.display();
    assert_eq!(sandbox.ok(&["run", "--", "pwd"]), format!("{ws}\n"));
    assert_eq!(sandbox.ok(&["run", "--cwd", "sub", "--", "pwd"]), format!("{ws}/sub\n"));
    assert_eq!(sandbox.ok(&["run", "-C", "/", "--", "pwd"]), "/\n");

    let show = "echo \"$ONE,${TWO-unset},$THREE\"";
    // The daemon was started with an environment that knows none of them.
    let mut command =
        sandbox.bdctl(["run", "--env", "ONE=1", "--env", "THREE=a=b c", "--", "sh", "-c", show]);
    command.env("ONE", "not this").env_remove("TWO");
    assert_eq!(sandbox.spawn(command).output().stdout, b"1,unset,a=b c\n");
    let mut command = sandbox.bdctl(["run", "--", "sh", "-c", show]);
    command.env("TWO", "").env("THREE", "\u{fc}");
    assert_eq!(sandbox.spawn(command).output().stdout, ",,\u{fc}\n".as_bytes());

    for mask in ["0077", "0002"] {
        // Only a process can have a mask of its own.
        let client = sandbox.bdctl(["run", "--", "sh", "-c", "umask; rm -f made; touch made"]);
        let output =
            sandbox.spawn(in_shell(&client, &format!("umask {mask}; exec \"$@\""))).output();
        assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), mask, "{output:?}");
        let made = fs::metadata(sandbox.workspace().join("made")).expect("a file");
        let expected = 0o666 & !u32::from_str_radix(mask, 8).expect("a mask");
        assert_eq!(made.permissions().mode() & 0o777, expected);
    }
}

#[test]
fn the_environment_of_the_daemon_is_not_the_commands() {
    let sandbox = Sandbox::new();
    let mut command = sandbox.bdctl(["daemon", "start"]);
    command.env("OF_THE_STARTER", "1");
    assert!(sandbox.spawn(command).output().status.success());
    let mut environment: Vec<_> =
        sandbox.ok(&["run", "--", "env"]).lines().map(str::to_owned).collect();
    environment.retain(|line| !line.starts_with("BD_"));
    let names: Vec<_> = environment.iter().filter_map(|line| line.split('=').next()).collect();
    assert!(!names.contains(&"OF_THE_STARTER"), "{names:?}");
    assert!(names.contains(&"PATH") && names.contains(&"HOME"), "{names:?}");
}

#[test]
fn standard_input_is_closed_unless_it_is_asked_for() {
    let sandbox = Sandbox::new();
    let feed = |arguments: &[&str], input: &[u8]| {
        let mut command = sandbox.bdctl(arguments);
        command.stdin(Stdio::piped());
        let mut client = sandbox.spawn(command);
        let mut stdin = client.0.stdin.take().expect("a pipe");
        let input = input.to_vec();
        // It may not be read at all.
        let writer = std::thread::spawn(move || drop(stdin.write_all(&input)));
        let output = client.output();
        writer.join().expect("a writer");
        assert!(output.status.success(), "{output:?}");
        output.stdout
    };
    assert_eq!(feed(&["run", "--", "cat"], b"unread"), b"");
    let bytes: Vec<u8> = (0..=255).cycle().take(300_000).collect();
    assert!(feed(&["run", "--stdin", "--", "cat"], &bytes) == bytes);
    assert_eq!(feed(&["run", "--stdin", "--", "cat"], b""), b"");
    assert_eq!(feed(&["run", "--stdin", "--", "head", "-c", "3"], &bytes), &bytes[..3]);
}

#[test]
fn with_a_terminal_the_command_has_one() {
    let sandbox = Sandbox::new();
    let test = "test -t 0 && test -t 1 && test -t 2";
    let output = sandbox.run(&["run", "--tty", "--", "sh", "-c", test]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    for number in ["0", "1", "2"] {
        let output = sandbox.run(&["run", "--", "test", "-t", number]);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
    }
    let output = sandbox.run(&["run", "--tty", "--", "sh", "-c", "echo a; echo b >&2; exit 4"]);
    assert_eq!((output.status.code(), &*output.stdout), (Some(4), &b"a\r\nb\r\n"[..]));
}

#[test]
fn there_are_no_escapes_where_there_is_no_terminal() {
    let sandbox = Sandbox::new();
    let failing = ["run", "--", "sh", "-c", "exit 1"];
    let id = sandbox.detach(&["--", "no-such-program"]);
    let _ = sandbox.ended(&id);
    for arguments in [
        &failing[..],
        &["run", "--", "no-such-program"],
        &["run", "--cwd", "/no/such", "--", "true"],
        &["status"],
        &["history"],
        &["wait", &id],
        &["explain", &id],
        &["explain", "--", "cargo", "check"],
        &["version"],
        &["daemon", "status"],
        &["daemon", "logs"],
        &["--help"],
        &["run", "--help"],
        &["run"],
    ] {
        // Even where the environment says that there is a terminal.
        let mut command = sandbox.bdctl(arguments);
        command.env("TERM", "xterm-256color");
        let output = sandbox.spawn(command).output();
        let all = [&output.stdout[..], &output.stderr].concat();
        assert!(!all.contains(&0x1b), "{arguments:?}: {output:?}");
    }
    let forced = sandbox.run(&["history", "--color", "always"]);
    assert!(forced.stdout.contains(&0x1b), "colours can be had: {forced:?}");
}

#[test]
fn a_reader_that_goes_away_withdraws() {
    let sandbox = Sandbox::new();
    let mut client = sandbox.start(&["--", "sh", "-c", "while :; do echo y; sleep 0.01; done"]);
    assert_eq!(client.line(), "y");
    drop(client.0.stdout.take());
    eventually("nobody wants it", || sandbox.live().is_empty());
    assert_eq!(sandbox.history()[0]["outcome"]["status"], "cancelled");
    let _ = client.output();
}

/// The same command, started by a shell that sets something first.
fn in_shell(command: &Command, script: &str) -> Command {
    let mut shell = Command::new("sh");
    shell.args(["-c", script, "sh"]).arg(command.get_program()).args(command.get_args());
    shell.env_clear().stdin(Stdio::null());
    for (name, value) in command.get_envs() {
        if let Some(value) = value {
            shell.env(name, value);
        }
    }
    if let Some(dir) = command.get_current_dir() {
        shell.current_dir(dir);
    }
    shell
}

#[test]
fn a_fast_command_loses_nothing_to_whoever_asked_for_it() {
    let sandbox = Sandbox::with_config("[output]\nper_build = \"1 MiB\"");
    for _ in 0..5 {
        let output = sandbox.run(&["run", "--quiet", "--", "head", "-c", "40000000", "/dev/zero"]);
        assert_eq!((output.status.code(), output.stdout.len()), (Some(0), 40_000_000));
    }
}
