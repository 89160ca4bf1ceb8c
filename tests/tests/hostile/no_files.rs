//! What is no file where one is expected: a pipe that nobody writes to, a device without end, and
//! more than anybody wrote. Every question is answered, what is wrong is named, and nothing grows.

use bd_tests::Sandbox;
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What may stand in a file's place, and what is said of it.
const KINDS: [(Make, &str); 3] = [(pipe, "a named pipe"), (endless, "a device"), (huge, "large")];

type Make = fn(&Path);

/// Memory of the daemon that none of these may take it to.
const MOST_RSS_BYTES: u64 = 200 << 20;

fn pipe(at: &Path) {
    mkfifo(at, Mode::S_IRWXU).expect("a pipe");
}

fn endless(at: &Path) {
    symlink("/dev/zero", at).expect("a link");
}

fn huge(at: &Path) {
    File::create(at).and_then(|file| file.set_len(64 << 20)).expect("a sparse file");
}

/// A workspace with a checkout's directories and without that file.
fn workspace(sandbox: &Sandbox, number: usize, file: &str) -> PathBuf {
    let root = sandbox.outside().join(format!("w{number}"));
    let at = root.join(file);
    fs::create_dir_all(at.parent().expect("a parent")).expect("directories");
    if file != ".git" {
        for dir in [".git/info", ".git/objects", ".git/refs"] {
            fs::create_dir_all(root.join(dir)).expect("directories");
        }
        fs::write(root.join(".git/HEAD"), "ref: refs/heads/main\n").expect("a file");
    }
    fs::write(root.join("input"), "x").expect("a file");
    root
}

/// The warnings about a workspace, which answers and whose changes are seen.
fn warnings(sandbox: &Sandbox, root: &Path, home: &Path) -> String {
    let ask = |arguments: &[&str]| {
        let mut bdctl: Command = sandbox.bdctl(arguments);
        bdctl.current_dir(root).env("HOME", home);
        let output = sandbox.spawn(bdctl).output();
        assert!(output.status.success(), "{}: {arguments:?}: {output:?}", root.display());
        String::from_utf8(output.stdout).expect("UTF-8")
    };
    let clock: serde_json::Value =
        serde_json::from_str(&ask(&["changes", "--json"])).expect("a document");
    fs::write(root.join("input"), "another").expect("a file");
    let clock = clock["clock"].as_str().expect("a clock").to_owned();
    let changes = ask(&["changes", "--since", &clock]);
    assert!(changes.contains("input"), "{}: {changes}", root.display());
    ask(&["ws", "info"])
}

#[test]
fn whatever_stands_where_a_workspace_has_a_file_is_named_and_never_waited_for() {
    let sandbox = Sandbox::new();
    let home = sandbox.outside().to_path_buf();
    let mut number = 0;
    for file in [
        ".git",
        ".git/commondir",
        ".git/config",
        ".git/info/exclude",
        ".gitignore",
        ".bdignore",
        "sub/.ignore",
        "bd.toml",
    ] {
        for (make, says) in KINDS {
            number += 1;
            let root = workspace(&sandbox, number, file);
            make(&root.join(file));
            let told = warnings(&sandbox, &root, &home);
            if file == ".gitignore" && says == "a device" {
                // A link there has no rules to git.
                assert!(told.contains(".gitignore: it is a symbolic link"), "{told}");
                continue;
            }
            let name = file.rsplit('/').next().expect("a name");
            assert!(told.contains(says) && told.contains(name), "{file}, {says}: {told}");
        }
    }
    let status = sandbox.json(&["status"]);
    let rss = status["daemon"]["rss_bytes"].as_u64().expect("a size");
    assert!(rss < MOST_RSS_BYTES, "{rss}");
}

#[test]
fn whatever_stands_where_a_user_has_a_file_is_named_and_never_waited_for() {
    for (make, says) in KINDS {
        for (file, config) in [
            (".gitconfig", ""),
            (".config/git/config", ""),
            (".config/git/ignore", ""),
            ("excludes", "[core]\nexcludesFile = ~/excludes\n"),
            ("included", "[include]\npath = ~/included\n"),
        ] {
            let sandbox = Sandbox::new();
            let home = sandbox.outside().join("user");
            fs::create_dir_all(home.join(".config/git")).expect("directories");
            if !config.is_empty() {
                fs::write(home.join(".gitconfig"), config).expect("a file");
            }
            make(&home.join(file));
            let root = workspace(&sandbox, 0, "input");
            let told = warnings(&sandbox, &root, &home);
            let name = file.rsplit('/').next().expect("a name");
            assert!(told.contains(says) && told.contains(name), "{file}, {says}: {told}");
        }
    }
}

#[test]
fn a_configuration_that_is_no_file_is_refused_with_its_name() {
    for (make, says) in KINDS {
        let sandbox = Sandbox::with_config("");
        fs::remove_file(sandbox.home().join("config.toml")).expect("removed");
        make(&sandbox.home().join("config.toml"));
        let output = sandbox.run(&["daemon", "start"]);
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(125), "{told}");
        assert!(told.contains("config.toml") && told.contains(says), "{told}");
    }
}
