//! Homes that are not to be trusted: bdctl says so, names the path and a remedy, and touches
//! nothing.

use bd_tests::{Sandbox, programs};
use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, Permissions};
use std::os::unix::fs::{
    DirBuilderExt as _, MetadataExt as _, PermissionsExt as _, chown, symlink,
};
use std::path::{Path, PathBuf};
use std::process::Output;

/// A place for homes, and a `bdd` that only tells that it was started.
struct Place {
    sandbox: Sandbox,
}

impl Place {
    fn new() -> Self {
        let place = Self { sandbox: Sandbox::new() };
        let bdd = place.path("bdd");
        fs::write(&bdd, format!("#!/bin/sh\n>'{}'\n", place.path("started").display()))
            .expect("a program");
        fs::set_permissions(bdd, Permissions::from_mode(0o755)).expect("a program");
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.sandbox.outside().join(name)
    }

    /// A directory with this mode.
    fn directory(&self, name: &str, mode: u32) -> PathBuf {
        let path = self.path(name);
        DirBuilder::new().recursive(true).mode(0o700).create(&path).expect("a directory");
        fs::set_permissions(&path, Permissions::from_mode(mode)).expect("a mode");
        path
    }

    fn bdctl(&self, home: &Path, arguments: &[&str]) -> Output {
        let mut bdctl = self.sandbox.bdctl(arguments);
        bdctl.env("BD_HOME", home).env("BD_DAEMON", self.path("bdd"));
        bdctl.output().expect("bdctl starts")
    }

    /// Everything in the place: path, and owner, mode and size.
    fn everything(&self) -> BTreeMap<PathBuf, (u32, u32, u64)> {
        let mut found = BTreeMap::new();
        let mut dirs = vec![self.sandbox.outside().to_path_buf()];
        while let Some(dir) = dirs.pop() {
            for entry in fs::read_dir(dir).expect("a directory").flatten() {
                let about = entry.metadata().expect("an entry");
                if about.is_dir() {
                    dirs.push(entry.path());
                }
                found.insert(entry.path(), (about.uid(), about.mode(), about.size()));
            }
        }
        found
    }

    /// Every way to the daemon of `home` ends with 125, a sentence that says `says` and names
    /// `named`, and a hint; and leaves all as it was.
    fn refuses(&self, home: &Path, named: &Path, says: &str) {
        let before = self.everything();
        let ways: [&[&str]; 6] = [
            &["status"],
            &["run", "--", "true"],
            &["history"],
            &["daemon", "start"],
            &["daemon", "stop"],
            &["daemon", "status"],
        ];
        for way in ways {
            let output = self.bdctl(home, way);
            let stderr = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(125), "{way:?}: {output:?}");
            assert!(stderr.contains(named.to_str().expect("UTF-8")), "{way:?}: {stderr}");
            assert!(stderr.contains(says), "{way:?}: {stderr}");
            assert!(stderr.contains("\nhint: "), "{way:?}: {stderr}");
        }
        assert_eq!(self.everything(), before, "something was created or changed");
    }

    /// The daemon, started by hand, refuses as well.
    fn daemon_refuses(&self, home: &Path, named: &Path) {
        let before = self.everything();
        let output = std::process::Command::new(programs::bdd())
            .env("BD_HOME", home)
            .output()
            .expect("bdd starts");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(125), "{output:?}");
        assert!(stderr.contains(named.to_str().expect("UTF-8")), "{stderr}");
        assert!(stderr.contains("hint: "), "{stderr}");
        assert_eq!(self.everything(), before, "something was created or changed");
    }
}

#[test]
fn a_home_that_is_a_link_is_refused() {
    let place = Place::new();
    let home = place.path("link");
    symlink(place.directory("elsewhere", 0o700), &home).expect("a link");
    place.refuses(&home, &home, "a link or a file");
    place.daemon_refuses(&home, &home);
}

#[test]
fn a_home_that_is_a_link_to_nowhere_is_refused() {
    let place = Place::new();
    let home = place.path("link");
    symlink(place.path("nowhere"), &home).expect("a link");
    place.refuses(&home, &home, "a link or a file");
    place.daemon_refuses(&home, &home);
}

#[test]
fn a_runtime_directory_that_is_a_link_is_refused() {
    let place = Place::new();
    let run = place.directory("h", 0o700).join("run");
    symlink(place.directory("elsewhere", 0o700), &run).expect("a link");
    place.refuses(&place.path("h"), &run, "a link or a file");
    place.daemon_refuses(&place.path("h"), &run);
}

#[test]
fn a_home_that_is_a_file_is_refused() {
    let place = Place::new();
    let home = place.path("file");
    fs::write(&home, "mine").expect("a file");
    place.refuses(&home, &home, "a link or a file");
    place.daemon_refuses(&home, &home);
}

#[test]
fn a_home_below_a_file_is_refused() {
    let place = Place::new();
    fs::write(place.path("file"), "mine").expect("a file");
    let home = place.path("file/home");
    place.refuses(&home, &home, "Not a directory");
    place.daemon_refuses(&home, &home);
}

#[test]
fn directories_of_another_user_are_refused() {
    if !nix::unistd::geteuid().is_root() {
        bd_tests::skip("only root can give a directory away");
        return;
    }
    for name in ["h", "h/run"] {
        let place = Place::new();
        let path = place.directory(name, 0o700);
        chown(&path, Some(65534), Some(65534)).expect("given away");
        place.refuses(&place.path("h"), &path, "belongs to another user (uid 65534)");
        place.daemon_refuses(&place.path("h"), &path);
    }
}

#[test]
fn directories_that_others_may_write_to_are_refused() {
    for (name, mode) in [
        ("h", 0o777),
        ("h", 0o770),
        ("h", 0o702),
        ("h", 0o1777),
        ("h/run", 0o777),
        ("h/run", 0o770),
        ("h/state", 0o770),
        ("h/state/output", 0o770),
    ] {
        let place = Place::new();
        let path = place.directory(name, mode);
        let says = format!("(mode {mode:04o})");
        if name.starts_with("h/state") {
            // Only who starts a daemon has to do with it.
            place.daemon_refuses(&place.path("h"), &path);
            continue;
        }
        place.refuses(&place.path("h"), &path, &says);
        place.daemon_refuses(&place.path("h"), &path);
    }
}

#[test]
fn a_home_that_others_may_look_into_is_closed_whatever_the_mask() {
    let sandbox = Sandbox::new();
    let home = sandbox.home();
    for dir in ["", "logs", "run", "state"] {
        fs::create_dir_all(home.join(dir)).expect("a directory");
        fs::set_permissions(home.join(dir), Permissions::from_mode(0o755)).expect("a mode");
    }
    let mut run = std::process::Command::new("sh");
    let bdctl = sandbox.bdctl(["run", "-q", "--", "sh", "-c", "exit 0", "--password=CANARY"]);
    run.args(["-c", "umask 000; exec \"$0\" \"$@\""])
        .arg(bdctl.get_program())
        .args(bdctl.get_args());
    run.current_dir(sandbox.workspace()).env_clear();
    run.envs(bdctl.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let output = run.output().expect("sh starts");
    assert!(output.status.success(), "{output:?}");
    let _ = sandbox.ok(&["daemon", "stop"]);
    let mut dirs = vec![home];
    while let Some(dir) = dirs.pop() {
        let about = dir.symlink_metadata().expect("there");
        assert_eq!(about.mode() & 0o077, 0, "{} {:o}", dir.display(), about.mode());
        if about.is_dir() {
            dirs.extend(fs::read_dir(dir).expect("a list").map(|entry| entry.expect("one").path()));
        }
    }
}

#[test]
fn the_hint_for_an_open_home_mends_it() {
    let sandbox = Sandbox::new();
    fs::create_dir(sandbox.home()).expect("a home");
    fs::set_permissions(sandbox.home(), Permissions::from_mode(0o777)).expect("a mode");
    let refused = sandbox.run(&["status"]);
    let stderr = String::from_utf8(refused.stderr).expect("UTF-8");
    let remedy = format!("chmod 700 {}", sandbox.home().display());
    assert!(stderr.contains(&remedy), "{stderr}");
    let done = std::process::Command::new("sh").args(["-c", &remedy]).status().expect("sh starts");
    assert!(done.success());
    assert_eq!(sandbox.ok(&["run", "--quiet", "--", "echo", "mended"]), "mended\n");
}

#[test]
fn a_home_whose_socket_would_have_too_long_a_path_is_refused() {
    let place = Place::new();
    let home = place.path(&"long".repeat(30));
    place.refuses(&home, &home.join("run/bdd.sock"), "longer than 103 bytes");
    place.daemon_refuses(&home, &home.join("run/bdd.sock"));
}

#[test]
fn the_longest_path_that_is_allowed_works() {
    let place = Place::new();
    let here = place.sandbox.outside().as_os_str().len() + "/".len() + "/run/bdd.sock".len();
    let home = place.path(&"x".repeat(103 - here));
    let bdctl = |arguments: &[&str]| {
        let mut bdctl = place.sandbox.bdctl(arguments);
        bdctl.env("BD_HOME", &home).output().expect("bdctl starts")
    };
    let served = bdctl(&["run", "--quiet", "--", "echo", "served"]);
    let stopped = bdctl(&["daemon", "stop"]);
    assert_eq!(served.stdout, b"served\n", "{served:?}");
    assert!(stopped.status.success(), "{stopped:?}");
}

#[test]
fn a_home_that_is_not_absolute_is_refused() {
    let place = Place::new();
    for home in ["home", "./home", "../home", "."] {
        place.refuses(Path::new(home), Path::new(home), "not an absolute path");
        place.daemon_refuses(Path::new(home), Path::new(home));
    }
}
