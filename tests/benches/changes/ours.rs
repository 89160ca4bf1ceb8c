//! Our daemon in a home of its own, asked on its socket.

use crate::{skipped, tree};
use bd_tests::Sandbox;
use bd_tests::wire::Wire;
use serde_json::{Value, json};
use std::path::PathBuf;

/// See the [module](self).
pub(crate) struct Ours {
    pub(crate) sandbox: Sandbox,
    wire: Option<Wire>,
}

impl Ours {
    /// A daemon, and a tree of so many files as its workspace, of which it does not know yet.
    /// `None`, with a line that says so, where it has no such question.
    pub(crate) fn with_tree(what: &str, files: usize) -> Option<Self> {
        let sandbox = Sandbox::new();
        let _ = sandbox.ok(&["status"]);
        let mut ours = Self { sandbox, wire: None };
        ours.connect();
        // Asked about an empty directory, so that the tree stays unknown.
        let empty = ours.sandbox.outside().join("empty");
        std::fs::create_dir_all(empty.join(".git")).expect("a directory");
        if let Err(failure) = ours.call(&empty, None) {
            skipped(what, &format!("our daemon does not report changes: {failure}"));
            return None;
        }
        tree::make(&ours.root(), files);
        Some(ours)
    }

    pub(crate) fn root(&self) -> PathBuf {
        self.sandbox.workspace()
    }

    pub(crate) fn connect(&mut self) {
        self.wire = Some(Wire::open(&self.sandbox.socket(), "control"));
    }

    /// The one place that knows how changes are asked for, and that a long answer comes in parts.
    fn call(&mut self, dir: &std::path::Path, since: Option<&str>) -> Result<Value, Value> {
        let wire = self.wire.as_mut().expect("BUG: not connected");
        let (mut after, mut whole) = (Value::Null, Value::Null);
        loop {
            let query = json!({ "place": { "dir": dir }, "since": since, "after": after });
            let mut reply = wire.call(1, &json!({ "Changes": { "query": query } }));
            let mut part = reply["reply"]["Changes"]["Ok"].take();
            let Some(changes) = part["changes"].as_array_mut() else { return Err(reply) };
            let last = changes.last().map(|change| change["path"].clone());
            match whole["changes"].as_array_mut() {
                Some(all) => all.append(changes),
                None => whole = part.clone(),
            }
            match last {
                Some(last) if part["more"] == true => after = last,
                _ => return Ok(whole),
            }
        }
    }

    /// What has changed since, after everything written before the call.
    pub(crate) fn changes(&mut self, since: Option<&str>) -> Value {
        let root = self.root();
        self.call(&root, since).unwrap_or_else(|failure| panic!("{failure}"))
    }

    /// The clock now.
    pub(crate) fn clock(&mut self) -> String {
        clock(&self.changes(None))
    }
}

/// The clock in an answer, for the next question.
pub(crate) fn clock(changes: &Value) -> String {
    changes["clock"].as_str().expect("a clock").to_owned()
}

/// How many changes an answer has.
pub(crate) fn count(changes: &Value) -> usize {
    changes["changes"].as_array().map_or(0, Vec::len)
}
