//! A command that `make` runs through bdctl takes its jobs from that make's jobserver.

use bd_tests::{Sandbox, skip};
use std::fs;
use std::process::{Command, Output};

fn make(sandbox: &Sandbox, arguments: &[&str]) -> Output {
    let bdctl = sandbox.bdctl::<&str>([]);
    let mut make = Command::new("make");
    make.args(arguments).env_clear();
    make.envs(bdctl.get_envs().filter_map(|(name, value)| Some((name, value?))));
    make.env("BDCTL", bdctl.get_program()).current_dir(sandbox.workspace());
    make.output().expect("make")
}

/// Each of three jobs waits for the two others: they end only side by side.
const MAKEFILE: &str = "\
top:
\t+@\"$(BDCTL)\" run -q -- $(MAKE) -s sub
plain:
\t@\"$(BDCTL)\" run -q -- sh -c 'echo $$MAKEFLAGS; ls /proc/self/fd'
sub: a b c
a b c:
\t@touch $@.here; n=0; until [ -e a.here -a -e b.here -a -e c.here ]; do \
n=$$((n+1)); [ $$n -lt 1000 ] || exit 9; sleep 0.02; done; echo $@
";

#[test]
fn jobs_come_from_the_make_around() {
    if Command::new("make").arg("--version").output().is_err() {
        return skip("there is no make");
    }
    let sandbox = Sandbox::new();
    fs::write(sandbox.workspace().join("Makefile"), MAKEFILE).expect("a Makefile");
    let output = make(&sandbox, &["-j3", "top"]);
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8_lossy(&output.stdout);
    let mut lines: Vec<_> = text.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, ["a", "b", "c"]);
    // Without a word of make about a jobserver that it misses.
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert_eq!(sandbox.history().len(), 1, "it ran in the daemon");
}

#[test]
fn a_command_that_is_no_make_gets_no_descriptors() {
    if Command::new("make").arg("--version").output().is_err() {
        return skip("there is no make");
    }
    let sandbox = Sandbox::new();
    fs::write(sandbox.workspace().join("Makefile"), MAKEFILE).expect("a Makefile");
    let output = make(&sandbox, &["-j3", "plain"]);
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8_lossy(&output.stdout);
    // Its streams, and the directory that is listed.
    assert_eq!(text.lines().skip(1).collect::<Vec<_>>(), ["0", "1", "2", "3"], "{output:?}");
}
