//! Where clients and the daemon meet: at one place, whatever the environment, and again after somebody
//! has removed it.

use bd_tests::sandbox::alive;
use bd_tests::{Flag, Sandbox, eventually, programs, skip};
use nix::sys::signal::{Signal, kill};
use serde_json::Value;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output};

/// Runs shell text with bdctl as the user's own, without `BD_HOME`, and nothing in `/run/user` but what
/// the text puts there. `None` where that is not permitted.
fn as_user(sandbox: &Sandbox, script: &str) -> Option<Output> {
    let bdctl = sandbox.bdctl::<&str>([]);
    let mounted = "mkdir -p /run/user && mount -t tmpfs none /run/user || exit 97; ";
    let pid = "pid() { \"$BDCTL\" daemon status --json | grep -o '\"pid\":[0-9]*'; }; ";
    let end = "; code=$?; \"$BDCTL\" daemon stop >/dev/null; exit $code";
    let mut shell = Command::new("unshare");
    shell.args(["--mount", "--propagation", "private", "bash", "-c"]);
    shell.arg(format!("{mounted}{pid}{script}{end}")).env_clear();
    shell.envs(bdctl.get_envs().filter_map(|(name, value)| Some((name, value?))));
    shell.env_remove("BD_HOME").env("BDCTL", bdctl.get_program());
    let runtime = sandbox.outside().join("x");
    fs::create_dir_all(&runtime).expect("a directory");
    fs::set_permissions(&runtime, fs::Permissions::from_mode(0o700)).expect("private");
    shell.env("X", runtime).current_dir(sandbox.workspace());
    let output = shell.output().expect("unshare");
    if output.status.code() == Some(97) || !output.status.success() && output.stdout.is_empty() {
        skip(&format!("nothing can be mounted here: {output:?}"));
        return None;
    }
    Some(output)
}

fn lines(output: &Output) -> Vec<String> {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect()
}

#[test]
fn one_daemon_whether_or_not_there_is_a_runtime_directory_in_the_environment() {
    for own in ["", "mkdir -m 700 /run/user/$(id -u); ", "mkdir -m 755 /run/user/$(id -u); "] {
        let sandbox = Sandbox::new();
        let script = format!(
            "{own}XDG_RUNTIME_DIR=$X \"$BDCTL\" run -q -- true; pid; XDG_RUNTIME_DIR=$X pid; \
             XDG_RUNTIME_DIR=/run/user/$(id -u) pid; XDG_CACHE_HOME=$X pid; \
             \"$BDCTL\" status --json | grep -c store; ls /run/user/*/bd/bdd.sock 2>/dev/null | wc -l"
        );
        let Some(output) = as_user(&sandbox, &script) else { return };
        let lines = lines(&output);
        assert!(lines[0].starts_with("\"pid\":"), "{lines:?}");
        assert_eq!(
            lines[..4].iter().collect::<std::collections::BTreeSet<_>>().len(),
            1,
            "{lines:?}"
        );
        let there = own.contains("700");
        assert_eq!(lines[5], if there { "1" } else { "0" }, "{own}");
        let private = sandbox.outside().join(".local/state/bd/run/bdd.sock");
        assert_eq!(private.exists(), !there, "{own}");
    }
}

#[test]
fn a_daemon_that_began_before_the_usual_place_was_there_is_found() {
    let sandbox = Sandbox::new();
    let script = "\"$BDCTL\" status >/dev/null; pid; mkdir -m 700 /run/user/$(id -u); pid; \
                  \"$BDCTL\" run -q -- echo hello; rm ~/.local/state/bd/run/bdd.sock; \
                  for n in $(seq 200); do [ -e /run/user/$(id -u)/bd/bdd.sock ] && break; sleep 0.05; \
                  done; pid; rm -r /run/user/$(id -u); \
                  for n in $(seq 200); do [ -e ~/.local/state/bd/run/bdd.sock ] && break; sleep 0.05; \
                  done; pid";
    let Some(output) = as_user(&sandbox, script) else { return };
    let lines = lines(&output);
    assert_eq!((lines.len(), &*lines[2]), (5, "hello"), "{lines:?}");
    for at in [1, 3, 4] {
        assert_eq!(lines[0], lines[at], "{lines:?}");
    }
}

/// `bdd` started by hand.
fn by_hand(sandbox: &Sandbox) -> Output {
    let bdctl = sandbox.bdctl::<&str>([]);
    let mut bdd = Command::new(programs::bdd());
    bdd.env_clear().envs(bdctl.get_envs().filter_map(|(name, value)| Some((name, value?))));
    bdd.output().expect("bdd")
}

#[test]
fn a_second_daemon_names_the_first() {
    let sandbox = Sandbox::new();
    let _ = sandbox.ok(&["status"]);
    let first = sandbox.daemon_pid();
    for gone in [false, true] {
        if gone {
            // So that it does not bind again first.
            kill(first, Signal::SIGSTOP).expect("a daemon to stop");
            fs::remove_dir_all(sandbox.home().join("run")).expect("removed");
        }
        let output = by_hand(&sandbox);
        assert_eq!(output.status.code(), Some(125), "{output:?}");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains(&format!("process id {first}")), "{said}");
        assert!(said.contains(&sandbox.socket().display().to_string()), "{said}");
    }
    kill(first, Signal::SIGCONT).expect("a daemon to go on");
    eventually("it binds again", || sandbox.socket().exists());
    assert_eq!(sandbox.json(&["status"])["daemon"]["pid"], first.as_raw());
    assert_eq!(sandbox.daemons_started(), 1);
}

fn pid(sandbox: &Sandbox) -> Value {
    sandbox.json(&["status"])["daemon"]["pid"].clone()
}

#[test]
fn a_daemon_whose_meeting_place_is_removed_binds_again() {
    let sandbox = Sandbox::new();
    let before = pid(&sandbox);
    let flag = Flag::new(sandbox.outside(), "flag");
    let build = sandbox.start(&["--", "sh", "-c", &format!("{}; echo done", flag.pass())]);
    sandbox.await_builds("running", 1);
    let run = sandbox.home().join("run");
    let remove: [(&str, &dyn Fn()); 4] = [
        ("socket", &|| fs::remove_file(run.join("bdd.sock")).expect("removed")),
        ("another's socket", &|| {
            fs::remove_file(run.join("bdd.sock")).expect("removed");
            drop(std::os::unix::net::UnixListener::bind(run.join("bdd.sock")));
        }),
        ("directory", &|| fs::remove_dir_all(&run).expect("removed")),
        ("moved directory", &|| fs::rename(&run, sandbox.outside().join("moved")).expect("moved")),
    ];
    for (what, remove) in remove {
        remove();
        // Nobody waits for long, and no other is started.
        assert_eq!(pid(&sandbox), before, "{what}");
        assert_eq!(sandbox.ok(&["run", "--", "echo", what]), format!("{what}\n"));
        assert_eq!(sandbox.daemon_pid().as_raw(), before, "{what}");
    }
    flag.raise();
    let output = build.output();
    assert_eq!((&*output.stdout, output.status.code()), (&b"done\n"[..], Some(0)), "{output:?}");
    assert_eq!(sandbox.daemons_started(), 1);
    fs::remove_dir_all(&run).expect("removed");
    assert_eq!(sandbox.ok(&["daemon", "stop"]), "stopped\n");
}

#[test]
fn a_daemon_whose_home_is_removed_ends_and_the_next_one_begins_anew() {
    for moved in [false, true] {
        let sandbox = Sandbox::new();
        let _ = sandbox.ok(&["run", "--", "true"]);
        let build = sandbox.start(&["--", "sleep", "1000"]);
        sandbox.await_builds("running", 1);
        let first = sandbox.daemon_pid();
        remove(&sandbox.home(), moved.then(|| sandbox.outside().join("moved")).as_deref());
        eventually("it ends", || !alive(first));
        assert_eq!(build.output().status.code(), Some(125));
        assert_eq!(sandbox.ok(&["run", "--", "echo", "again"]), "again\n");
        assert_ne!(sandbox.daemon_pid(), first);
        assert_eq!(sandbox.history().len(), 1);
    }
}

fn remove(home: &Path, to: Option<&Path>) {
    match to {
        Some(to) => fs::rename(home, to).expect("moved"),
        // What is made meanwhile is removed with the next try.
        None => eventually("the home is removed", || fs::remove_dir_all(home).is_ok()),
    }
}
