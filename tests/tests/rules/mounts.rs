//! What is mounted over watched directories and files, and paths that are too long for the system.

use bd_tests::Sandbox;
use nix::fcntl::{OFlag, openat};
use nix::sys::stat::{Mode, mkdirat};
use std::fs::File;
use std::os::fd::OwnedFd;
use std::process::Command;

/// Asks what has changed around each of these steps, all in mounts of their own.
const SCRIPT: &str = r#"
cd "$WS"
mkdir d ../other; echo 1 > d/f; echo 2 > ../other/f; echo 3 > ../other/g; echo one > file; echo two > ../its
clock() { "$BDCTL" changes --json "$@" | sed 's/.*"clock":"\([^"]*\)".*/\1/'; }
c=$(clock)
seen() { "$BDCTL" changes --since "$c" | grep -v ^clock | sort | tr '\n' ' '; c=$(clock); echo; }
mount --bind ../other d; seen
echo 4 > ../other/f; seen
mount --bind ../its file; seen
umount file; seen
umount d; seen
mkdir in over; echo 5 > in/f; seen
mount --bind in over; seen
echo 6 > in/f; seen
seen
umount over; seen
"$BDCTL" changes --wait=60s > /dev/null & waiting=$!
while kill -0 $waiting 2> /dev/null; do mount --bind ../other d; sleep 0.3; umount d; sleep 0.3; done
wait $waiting && echo woken
"$BDCTL" state verify > /dev/null && echo equal
"$BDCTL" daemon stop > /dev/null
"#;

#[test]
fn what_is_mounted_over_directories_and_files_is_seen_and_what_is_taken_away_too() {
    let may = Command::new("unshare").args(["-m", "true"]).output();
    if !may.is_ok_and(|output| output.status.success()) {
        bd_tests::skip("this process may not make mounts of its own");
        return;
    }
    let sandbox = Sandbox::new();
    let bdctl = sandbox.bdctl(["status"]);
    let mut unshare = Command::new("unshare");
    unshare.args(["-m", "sh", "-ec", SCRIPT]).env_clear();
    unshare.envs(bdctl.get_envs().filter_map(|(name, value)| Some((name, value?))));
    unshare.env("BDCTL", bdctl.get_program()).env("WS", sandbox.workspace());
    let output = unshare.output().expect("unshare starts");
    let text = String::from_utf8_lossy(&output.stdout);
    let lines: Vec<_> = text.lines().map(str::trim).collect();
    let expected = [
        "A d/g M d M d/f",
        "M d/f",
        "M file",
        "M file",
        "D d/g M d M d/f",
        "A in A in/f A over",
        "A over/f M over",
        "M in/f M over/f",
        "",
        "D over/f M over",
        "woken",
        "equal",
    ];
    assert_eq!(lines, expected, "{output:?}");
}

#[test]
fn paths_that_no_program_can_open_are_named() {
    let sandbox = Sandbox::new();
    // Deeper than a path may be long.
    let mut dir = OwnedFd::from(File::open(sandbox.workspace()).expect("a workspace"));
    for _ in 0..450 {
        mkdirat(&dir, "long-name-1", Mode::S_IRWXU).expect("a directory");
        dir = openat(&dir, "long-name-1", OFlag::O_DIRECTORY, Mode::empty()).expect("a directory");
    }
    let info = sandbox.json(&["ws", "info"]);
    let warnings = info["warnings"].to_string();
    assert!(warnings.contains("longer than 4095 bytes"), "{warnings}");
    assert!(info["dirs"].as_u64().is_some_and(|dirs| dirs > 100), "{info}");
    assert_eq!(sandbox.ok(&["run", "--quiet", "--", "echo", "served"]), "served\n");
}
