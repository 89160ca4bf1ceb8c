//! The source under test in a child: one that can be stopped, be another user, or have little.

use crate::answers::Answers;
use crate::child_process::{self, ChildProcess};
use crate::source::Source;
use bd_daemon::index::{Change, ChangeKind, Changes, Clock, EntryType};
use bd_daemon::model::Digest;
use bd_daemon::watch::{SourceKind, Summary};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::Signal;
use serde_json::{Value, json};
use std::cell::RefCell;
use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// See the [module](self). Its copies are the same child.
#[derive(Clone, Debug)]
pub struct ChildSource(Rc<RefCell<ChildProcess>>);

impl ChildSource {
    /// Starts one, see [`ChildProcess::start`]; its entry calls [`serve`].
    #[must_use]
    pub fn start(entry: &str, wrapper: &[&str], environment: &[(&str, &str)]) -> Self {
        Self(Rc::new(RefCell::new(ChildProcess::start(entry, wrapper, environment))))
    }

    /// Sends the child a signal.
    pub fn signal(&self, signal: Signal) {
        self.0.borrow().signal(signal);
    }

    /// Lets the child open no more descriptors than it has, or as many as it may.
    ///
    /// # Panics
    ///
    /// When the system does not permit it.
    pub fn set_can_open(&self, can_open: bool) {
        assert_eq!(
            self.ask(&json!({ "ask": "can open", "root": [], "can": can_open })),
            Ok(json!(true))
        );
    }

    fn ask(&self, request: &Value) -> Result<Value, String> {
        let answer = self.0.borrow_mut().call(&request.to_string());
        let mut answer: Value = serde_json::from_str(&answer).expect("JSON");
        match answer["error"].take() {
            Value::String(error) => Err(error),
            _ => Ok(answer["ok"].take()),
        }
    }
}

impl Answers for ChildSource {
    fn info(&mut self, root: &Path) -> Result<Summary, String> {
        self.ask(&json!({ "ask": "info", "root": bytes(root) })).map(|value| summary(root, &value))
    }

    fn changes(&mut self, root: &Path, since: Option<Clock>) -> Result<Changes, String> {
        let since = since.map(|since| since.to_string());
        self.ask(&json!({ "ask": "changes", "root": bytes(root), "since": since }))
            .map(|value| changes(&value))
    }

    fn forget(&mut self, root: &Path) -> bool {
        self.ask(&json!({ "ask": "forget", "root": bytes(root) })) == Ok(json!(true))
    }
}

/// What the child does.
///
/// # Panics
///
/// When it is asked what nobody asks.
pub fn serve() {
    let mut registry = Source::chosen().registry(vec![]);
    child_process::serve(|line| {
        let asked: Value = serde_json::from_str(line).expect("JSON");
        let root = path(&asked["root"]);
        let answer = match asked["ask"].as_str() {
            Some("info") => registry.info(&root).map(|summary| {
                json!({
                    "counts": [summary.files, summary.dirs, summary.bytes, summary.watches],
                    "source": format!("{:?}", summary.source),
                    "clock": summary.clock.map(|clock| clock.to_string()),
                    "digest": summary.tree_digest.map(|digest| digest.0),
                    "warnings": summary.warnings,
                })
            }),
            Some("changes") => {
                let since = asked["since"].as_str().map(|text| text.parse().expect("a clock"));
                registry.changes(&root, since).map(|changes| {
                    let list: Vec<_> = changes.changes.iter().map(change_to_json).collect();
                    json!({
                        "clock": changes.clock.to_string(), "fresh": changes.fresh, "list": list,
                    })
                })
            }
            Some("forget") => Ok(json!(registry.forget(&root))),
            Some("can open") => {
                let (_, most) = getrlimit(Resource::RLIMIT_NOFILE).expect("a limit");
                // Those that are open stay so.
                let now = if asked["can"] == true { most } else { 0 };
                Ok(json!(setrlimit(Resource::RLIMIT_NOFILE, now, most).is_ok()))
            }
            _ => panic!("BUG: {line}"),
        };
        match answer {
            Ok(value) => json!({ "ok": value }),
            Err(error) => json!({ "error": error }),
        }
        .to_string()
    });
}

fn bytes(path: &Path) -> Value {
    json!(path.as_os_str().as_bytes())
}

fn path(value: &Value) -> PathBuf {
    OsString::from_vec(serde_json::from_value(value.clone()).expect("bytes")).into()
}

fn summary(root: &Path, value: &Value) -> Summary {
    let count = |index: usize| value["counts"][index].as_u64().expect("a number");
    let digest: Option<[u8; 32]> = serde_json::from_value(value["digest"].clone()).expect("bytes");
    Summary {
        root: root.to_path_buf(),
        files: count(0),
        dirs: count(1),
        bytes: count(2),
        watches: count(3),
        source: match value["source"].as_str() {
            Some("Inotify") => SourceKind::Inotify,
            Some("Notify") => SourceKind::Notify,
            Some("Poll") => SourceKind::Poll,
            Some("Mixed") => SourceKind::Mixed,
            other => panic!("no source: {other:?}"),
        },
        clock: value["clock"].as_str().map(|text| text.parse().expect("a clock")),
        tree_digest: digest.map(Digest),
        last_sync_ms: None,
        warnings: serde_json::from_value(value["warnings"].clone()).expect("texts"),
    }
}

fn change_to_json(change: &Change) -> Value {
    let (kind, from) = match &change.kind {
        ChangeKind::Added => ("+", None),
        ChangeKind::Modified => ("~", None),
        ChangeKind::Removed => ("-", None),
        ChangeKind::Renamed { from } => (">", Some(bytes(from))),
    };
    let entry = match change.entry {
        EntryType::File => "f",
        EntryType::Dir => "d",
        EntryType::Symlink => "l",
    };
    json!([kind, entry, bytes(&change.path), from])
}

fn changes(value: &Value) -> Changes {
    let change = |value: &Value| Change {
        path: path(&value[2]),
        kind: match value[0].as_str() {
            Some("+") => ChangeKind::Added,
            Some("~") => ChangeKind::Modified,
            Some("-") => ChangeKind::Removed,
            _ => ChangeKind::Renamed { from: path(&value[3]) },
        },
        entry: match value[1].as_str() {
            Some("f") => EntryType::File,
            Some("d") => EntryType::Dir,
            _ => EntryType::Symlink,
        },
    };
    Changes {
        clock: value["clock"].as_str().expect("a clock").parse().expect("a clock"),
        fresh: value["fresh"].as_bool().expect("a truth"),
        changes: value["list"].as_array().expect("a list").iter().map(change).collect(),
    }
}
