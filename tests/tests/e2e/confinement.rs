//! A client that is confined otherwise than the daemon gets nothing of the daemon's: its commands run
//! where it is, and questions about files are refused.

use bd_tests::sandbox::alive;
use bd_tests::{Sandbox, eventually, skip};
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

/// How a client can be confined, and what it is told then.
const CONFINEMENTS: [(&[&str], &str); 8] = [
    (&["unshare", "--mount"], "another mount namespace"),
    (&["unshare", "--net"], "another network namespace"),
    (&["unshare", "--uts"], "another host name namespace"),
    (&["unshare", "--ipc"], "another IPC namespace"),
    (&["unshare", "--pid", "--fork"], "another process namespace"),
    (&["unshare", "--user", "--map-root-user"], "another user namespace"),
    (&["setpriv", "--no-new-privs"], "another no_new_privs flag"),
    (&["setpriv", "--bounding-set=-chown"], "other capabilities"),
];

fn wrapped(sandbox: &Sandbox, wrapper: &[&str], arguments: &[&str]) -> Command {
    let bdctl = sandbox.bdctl(arguments);
    let [with, options @ ..] = wrapper else { panic!("no wrapper") };
    let mut command = Command::new(with);
    command.args(options).arg(bdctl.get_program()).args(bdctl.get_args()).env_clear();
    command.envs(bdctl.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.current_dir(sandbox.workspace()).stdin(Stdio::null());
    command
}

fn run(sandbox: &Sandbox, wrapper: &[&str], arguments: &[&str]) -> Output {
    wrapped(sandbox, wrapper, arguments).output().expect("a wrapper")
}

/// Whether this can be done here, and makes a difference.
fn confines(wrapper: &[&str]) -> bool {
    let look = ["sh", "-c", "ls -l /proc/self/ns; grep -E '^(NoNew|Cap)' /proc/self/status"];
    let output = |words: &[&str]| Command::new(words[0]).args(&words[1..]).output();
    let plain = output(&look).expect("a shell").stdout;
    let confined = output(&[wrapper, &look].concat());
    let different = confined.is_ok_and(|found| found.status.success() && found.stdout != plain);
    if !different {
        skip(&format!("{} does nothing here", wrapper.join(" ")));
    }
    different
}

#[test]
fn a_confined_client_runs_its_command_where_it_is_and_says_so() {
    let sandbox = Sandbox::new();
    let _ = sandbox.ok(&["status"]);
    for (wrapper, what) in CONFINEMENTS {
        if !confines(wrapper) {
            continue;
        }
        let look =
            "readlink /proc/self/ns/net /proc/self/ns/mnt; grep NoNew /proc/self/status; exit 3";
        let direct = Command::new(wrapper[0])
            .args(&wrapper[1..])
            .args(["sh", "-c", "grep -E '^(NoNew|Cap)' /proc/self/status"])
            .output()
            .expect("a wrapper");
        let through = "grep -E '^(NoNew|Cap)' /proc/self/status";
        let output = run(&sandbox, wrapper, &["run", "--", "sh", "-c", through]);
        assert_eq!(output.stdout, direct.stdout, "{wrapper:?}");
        let output = run(&sandbox, wrapper, &["run", "-q", "--", "sh", "-c", look]);
        assert_eq!(output.status.code(), Some(3), "{wrapper:?}: {output:?}");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(said.lines().count(), 1, "{wrapper:?}: {said}");
        assert!(said.contains("runs here") && said.contains(what), "{wrapper:?}: {said}");
        for question in [
            &["status"][..],
            &["changes"],
            &["ws", "info"],
            &["history"],
            &["explain", "--", "make"],
        ] {
            let output = run(&sandbox, wrapper, question);
            assert_eq!(output.status.code(), Some(125), "{wrapper:?} {question:?}: {output:?}");
            assert_eq!(output.stdout, b"", "{wrapper:?} {question:?}");
            assert!(String::from_utf8_lossy(&output.stderr).contains(what), "{output:?}");
        }
    }
    assert!(sandbox.history().is_empty(), "a build of a confined client");
    assert_eq!(sandbox.daemons_started(), 1);
}

#[test]
fn what_is_of_the_daemon_is_refused_to_a_confined_client() {
    let wrapper = ["unshare", "--net"];
    if !confines(&wrapper) {
        return;
    }
    let sandbox = Sandbox::new();
    let _ = sandbox.ok(&["status"]);
    for options in [&["--detach"][..], &["--wait", "1s"], &["--json"], &["--events"]] {
        let arguments = [&["run"][..], options, &["--", "touch", "ran"]].concat();
        let output = run(&sandbox, &wrapper, &arguments);
        assert_eq!(output.status.code(), Some(125), "{options:?}: {output:?}");
        assert!(!sandbox.workspace().join("ran").exists(), "{options:?}");
    }
    let limited = |time, command| {
        run(&sandbox, &wrapper, &["run", "--timeout", time, "--", "sh", "-c", command])
    };
    assert_eq!(limited("60s", "exit 7").status.code(), Some(7));
    assert_eq!(limited("200ms", "sleep 60 & wait").status.code(), Some(124));
    let code = |program| run(&sandbox, &wrapper, &["run", "--", program]).status.code();
    assert_eq!((code("no-such-program"), code("/etc/passwd")), (Some(127), Some(126)));
}

#[test]
fn a_client_in_another_tree_is_not_served_this_one() {
    let wrapper = ["unshare", "--mount", "--propagation", "private", "sh", "-c"];
    if !confines(&wrapper[..4]) {
        return;
    }
    let sandbox = Sandbox::new();
    fs::write(sandbox.workspace().join("f"), "outside").expect("a file");
    assert_eq!(sandbox.ok(&["run", "--", "cat", "f"]), "outside");
    let script = "mount -t tmpfs none . && cd \"$PWD\" && echo inside > f && exec \"$0\" \"$@\"";
    let other = [&wrapper[..], &[script]].concat();
    let output = run(&sandbox, &other, &["run", "--", "cat", "f"]);
    if output.status.code() == Some(32) {
        return skip("nothing can be mounted here");
    }
    assert_eq!((&*output.stdout, output.status.code()), (&b"inside\n"[..], Some(0)), "{output:?}");
    let output = run(&sandbox, &other, &["changes", "--json"]);
    let error: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(error["error"]["code"], "confined_client", "{output:?}");
    assert_eq!(output.status.code(), Some(125), "{output:?}");
}

/// A cgroup with a limit of memory, removed at the end.
struct LimitedCgroup(PathBuf);

impl LimitedCgroup {
    fn new() -> Option<Self> {
        let name = format!("bd-test-{}", std::process::id());
        for (top, file) in [("memory", "memory.limit_in_bytes"), ("", "memory.max")] {
            let dir = PathBuf::from("/sys/fs/cgroup").join(top).join(&name);
            if fs::create_dir(&dir).is_ok() {
                let made = Self(dir.clone());
                if fs::write(dir.join(file), (4_u64 << 30).to_string()).is_ok() {
                    return Some(made);
                }
            }
        }
        skip("no cgroup with a limit can be made here");
        None
    }
}

impl Drop for LimitedCgroup {
    fn drop(&mut self) {
        // Its last process may be on its way out.
        eventually("the cgroup is removed", || fs::remove_dir(&self.0).is_ok());
    }
}

#[test]
fn a_client_whose_cgroup_limits_it_stays_within_the_limit() {
    let Some(cgroup) = LimitedCgroup::new() else { return };
    let sandbox = Sandbox::new();
    let _ = sandbox.ok(&["status"]);
    let procs = cgroup.0.join("cgroup.procs").display().to_string();
    let script = format!("echo $$ > {procs} && exec \"$0\" \"$@\"");
    let output = run(&sandbox, &["sh", "-c", &script], &["run", "--", "cat", "/proc/self/cgroup"]);
    let (out, said) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && out.contains("bd-test-"), "{out}{said}");
    assert!(said.contains("runs here") && said.contains("cgroup"), "{said}");
    // A daemon that begins there makes room for one that does not.
    let _ = sandbox.ok(&["daemon", "stop"]);
    assert!(run(&sandbox, &["sh", "-c", &script], &["status"]).status.success());
    let output = sandbox.run(&["run", "--", "cat", "/proc/self/cgroup"]);
    let out = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && !out.contains("bd-test-"), "{output:?}");
    assert_eq!(output.stderr, b"");
    assert_eq!(sandbox.daemons_started(), 3);
    let _ = sandbox.ok(&["daemon", "stop"]);
}

/// Restricts itself by Landlock, with the flag of which the first argument speaks, and runs the rest.
const LANDLOCK: &str = "
import ctypes, os, sys
libc = ctypes.CDLL(None)
no_directories = (ctypes.c_uint64 * 1)(1 << 7)
rules = libc.syscall(444, no_directories, 8, 0)
if rules < 0: sys.exit(97)
if sys.argv[1] == 'nnp': libc.prctl(38, 1, 0, 0, 0)
if libc.syscall(446, rules, 0) != 0: sys.exit(97)
os.close(rules)
os.execvp(sys.argv[2], sys.argv[2:])
";

#[test]
fn a_client_under_landlock_finds_out_and_stays_under_it() {
    let mkdir = ["--", "sh", "-c", "mkdir made 2>/dev/null || echo refused"];
    for (starter, flag) in [(None, "none"), (Some("--no-new-privs"), "nnp")] {
        let wrapper = ["python3", "-c", LANDLOCK, flag];
        let tried = Command::new("python3").args(&wrapper[1..]).arg("true").status();
        if !tried.is_ok_and(|status| status.success()) {
            return skip("there is no python3, or no Landlock");
        }
        let sandbox = Sandbox::new();
        // All that can be compared is equal.
        let started = match starter {
            Some(option) => run(&sandbox, &["setpriv", option], &["status"]),
            None => sandbox.run(&["status"]),
        };
        assert!(started.status.success(), "{started:?}");
        let output = run(&sandbox, &wrapper, &[&["run"][..], &mkdir].concat());
        assert_eq!(output.stdout, b"refused\n", "{output:?}");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains("Landlock") && said.lines().count() == 1, "{said}");
        let output = run(&sandbox, &wrapper, &[&["watch"][..], &mkdir].concat());
        assert_eq!(output.status.code(), Some(125), "{output:?}");
        assert!(!sandbox.workspace().join("made").exists());
    }
}

#[test]
fn a_daemon_that_a_sandbox_started_makes_room_when_it_is_idle() {
    let wrapper = ["setpriv", "--no-new-privs"];
    if !confines(&wrapper) {
        return;
    }
    let sandbox = Sandbox::new();
    assert!(run(&sandbox, &wrapper, &["status"]).status.success());
    let first = sandbox.daemon_pid();
    let id = run(&sandbox, &wrapper, &["run", "--detach", "--", "sleep", "1000"]);
    assert!(id.status.success(), "{id:?}");
    // Busy, it does not, and nobody's command is run in there.
    let look = ["run", "--", "grep", "NoNewPrivs", "/proc/self/status"];
    let free = b"NoNewPrivs:\t0\n";
    let output = sandbox.run(&look);
    assert_eq!(output.stdout, free, "{output:?}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("runs here"), "{output:?}");
    assert_eq!(sandbox.daemon_pid(), first);
    let id = String::from_utf8(id.stdout).expect("an id");
    assert!(run(&sandbox, &wrapper, &["cancel", id.trim()]).status.success());
    let output = sandbox.run(&look);
    assert_eq!((&*output.stdout, &*output.stderr), (&free[..], &b""[..]), "{output:?}");
    assert_ne!(sandbox.daemon_pid(), first);
    eventually("the first daemon ends", || !alive(first));
    // And the sandbox does not take it back.
    let second = sandbox.daemon_pid();
    let output = run(&sandbox, &wrapper, &["run", "--", "true"]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("runs here"), "{output:?}");
    assert_eq!(sandbox.daemon_pid(), second);
}
