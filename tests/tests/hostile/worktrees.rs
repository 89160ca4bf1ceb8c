//! Many worktrees of one repository, each a workspace: what the system gives only so many of is
//! shared.
//!
//! `BD_WORKTREES` and `BD_WORKTREE_FILES` make it larger.

use bd_tests::daemon_probe::resident_bytes;
use bd_tests::git::git;
use bd_tests::rng::number;
use bd_tests::{Sandbox, eventually, skip};
use nix::unistd::Pid;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

/// Threads for workspaces that the daemon may have while nothing runs: the one that waits, and one that
/// may be about to end. How many the database keeps, seven or some more, is its own affair.
const MAX_THREADS: usize = 2;

/// Memory of the whole daemon with two hundred worktrees of a thousand files, in bytes.
const MAX_RESIDENT: u64 = 80 << 20;

fn worktrees(sandbox: &Sandbox, count: u64, files: u64) -> Vec<PathBuf> {
    let main = sandbox.workspace();
    for file in 0..files {
        let dir = main.join(format!("d{}", file / 20));
        fs::create_dir_all(&dir).expect("a directory");
        fs::write(dir.join(format!("f{file}")), format!("{file}")).expect("a file");
    }
    git(&main, &["init", "-q"]);
    git(&main, &["add", "."]);
    git(&main, &["commit", "-q", "-m", "all"]);
    let tree = |number| {
        let path = sandbox.outside().join(format!("tree{number}"));
        git(&main, &["worktree", "add", "-q", path.to_str().expect("UTF-8")]);
        path
    };
    (0..count).map(tree).collect()
}

fn instances_of_inotify(pid: Pid) -> usize {
    let open = fs::read_dir(format!("/proc/{pid}/fd")).expect("a process").flatten();
    let links = open.filter_map(|fd| fs::read_link(fd.path()).ok());
    links.filter(|link| link.to_string_lossy().contains("inotify")).count()
}

fn clock(sandbox: &Sandbox, dir: &Path) -> String {
    let dir = dir.to_str().expect("UTF-8");
    let found = sandbox.json(&["changes", dir]);
    found["clock"].as_str().expect("a clock").to_owned()
}

#[test]
fn many_worktrees_share_one_instance_of_inotify_and_few_threads() {
    let (count, files) = (number("BD_WORKTREES", 40), number("BD_WORKTREE_FILES", 100));
    let sandbox = Sandbox::new();
    let trees = worktrees(&sandbox, count, files);
    let began = Instant::now();
    let clocks: Vec<_> = trees.iter().map(|tree| clock(&sandbox, tree)).collect();
    let first = began.elapsed();
    for (number, tree) in trees.iter().enumerate() {
        fs::write(tree.join("d0/f0"), format!("edit {number}")).expect("an edit");
    }
    let began = Instant::now();
    for (tree, clock) in trees.iter().zip(&clocks) {
        let dir = tree.to_str().expect("UTF-8");
        let found = sandbox.json(&["changes", "--since", clock, dir]);
        assert_eq!(found["fresh"], false, "{dir} was given up");
        let changes = found["changes"].as_array().expect("changes");
        let paths: Vec<_> = changes.iter().map(|change| &change["path"]).collect();
        assert_eq!(paths, ["d0/f0"], "{dir}");
    }
    let later = began.elapsed();
    let pid = sandbox.daemon_pid();
    let threads = || fs::read_dir(format!("/proc/{pid}/task")).expect("a process").count();
    let during = threads();
    // Those that helped with a burst end a moment later.
    let of_workspaces = || {
        let tasks = fs::read_dir(format!("/proc/{pid}/task")).expect("a process").flatten();
        let names = tasks.filter_map(|task| fs::read_to_string(task.path().join("comm")).ok());
        names.filter(|name| name.trim() == "workspace").count()
    };
    eventually("only the threads that stay", || of_workspaces() <= MAX_THREADS);
    let resident = resident_bytes(pid);
    println!(
        "{count} worktrees of {files} files: {} instances, {during} threads, {} at rest, {} MiB; \
         first question {first:?}, later {later:?} in all",
        instances_of_inotify(pid),
        threads(),
        resident >> 20,
    );
    if cfg!(target_os = "linux") {
        assert!(instances_of_inotify(pid) <= 2);
    }
    assert!(resident <= MAX_RESIDENT, "{resident} bytes of memory");
}

#[test]
fn where_inotify_is_used_up_workspaces_are_polled_and_it_is_said() {
    // Of a namespace of the test's own, so that nobody else has less.
    let without = |command: &str| {
        let mut unshare = Command::new("unshare");
        let script = format!("echo 0 > /proc/sys/user/max_inotify_instances || exit 42\n{command}");
        unshare.args(["--user", "--map-root-user", "sh", "-c", &script]);
        unshare
    };
    if !without("true").status().is_ok_and(|status| status.success()) {
        return skip("user namespaces are not permitted here");
    }
    let sandbox = Sandbox::new();
    fs::write(sandbox.workspace().join("file"), "1").expect("a file");
    let bdctl = sandbox.bdctl(["daemon", "start"]);
    let program = bdctl.get_program().to_str().expect("UTF-8").to_owned();
    let mut all = without(&format!(
        "set -e; {program} daemon start >/dev/null
         clock=$({program} changes | sed 's,^clock ,,')
         echo 2 > file
         {program} changes --since \"$clock\"
         {program} ws info
         {program} daemon stop >/dev/null"
    ));
    all.env_clear().envs(bdctl.get_envs().filter_map(|(name, value)| Some((name, value?))));
    all.current_dir(sandbox.workspace());
    let output = all.output().expect("unshare starts");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{output:?}");
    assert!(text.contains("file"), "the edit: {output:?}");
    assert!(text.contains("all files are checked each time"), "{output:?}");
    assert!(text.contains("max_user_instances"), "the remedy: {output:?}");
}
