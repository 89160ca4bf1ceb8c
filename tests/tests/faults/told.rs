//! What clients were told, to be held against what a later daemon says.

use bd_daemon::index::Clock;
use bd_tests::Sandbox;
use bd_tests::rng::Rng;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;

/// How a build ended, as a client was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// Only that there is such a build.
    Unknown,
    /// With this exit code.
    Code(i64),
    /// By a cancel that was answered.
    Cancelled,
}

/// What one client was told.
#[derive(Debug, Default)]
pub(crate) struct Told {
    pub(crate) builds: BTreeMap<String, End>,
    /// The clock of a workspace after an edit.
    pub(crate) clock: Option<Clock>,
}

impl Told {
    /// Does something as a client does, and takes note of what is told.
    pub(crate) fn act(&mut self, sandbox: &Sandbox, rng: &mut Rng) {
        let kind = rng.below(4);
        self.act_as(sandbox, kind, rng);
    }

    /// Does what clients of this kind, of four, do.
    pub(crate) fn act_as(&mut self, sandbox: &Sandbox, kind: u64, rng: &mut Rng) {
        match kind {
            0 => self.run(sandbox, &["--", "sh", "-c", "exit 3"]),
            1 => self.run(sandbox, &["--", "echo", "words"]),
            2 => {
                let Some(id) = self.detach(sandbox, &["--", "sleep", "100"]) else { return };
                let output = sandbox.run(&["cancel", "--json", &id]);
                let document: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
                // It may have ended before.
                if document["build"]["outcome"]["status"] == "cancelled" {
                    self.builds.insert(id, End::Cancelled);
                }
            }
            _ => self.edit(sandbox, rng.bits()),
        }
    }

    fn run(&mut self, sandbox: &Sandbox, arguments: &[&str]) {
        if let Some(id) = self.detach(sandbox, arguments) {
            self.wait(sandbox, &id);
        }
    }

    fn detach(&mut self, sandbox: &Sandbox, arguments: &[&str]) -> Option<String> {
        let output = sandbox.run(&[&["run", "--detach"], arguments].concat());
        let id = String::from_utf8(output.stdout).ok()?.trim().to_owned();
        if !output.status.success() || id.is_empty() {
            return None;
        }
        self.builds.insert(id.clone(), End::Unknown);
        Some(id)
    }

    fn wait(&mut self, sandbox: &Sandbox, id: &str) {
        let output = sandbox.run(&["wait", "--json", id]);
        let document: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        let outcome = &document["build"]["outcome"];
        if let (Some("ok" | "failed"), Some(code)) =
            (outcome["status"].as_str(), outcome["exit_code"].as_i64())
        {
            self.builds.insert(id.to_owned(), End::Code(code));
        }
    }

    /// Edits a file and asks for the clock.
    pub(crate) fn edit(&mut self, sandbox: &Sandbox, content: u64) {
        fs::write(sandbox.workspace().join("edited"), content.to_string()).expect("a file");
        let output = sandbox.run(&["changes", "--json"]);
        let document: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        self.clock = document["clock"].as_str().and_then(|clock| clock.parse().ok()).or(self.clock);
    }

    /// What is not as it was told, where `lost` says whether it may be said to be lost.
    pub(crate) fn wrong(&self, history: &[Value], may_be_lost: bool) -> Vec<String> {
        let by_id: BTreeMap<_, _> =
            history.iter().filter_map(|build| Some((build["id"].as_str()?, build))).collect();
        let wrong = self.builds.iter().filter_map(|(id, end)| {
            let Some(build) = by_id.get(id.as_str()) else {
                return Some(format!("{id} ({end:?}) is unknown"));
            };
            let outcome = &build["outcome"];
            let said = outcome["message"].as_str().is_some_and(|message| message.contains("lost"));
            let right = match end {
                End::Unknown => true,
                End::Code(code) => outcome["exit_code"].as_i64() == Some(*code),
                End::Cancelled => outcome["status"] == "cancelled",
            };
            (!(right || said && may_be_lost)).then(|| format!("{id} ({end:?}): {build}"))
        });
        wrong.collect()
    }
}
