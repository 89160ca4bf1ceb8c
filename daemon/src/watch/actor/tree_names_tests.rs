//! What the index says that git tracks though it is ignored, beside git's own answer.

use super::*;
use crate::watch::{WorkspaceRegistry, WorkspaceState};
use std::fs;
use std::process::Command;
use std::sync::mpsc;

/// Pseudo-random numbers.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % end
    }

    fn of(&mut self, choices: &[&'static str]) -> &'static str {
        choices[self.below(choices.len())]
    }
}

fn git(dir: &Path, arguments: &[&str]) -> Vec<u8> {
    let identity = ["-c", "user.name=t", "-c", "user.email=t@t"];
    let output = Command::new("git")
        .args(identity)
        .args(arguments)
        .current_dir(dir)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .output()
        .expect("git starts");
    assert!(output.status.success(), "git {arguments:?}: {output:?}");
    output.stdout
}

fn tracked(registry: &WorkspaceRegistry, root: &Path) -> Vec<PathBuf> {
    let (send, receive) = mpsc::channel::<(WorkspaceState, TreeNames)>();
    registry.inputs(root, vec![], move |found| {
        send.send(found.expect("an answer")).expect("somebody waits");
    });
    let names = receive.recv().expect("an answer").1;
    let mut tracked = names.tracked.to_vec();
    tracked.sort();
    tracked
}

#[test]
fn git_says_the_same_of_what_it_tracks_and_ignores() {
    let names = ["a", "b.log", "build", "c", "Über", "d e", "x.o", "deep", "gen"];
    let rules = ["*.log", "/build", "gen/", "x.*", "!x.o", "deep/*", "Ü*", "/c"];
    for seed in 0..24 {
        let mut numbers = Numbers(seed);
        let dir = tempfile::tempdir().expect("a directory");
        let root = dir.path().canonicalize().expect("a path");
        let format = if seed % 3 == 2 { "sha256" } else { "sha1" };
        git(&root, &["init", "-q", "--object-format", format]);
        for _ in 0..40 {
            let depth = 1 + numbers.below(4);
            let path: Vec<_> = (0..depth).map(|_| numbers.of(&names)).collect();
            let path = root.join(path.join("/"));
            // A name may be that of a file already, or of a directory.
            let parent = path.parent().expect("a directory");
            if fs::create_dir_all(parent).is_ok() {
                let _ = fs::write(path, "x");
            }
        }
        git(&root, &["add", "."]);
        git(&root, &["update-index", "--index-version", ["2", "3", "4"][numbers.below(3)]]);
        if numbers.below(3) == 0 {
            git(&root, &["update-index", "--split-index"]);
            fs::write(root.join("later"), "x").expect("a file");
            git(&root, &["add", "later"]);
        }
        let registry = WorkspaceRegistry::new(vec![]);
        for round in 0..3 {
            let some: Vec<_> = (0..round).map(|_| numbers.of(&rules)).collect();
            fs::write(root.join(".gitignore"), some.join("\n")).expect("rules");
            let listed = git(&root, &["ls-files", "-c", "-i", "--exclude-standard", "-z"]);
            let listed = listed.split(|byte| *byte == 0).filter(|path| !path.is_empty());
            let mut expected: Vec<_> =
                listed.map(|path| root.join(OsStr::from_bytes(path))).collect();
            expected.sort();
            assert_eq!(tracked(&registry, &root), expected, "seed {seed}, {some:?}");
        }
    }
}

#[test]
fn a_manifest_that_is_a_pipe_mentions_nothing() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("package.json");
    nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).expect("a pipe");
    assert_eq!(read_mentions("package.json", &path, Path::new("/")), []);
    assert!(tracked(&WorkspaceRegistry::new(vec![]), dir.path()).is_empty());
}
