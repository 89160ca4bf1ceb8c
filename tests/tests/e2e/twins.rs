//! A story of two who want the same: somebody runs a tool; something happens; somebody else asks for
//! the same.

use bd_tests::git::git;
use bd_tests::{ClientProcess, Flag, Sandbox, eventually};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

/// The words of a call, and where.
pub(crate) type Call<'a> = &'a [&'a str];

pub(crate) struct Story {
    pub(crate) sandbox: Sandbox,
    pub(crate) flag: Flag,
    first: Option<ClientProcess>,
}

impl Story {
    /// In a repository, with tools that wait for a flag, and settings of its own.
    pub(crate) fn new() -> Self {
        let sandbox = Sandbox::with_config("max_executions = 10");
        let flag = Flag::new(sandbox.outside(), "flag");
        let tools = sandbox.outside().join("tools");
        fs::create_dir(&tools).expect("a directory");
        for name in ["cargo", "npm", "go", "make", "pytest", "tsc", "rustc", "mvn"] {
            let script = format!("#!/bin/sh\n{}\n", flag.pass());
            let path = tools.join(name);
            fs::write(&path, script).expect(name);
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect(name);
        }
        let story = Self { sandbox, flag, first: None };
        git(&story.at("ws"), &["init", "--quiet"]);
        story.write("ws/.gitignore", "/target\n/build\n/dist\n.env*\n*.log\n/gen\nnode_modules\n");
        story.write("ws/a.rs", "1");
        git(&story.at("ws"), &["add", "."]);
        git(&story.at("ws"), &["commit", "--quiet", "-m", "one"]);
        story
    }

    pub(crate) fn at(&self, path: &str) -> PathBuf {
        self.sandbox.outside().join(path)
    }

    /// Writes a file whose time of change is not now: what is about to change comes later.
    pub(crate) fn write(&self, path: &str, text: &str) {
        let path = self.at(path);
        fs::create_dir_all(path.parent().expect("a directory")).expect("directories");
        fs::write(&path, text).expect("a file");
    }

    pub(crate) fn ask(&self, call: Call<'_>, environment: &[(&str, &str)]) -> ClientProcess {
        let (options, words) = call.split_at(call.iter().position(|w| *w == "--").unwrap_or(0));
        let words = words.strip_prefix(&["--"]).unwrap_or(words);
        let arguments = [&["run"], options, &["--"], words].concat();
        let mut command = self.sandbox.bdctl(arguments);
        let path = format!("{}:/usr/bin:/bin", self.at("tools").display());
        command.env("PATH", path);
        command.env("CARGO_HOME", self.at("cargo-home"));
        command.env("RUSTUP_HOME", self.at("rustup-home"));
        command.envs(environment.iter().copied());
        self.sandbox.spawn(command)
    }

    pub(crate) fn begin(&mut self, call: Call<'_>) {
        let count = self.sandbox.live().len();
        self.first = Some(self.ask(call, &[]));
        self.sandbox.await_builds("running", count + 1);
    }

    /// Asks once more; what keeps it from sharing, or `None` if it shares.
    pub(crate) fn again(&self, call: Call<'_>, environment: &[(&str, &str)]) -> Option<String> {
        let count = self.sandbox.live().len();
        let session = format!("user:again{count}");
        let environment = [&[("BD_SESSION", &*session)], environment].concat();
        let _client = self.ask(call, &environment);
        self.sandbox.await_builds("running", count + 1);
        let build = || self.sandbox.build_of(&session);
        if !build()["joined"].is_null() {
            return None;
        }
        eventually("it is known why it is alone", || {
            build()["join_reason"].to_string().contains("not shared with")
        });
        Some(build()["join_reason"].to_string())
    }

    pub(crate) fn end(self) {
        self.flag.raise();
    }
}

/// Holds that after `change` nobody joins, and that the reason names `names`.
pub(crate) fn apart(
    call: Call<'_>,
    names: &str,
    prepare: impl Fn(&Story),
    change: impl Fn(&Story),
) {
    let mut story = Story::new();
    prepare(&story);
    story.begin(call);
    assert_eq!(story.again(call, &[]), None, "{call:?} {names}: nothing has changed");
    change(&story);
    let reason = story.again(call, &[]);
    let reason = reason.unwrap_or_else(|| panic!("{call:?} {names}: joined all the same"));
    assert!(reason.contains(names), "{call:?}: {reason}");
    story.end();
}

/// Holds that after `change` others still join.
pub(crate) fn together(call: Call<'_>, prepare: impl Fn(&Story), change: impl Fn(&Story)) {
    let mut story = Story::new();
    prepare(&story);
    story.begin(call);
    change(&story);
    assert_eq!(story.again(call, &[]), None, "{call:?}");
    story.end();
}
