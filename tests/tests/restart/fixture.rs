//! A workspace that real daemons answer about, held against the oracle.

use bd_daemon::index::{Change, ChangeKind, Changes, Clock, EntryType};
use bd_tests::Sandbox;
use bd_tests::explain::explain;
use bd_tests::oracle::{self, Listing};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

/// A sandbox, and the moments that were asked about.
pub(crate) struct Fixture {
    pub(crate) sandbox: Sandbox,
    pub(crate) past: Vec<(Listing, Clock)>,
}

impl Fixture {
    pub(crate) fn new() -> Self {
        let fixture = Self { sandbox: Sandbox::new(), past: vec![] };
        for path in ["a/b/f0", "a/f1", "b/f2", "f3", "f4"] {
            fixture.write(path, path);
        }
        fixture
    }

    pub(crate) fn at(&self, path: impl AsRef<Path>) -> PathBuf {
        self.sandbox.workspace().join(path)
    }

    pub(crate) fn write(&self, path: &str, text: &str) {
        let path = self.at(path);
        fs::create_dir_all(path.parent().expect("a parent")).expect("directories");
        fs::write(path, text).expect("a file");
    }

    pub(crate) fn really(&self) -> Listing {
        oracle::walk(&self.sandbox.workspace(), &[]).expect("a workspace")
    }

    /// The daemon's digest is the oracle's.
    #[track_caller]
    pub(crate) fn agrees(&self) -> Listing {
        let info = self.sandbox.json(&["ws", "info"]);
        let real = self.really();
        assert_eq!(info["tree_digest"], real.digest.to_string(), "{info}");
        real
    }

    /// Remembers this moment.
    #[track_caller]
    pub(crate) fn mark(&mut self) {
        let clock = changes(&self.sandbox.json(&["changes"])).clock;
        let listing = self.agrees();
        self.past.push((listing, clock));
    }

    /// What is reported since a moment; it is right, whether fresh or not.
    #[track_caller]
    pub(crate) fn since(&self, moment: usize) -> Changes {
        let (then, clock) = &self.past[moment];
        let document = self.sandbox.json(&["changes", "--since", &clock.to_string()]);
        let reported = changes(&document);
        let right = explain(then, &self.really(), &reported);
        right.unwrap_or_else(|error| panic!("since {clock}: {error}\n{reported:#?}"));
        reported
    }

    /// The clock of every moment is known.
    #[track_caller]
    pub(crate) fn all_exact(&self) {
        for moment in 0..self.past.len() {
            let reported = self.since(moment);
            assert!(!reported.fresh, "the clock of moment {moment} is not known: {reported:?}");
        }
    }
}

/// A document of `bdctl changes`.
pub(crate) fn changes(document: &Value) -> Changes {
    let text = |value: &Value| value.as_str().unwrap_or_else(|| panic!("{document}")).to_owned();
    let change = |change: &Value| Change {
        path: text(&change["path"]).into(),
        entry: match change["type"].as_str() {
            Some("file") => EntryType::File,
            Some("dir") => EntryType::Dir,
            Some("symlink") => EntryType::Symlink,
            other => panic!("type {other:?}"),
        },
        kind: match change["kind"].as_str() {
            Some("added") => ChangeKind::Added,
            Some("modified") => ChangeKind::Modified,
            Some("removed") => ChangeKind::Removed,
            Some("renamed") => ChangeKind::Renamed { from: text(&change["from"]).into() },
            other => panic!("kind {other:?}"),
        },
    };
    Changes {
        clock: text(&document["clock"]).parse().expect("a clock"),
        fresh: document["fresh"].as_bool().expect("fresh"),
        changes: document["changes"].as_array().expect("changes").iter().map(change).collect(),
    }
}
