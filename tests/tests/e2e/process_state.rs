//! A command runs in the state of the process that asked for it, whoever started the daemon, and
//! requests in different states are different work.

use bd_tests::{Flag, Sandbox, skip};
use serde_json::Value;
use std::fs;
use std::process::{Command, Output};

/// A way to change the state of a process: its name, the programs it needs, a script that changes the
/// shell's own state, and one that shows it.
type Change = (&'static str, &'static [&'static str], &'static str, &'static str);

const CHANGES: [Change; 14] = [
    ("nice", &["nice", "renice"], "renice -n 5 $$ >/dev/null", "nice"),
    ("batch class", &["chrt"], "chrt -b -p 0 $$", "chrt -p $$ | sed s/.*:.//"),
    ("idle input and output", &["ionice"], "ionice -c 3 -p $$", "ionice -p $$"),
    ("processor", &["taskset"], "taskset -p 1 $$ >/dev/null", "taskset -p $$ | sed s/.*:.//"),
    ("stack", &[], "ulimit -Ss 777", "ulimit -s"),
    ("core files", &[], "ulimit -Sc 12", "ulimit -c"),
    ("files", &[], "ulimit -Sn 200", "ulimit -n"),
    ("processor time", &[], "ulimit -St 3333", "ulimit -t"),
    ("address space", &[], "ulimit -Sv 64000000", "ulimit -v"),
    ("file size", &[], "ulimit -f 2000000", "ulimit -Hf"),
    ("victim", &["choom"], "choom -p $$ -n 700 >/dev/null", "cat /proc/self/oom_score_adj"),
    ("umask", &[], "umask 027", "umask"),
    ("signals", &[], "trap '' HUP USR1", IGNORED),
    ("groups", &["setpriv"], "", "id -G"),
];

/// Without the two signals that the C library keeps to itself, and ignores in what it starts.
const IGNORED: &str =
    "printf '%x\\n' $((0x$(sed -n 's/^SigIgn:.//p' /proc/self/status) & ~0x180000000))";

fn shell(sandbox: &Sandbox, script: &str, wrapper: &[&str]) -> Command {
    let bdctl = sandbox.bdctl::<&str>([]);
    let [with, options @ ..] = wrapper else { panic!("no wrapper") };
    let mut shell = Command::new(with);
    shell.args(options).args(["-c", script]).env_clear();
    shell.envs(bdctl.get_envs().filter_map(|(name, value)| Some((name, value?))));
    shell.env("BDCTL", bdctl.get_program()).current_dir(sandbox.workspace());
    shell
}

fn has(program: &str) -> bool {
    let found = Command::new("sh").args(["-c", "command -v \"$0\"", program]).output();
    found.is_ok_and(|found| found.status.success())
}

/// The shell in which a change is made, and the change; `None` where it cannot be made here.
fn prepared(sandbox: &Sandbox, change: Change) -> Option<(Vec<&'static str>, String)> {
    let (name, needs, script, _) = change;
    if let Some(missing) = needs.iter().find(|program| !has(program)) {
        skip(&format!("{name}: there is no {missing}"));
        return None;
    }
    let bash =
        if name == "groups" { vec!["setpriv", "--groups=4242,1", "bash"] } else { vec!["bash"] };
    let script = if script.is_empty() { "true" } else { script };
    let tried = shell(sandbox, script, &bash).output().expect("a shell");
    if !tried.status.success() {
        skip(&format!("{name}: not permitted here: {tried:?}"));
        return None;
    }
    Some((bash, script.to_owned()))
}

fn out(output: Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

#[test]
fn a_command_has_the_state_of_whoever_asks() {
    let sandbox = Sandbox::new();
    let _ = sandbox.ok(&["status"]);
    for change in CHANGES {
        let Some((bash, script)) = prepared(&sandbox, change) else { continue };
        let (name, _, _, probe) = change;
        let run = |script: String| out(shell(&sandbox, &script, &bash).output().expect("a shell"));
        // A shell of its own, as the command has one.
        fs::write(sandbox.workspace().join("probe"), probe).expect("a script");
        let direct = run(format!("{script}; bash ./probe"));
        let through = run(format!("{script}; \"$BDCTL\" run -- bash ./probe"));
        assert_eq!(through, direct, "{name}");
        let without = out(sandbox.run(&["run", "--", "bash", "./probe"]));
        assert_ne!(through, without, "{name} makes no difference");
    }
    assert_eq!(sandbox.daemons_started(), 1);
}

#[test]
fn requests_in_different_states_do_not_share_and_in_equal_ones_do() {
    let sandbox = Sandbox::new();
    fs::write(sandbox.workspace().join("f"), "").expect("a file");
    let digest = |script: &str, bash: &[&str]| {
        let script = format!("{script}; \"$BDCTL\" explain --json -- make");
        let output = out(shell(&sandbox, &script, bash).output().expect("a shell"));
        let document: Value = serde_json::from_str(&output).expect("a document");
        assert!(document["action_digest"].is_string(), "{document}");
        document["action_digest"].clone()
    };
    let plain = digest("true", &["bash"]);
    assert_eq!(digest("true", &["bash"]), plain);
    for change in CHANGES {
        let Some((bash, script)) = prepared(&sandbox, change) else { continue };
        let changed = digest(&script, &bash);
        assert_ne!(changed, plain, "{} makes no difference", change.0);
        assert_eq!(digest(&script, &bash), changed, "{}", change.0);
    }
}

#[test]
fn a_run_at_another_nice_value_is_not_joined() {
    let sandbox = Sandbox::new();
    let flag = Flag::new(sandbox.outside(), "flag");
    let script = format!("{}; echo ran >> ../ran", flag.pass());
    let first = sandbox.start(&["--join", "--", "sh", "-c", &script]);
    sandbox.await_builds("running", 1);
    let same = sandbox.start(&["--join", "--", "sh", "-c", &script]);
    let mut other = Command::new("nice");
    let bdctl = sandbox.bdctl(["run", "--join", "--", "sh", "-c", &script]);
    other.arg(bdctl.get_program()).args(bdctl.get_args()).env_clear();
    other.envs(bdctl.get_envs().filter_map(|(name, value)| Some((name, value?))));
    other.current_dir(sandbox.workspace());
    let other = sandbox.spawn(other);
    sandbox.await_builds("running", 3);
    flag.raise();
    for client in [first, same, other] {
        let output = client.output();
        assert!(output.status.success(), "{output:?}");
    }
    let ran = fs::read_to_string(sandbox.outside().join("ran")).expect("it ran");
    assert_eq!(ran, "ran\nran\n");
}

#[test]
fn what_the_starter_has_open_is_not_kept_and_its_state_is_nobody_s() {
    let sandbox = Sandbox::new();
    let script = "exec 9>lock; flock 9; trap '' HUP TERM USR1; umask 0; renice -n 7 $$ >/dev/null; \
                  ulimit -Sn 100; ulimit -Sv 9000000; taskset -p 1 $$ >/dev/null; \"$BDCTL\" status";
    let mut starter = shell(&sandbox, script, &["bash"]);
    let started = starter.output().expect("a shell");
    assert!(started.status.success(), "{started:?}");
    let free = Command::new("flock")
        .args(["-n", "lock", "true"])
        .current_dir(sandbox.workspace())
        .status();
    assert!(free.expect("flock").success(), "the daemon holds the lock of its starter");
    let pid = sandbox.daemon_pid();
    let read = |file: &str| fs::read_to_string(format!("/proc/{pid}/{file}")).expect("a daemon");
    let status = read("status");
    let line = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name)).expect(name);
        line.split_once('\t').expect("a value").1.to_owned()
    };
    // SIGPIPE only, which every Rust program ignores.
    let ignored = u64::from_str_radix(&line("SigIgn:"), 16).expect("a mask");
    assert_eq!(ignored & 0x7fff_ffff, 1 << 12, "{ignored:x}");
    assert_eq!(line("Umask:"), "0077");
    let own = fs::read_to_string("/proc/self/status").expect("a status");
    let processors = own.lines().find(|line| line.starts_with("Cpus_allowed:")).expect("a line");
    assert_eq!(format!("Cpus_allowed:\t{}", line("Cpus_allowed:")), processors);
    let stat = read("stat");
    let fields: Vec<_> = stat.rsplit_once(") ").expect("a name").1.split(' ').collect();
    // State, parent, group, session, terminal.
    assert_eq!((fields[3], fields[4]), (pid.to_string().as_str(), "0"), "{stat}");
    if fields[16] != "0" {
        skip("nice values cannot be lowered here");
    }
    let limits = read("limits");
    let soft = |name: &str| {
        let line = limits.lines().find(|line| line.starts_with(name)).expect(name);
        line[name.len()..].split_whitespace().next().expect("a limit").to_owned()
    };
    assert_eq!(soft("Max address space"), "unlimited");
    assert_ne!(soft("Max open files"), "100");
}

#[test]
fn a_starter_with_less_is_followed_by_one_with_more() {
    let sandbox = Sandbox::new();
    let script = "ulimit -v 9000000; \"$BDCTL\" status --json";
    let started = out(shell(&sandbox, script, &["bash"]).output().expect("a shell"));
    let status: Value = serde_json::from_str(&started).expect("a status");
    let warnings = status["daemon"]["warnings"].to_string();
    let bounded = warnings.contains("address space");
    // An idle one makes room.
    let output = sandbox.run(&["run", "--", "bash", "-c", "ulimit -v"]);
    assert_eq!(output.stdout, b"unlimited\n", "{output:?}");
    assert_eq!(output.stderr, b"");
    if !bounded {
        return skip("hard limits can be raised here");
    }
    assert_eq!(sandbox.daemons_started(), 2);
    // One that works does not.
    let _ = sandbox.ok(&["daemon", "stop"]);
    let started = shell(&sandbox, script, &["bash"]).output().expect("a shell");
    assert!(started.status.success(), "{started:?}");
    let script = "ulimit -v 9000000; \"$BDCTL\" run --detach -- sleep 100";
    let id = out(shell(&sandbox, script, &["bash"]).output().expect("a shell"));
    let output = sandbox.run(&["run", "--", "bash", "-c", "ulimit -v; exit 3"]);
    assert_eq!((&*output.stdout, output.status.code()), (&b"unlimited\n"[..], Some(3)));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("runs here") && said.contains("address space"), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    assert_eq!(sandbox.daemons_started(), 3);
    let _ = sandbox.ok(&["cancel", id.trim()]);
}
