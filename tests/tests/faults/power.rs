//! A file system from which the power goes: ext4 on a loop device, shut down without writing its
//! journal. `BD_FAULT_CUTS` makes the cuts more, `BD_FAULT_SEED` others.

use crate::told::Told;
use bd_tests::reexec::{self, OWN_MOUNTS};
use bd_tests::rng::{Rng, number};
use bd_tests::{Sandbox, eventually, skip};
use nix::libc;
use serde_json::Value;
use std::fs::{self, File};
use std::os::fd::AsRawFd as _;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

const CUTS: u64 = 2;

/// What was told so long before the power went is there afterwards: a second, and what the machine
/// takes for a synchronisation.
const BOUND: Duration = Duration::from_millis(1_300);

/// `EXT4_IOC_SHUTDOWN`, and its flag that nothing more is written.
const SHUTDOWN: libc::c_ulong = 0x8004_587d;
const NO_LOG_FLUSH: u32 = 2;

fn cut_power(mounted: &Path) {
    let dir = File::open(mounted).expect("a file system");
    let flag = NO_LOG_FLUSH;
    #[expect(unsafe_code, reason = "nobody wraps it")]
    // SAFETY: it reads a number behind a pointer that is good during the call.
    let result = unsafe { libc::ioctl(dir.as_raw_fd(), SHUTDOWN as _, &raw const flag) };
    assert_eq!(result, 0, "{}", std::io::Error::last_os_error());
}

fn run(program: &str, arguments: &[&str]) -> bool {
    Command::new(program).args(arguments).output().is_ok_and(|output| output.status.success())
}

#[test]
fn a_power_cut_takes_the_last_second_at_most() {
    let test = "power::a_power_cut_takes_the_last_second_at_most";
    if reexec::argument(test).is_none() {
        let program = std::env::current_exe().expect("a path of the test");
        if let Some(said) = reexec::run(test, &OWN_MOUNTS, &program, "") {
            println!("{said}");
        }
        return;
    }
    let sandbox = Sandbox::new();
    let image = sandbox.outside().join("image");
    File::create(&image).and_then(|file| file.set_len(96 << 20)).expect("an image");
    let (image, home) = (image.display().to_string(), sandbox.home());
    let at = home.display().to_string();
    fs::create_dir(&home).expect("a home");
    if !run("mkfs.ext4", &["-q", &image]) || !run("mount", &["-o", "loop", &image, &at]) {
        return skip("no ext4 on a loop device is permitted here");
    }
    let private = std::os::unix::fs::PermissionsExt::from_mode(0o700);
    fs::set_permissions(&home, private).expect("a private home");
    let seed = number("BD_FAULT_SEED", 1);
    let mut rng = Rng::new(seed);
    let (mut all, mut late, mut late_lost) = (Told::default(), 0, 0);
    for round in 0..number("BD_FAULT_CUTS", CUTS) {
        // Young stores and old ones, from the first moment on.
        let until = Instant::now() + Duration::from_millis(300 + rng.below(3_000));
        let mut told: Vec<(Instant, Told)> = Vec::new();
        while Instant::now() < until {
            let mut one = Told::default();
            one.act(&sandbox, &mut rng);
            told.push((Instant::now(), one));
        }
        let pid = sandbox.daemon_pid();
        let cut = Instant::now();
        cut_power(&home);
        let _ = nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL);
        eventually("it is unmounted", || run("umount", &[&at]));
        assert!(run("mount", &["-o", "loop", &image, &at]), "the file system is whole");
        let status = sandbox.json(&["status"]);
        let history = sandbox.history();
        let about = format!("BD_FAULT_SEED={seed} round {round}: {status}");
        for (when, told) in told {
            let wrong = told.wrong(&history, true);
            if cut - when > BOUND {
                assert!(wrong.is_empty(), "{:?} before, {about}: {wrong:#?}", cut - when);
                logs_are_right(&sandbox, &told, &about);
                all.builds.extend(told.builds);
            } else {
                late += told.builds.len();
                late_lost += wrong.len();
            }
        }
        let wrong = all.wrong(&history, false);
        assert!(wrong.is_empty(), "{about}: {wrong:#?}");
    }
    println!("{} builds kept; of {late} of the last second {late_lost} lost", all.builds.len());
    sandbox.kill_daemon();
    eventually("it is unmounted", || run("umount", &[&at]));
    fs::remove_dir_all(home.join("run")).unwrap_or_default();
}

fn logs_are_right(sandbox: &Sandbox, told: &Told, about: &str) {
    for id in told.builds.keys() {
        let output = sandbox.run(&["wait", "--json", id]);
        let build: Value = serde_json::from_slice(&output.stdout).expect("a build");
        let echoes = build["build"]["command"][0] == "echo";
        let ended = build["build"]["outcome"]["status"] == "ok";
        if echoes && ended {
            let output = sandbox.run(&["logs", id]);
            assert_eq!(output.stdout, b"words\n", "{about}: {output:?}");
        }
    }
}
