//! What is stored of builds, executions and attempts, and the conversion from and to the model.
//! Fields may be added with a default; a change of meaning needs a new version of the layout.

use super::difference;
use super::history_scope::HistoryScope;
use super::output_record::OutputRecord;
use crate::model::{
    AttemptId, AttemptResult, BuildId, BuildView, Command, ExecutionId, Exit, JoinReason, Outcome,
    OutcomeSource, Phase, Presentation, Priority, Status, WaitReason,
};
use serde::{Deserialize, Serialize};
use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Bytes of the operating system, as they are: paths and arguments need not be UTF-8. The
/// environment is not among them; it is never stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum Raw {
    Text(String),
    Bytes(Vec<u8>),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct BuildRecord {
    pub(super) id: u64,
    argv: Vec<Raw>,
    cwd: Raw,
    root: Raw,
    session: String,
    priority: String,
    pub(super) submitted_ms: u64,
    started_ms: Option<u64>,
    execution: Option<u64>,
    joined: bool,
    join_reason: String,
    join_detail: Option<String>,
    estimate_ms: Option<u64>,
    /// Its output has both streams in one.
    #[serde(default)]
    one_stream: bool,
    /// It was told to use colours.
    #[serde(default)]
    colors: bool,
    /// Absent until the build ends; it stays absent when the daemon was killed first.
    pub(super) end: Option<EndRecord>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct EndRecord {
    ended_ms: u64,
    status: String,
    result: Option<ResultRecord>,
    moved: Option<Vec<Raw>>,
    source: String,
    message: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ResultRecord {
    exit: String,
    code: Option<i32>,
    detail: Option<String>,
    duration_ms: u64,
    cpu_ms: u64,
    peak_rss_bytes: u64,
}

/// An execution: where it ran, and for which build it was begun.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ExecutionRecord {
    pub(super) id: u64,
    pub(super) build: u64,
    pub(super) root: Raw,
    pub(super) started_ms: u64,
    /// Its output. Absent until it ends, and in what was written before it was recorded.
    #[serde(default)]
    pub(super) output: Option<OutputRecord>,
}

/// An attempt; without a result until it ends, and for good when the daemon was killed first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct AttemptRecord {
    pub(super) id: u64,
    pub(super) execution: u64,
    pub(super) result: Option<ResultRecord>,
}

impl Raw {
    pub(super) fn from_path(path: &Path) -> Self {
        Self::from_os(path.as_os_str())
    }

    pub(super) fn into_path(self) -> PathBuf {
        self.into_os().into()
    }

    fn from_os(text: &std::ffi::OsStr) -> Self {
        text.to_str()
            .map_or_else(|| Self::Bytes(text.as_bytes().to_vec()), |t| Self::Text(t.into()))
    }

    fn into_os(self) -> OsString {
        match self {
            Self::Text(text) => text.into(),
            Self::Bytes(bytes) => OsString::from_vec(bytes),
        }
    }
}

/// Pairs of a value and its name in the store; a name that is not known reads as the last one.
macro_rules! names {
    ($write:ident, $read:ident, $type:ty, $($value:path = $name:literal),+; else $other:path) => {
        fn $write(value: $type) -> String {
            match value { $($value => $name,)+ }.to_owned()
        }

        fn $read(name: &str) -> $type {
            match name { $($name => $value,)+ _ => $other }
        }
    };
}

names!(write_status, read_status, Status,
    Status::Ok = "ok", Status::Failed = "failed", Status::Cancelled = "cancelled",
    Status::TimedOut = "timed_out", Status::Interrupted = "interrupted", Status::NotRun = "not_run",
    Status::Skipped = "skipped", Status::Error = "error"; else Status::Error);
names!(write_source, read_source, OutcomeSource,
    OutcomeSource::Executed = "executed", OutcomeSource::Joined = "joined";
    else OutcomeSource::Executed);
names!(write_priority, read_priority, Priority,
    Priority::Background = "background", Priority::Agent = "agent", Priority::Editor = "editor",
    Priority::User = "user"; else Priority::Background);

fn write_join(reason: &JoinReason) -> (String, Option<String>) {
    let (name, detail) = match reason {
        JoinReason::KnownTool(tool) => ("known_tool", Some(tool.clone())),
        JoinReason::Asked => ("asked", None),
        JoinReason::NotABuild => ("not_a_build", None),
        JoinReason::Refused => ("refused", None),
        JoinReason::Interactive => ("interactive", None),
        JoinReason::NoState(why) => ("no_state", Some(why.clone())),
        JoinReason::WouldWaitForItself => ("would_wait_for_itself", None),
        JoinReason::Apart { from, by } => ("apart", Some(difference::write(*from, by))),
    };
    (name.to_owned(), detail)
}

fn read_join(name: &str, detail: Option<String>) -> JoinReason {
    let detail = detail.unwrap_or_default();
    match name {
        "known_tool" => JoinReason::KnownTool(detail),
        "asked" => JoinReason::Asked,
        "refused" => JoinReason::Refused,
        "interactive" => JoinReason::Interactive,
        "no_state" => JoinReason::NoState(detail),
        "would_wait_for_itself" => JoinReason::WouldWaitForItself,
        "apart" => difference::read(&detail).unwrap_or(JoinReason::NotABuild),
        _ => JoinReason::NotABuild,
    }
}

impl ResultRecord {
    fn of(result: &AttemptResult) -> Self {
        let (exit, code, detail) = match &result.exit {
            Exit::Code(code) => ("code", Some(*code), None),
            Exit::Signal(signal) => ("signal", Some(*signal), None),
            Exit::NotFound(why) => ("not_found", None, Some(why)),
            Exit::NotExecutable(why) => ("not_executable", None, Some(why)),
            Exit::Error(why) => ("error", None, Some(why)),
        };
        Self {
            exit: exit.to_owned(),
            code,
            detail: detail.cloned(),
            duration_ms: result.duration_ms,
            cpu_ms: result.cpu_ms,
            peak_rss_bytes: result.peak_rss_bytes,
        }
    }

    fn into_result(self) -> AttemptResult {
        let detail = self.detail.unwrap_or_default();
        let exit = match (self.exit.as_str(), self.code) {
            ("code", Some(code)) => Exit::Code(code),
            ("signal", Some(signal)) => Exit::Signal(signal),
            ("not_found", _) => Exit::NotFound(detail),
            ("not_executable", _) => Exit::NotExecutable(detail),
            _ => Exit::Error(detail),
        };
        AttemptResult {
            exit,
            duration_ms: self.duration_ms,
            cpu_ms: self.cpu_ms,
            peak_rss_bytes: self.peak_rss_bytes,
        }
    }
}

impl AttemptRecord {
    pub(super) fn of(
        id: AttemptId,
        execution: ExecutionId,
        result: Option<&AttemptResult>,
    ) -> Self {
        Self { id: id.0, execution: execution.0, result: result.map(ResultRecord::of) }
    }
}

impl BuildRecord {
    pub(super) fn of(view: &BuildView) -> Self {
        let (started_ms, end) = match &view.phase {
            Phase::Waiting(_) => (None, None),
            Phase::Running { started_ms } => (Some(*started_ms), None),
            Phase::Ended { started_ms, ended_ms, outcome } => {
                let end = EndRecord {
                    ended_ms: *ended_ms,
                    status: write_status(outcome.status),
                    result: outcome.result.as_ref().map(ResultRecord::of),
                    moved: outcome
                        .moved
                        .as_ref()
                        .map(|paths| paths.iter().map(|path| Raw::from_path(path)).collect()),
                    source: write_source(outcome.source),
                    message: outcome.message.clone(),
                };
                (*started_ms, Some(end))
            }
        };
        let (join_reason, join_detail) = write_join(&view.join_reason);
        Self {
            id: view.id.0,
            argv: view.command.argv.iter().map(|word| Raw::from_os(word)).collect(),
            cwd: Raw::from_path(&view.command.cwd),
            root: Raw::from_path(&view.command.root),
            session: view.session.clone(),
            priority: write_priority(view.priority),
            submitted_ms: view.submitted_ms,
            started_ms,
            execution: view.execution.map(|id| id.0),
            joined: view.joined,
            join_reason,
            join_detail,
            estimate_ms: view.estimate_ms,
            one_stream: view.output.one_stream,
            colors: view.output.colors,
            end,
        }
    }

    fn is_lost(&self) -> bool {
        matches!(&self.root, Raw::Text(root) if root.is_empty())
    }

    /// Whether it ran there.
    pub(super) fn is_in(&self, scope: &HistoryScope) -> bool {
        match scope {
            HistoryScope::All => true,
            // Where it ran is lost: it may have been anywhere.
            _ if self.is_lost() => true,
            HistoryScope::Under(dir) => Path::new(&self.cwd.clone().into_os()).starts_with(dir),
            HistoryScope::Workspace(root) => Path::new(&self.root.clone().into_os()) == root,
        }
    }

    /// The same build, ended because its daemon was.
    pub(super) fn interrupted(mut self, now_ms: u64) -> Self {
        let outcome = Outcome::without_attempt(
            if self.started_ms.is_some() { Status::Interrupted } else { Status::NotRun },
            Some("the daemon ended before the build did".to_owned()),
        );
        self.end = Some(EndRecord {
            ended_ms: now_ms.max(self.submitted_ms),
            status: write_status(outcome.status),
            result: None,
            moved: None,
            source: write_source(if self.joined {
                OutcomeSource::Joined
            } else {
                OutcomeSource::Executed
            }),
            message: outcome.message,
        });
        self
    }

    /// In the place of a build of which nothing is known but that it was.
    pub(super) fn lost(id: u64, submitted_ms: u64) -> Self {
        Self {
            id,
            argv: vec![Raw::Text("(lost)".to_owned())],
            cwd: Raw::Text("/".to_owned()),
            root: Raw::Text(String::new()),
            session: String::new(),
            priority: write_priority(Priority::User),
            submitted_ms,
            started_ms: None,
            execution: None,
            joined: false,
            join_reason: write_join(&JoinReason::NotABuild).0,
            join_detail: None,
            estimate_ms: None,
            one_stream: false,
            colors: false,
            end: None,
        }
    }

    /// The same build, whose end was recorded and is lost.
    pub(super) fn end_lost(mut self, now_ms: u64) -> Self {
        self.end = Some(EndRecord {
            ended_ms: now_ms.max(self.submitted_ms),
            status: write_status(Status::Error),
            result: None,
            moved: None,
            source: write_source(OutcomeSource::Executed),
            message: Some("its record was lost when the store was damaged".to_owned()),
        });
        self
    }

    pub(super) fn into_view(self) -> BuildView {
        let phase = match (self.end, self.started_ms) {
            (Some(end), started_ms) => Phase::Ended {
                started_ms,
                ended_ms: end.ended_ms,
                outcome: Outcome {
                    status: read_status(&end.status),
                    result: end.result.map(ResultRecord::into_result),
                    moved: end.moved.map(|paths| {
                        paths.into_iter().map(|path| PathBuf::from(path.into_os())).collect()
                    }),
                    source: read_source(&end.source),
                    message: end.message,
                },
            },
            (None, Some(started_ms)) => Phase::Running { started_ms },
            (None, None) => Phase::Waiting(WaitReason::Resolving),
        };
        let command = Command {
            process: None,
            argv: self.argv.into_iter().map(Raw::into_os).collect(),
            cwd: self.cwd.into_os().into(),
            environment: Vec::new(),
            umask: None,
            stdin: false,
            tty: None,
            root: self.root.into_os().into(),
            program: None,
            search_path: None,
            output: Presentation::default(),
        };
        BuildView {
            id: BuildId(self.id),
            command: Arc::new(command),
            session: self.session,
            priority: read_priority(&self.priority),
            submitted_ms: self.submitted_ms,
            phase,
            execution: self.execution.map(ExecutionId),
            joined: self.joined,
            join_reason: read_join(&self.join_reason, self.join_detail),
            estimate_ms: self.estimate_ms,
            output: Presentation { one_stream: self.one_stream, colors: self.colors },
            tasks: Vec::new(),
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::model::command::tests::command;

    pub(in crate::store) fn ended(id: u64) -> BuildView {
        let mut command = command(&["cargo", "check"]);
        command.argv.push(OsString::from_vec(vec![0xff, b'x']));
        command.environment.clear();
        BuildView {
            id: BuildId(id),
            command: Arc::new(command),
            session: "agent:a1".into(),
            priority: Priority::Agent,
            submitted_ms: 10,
            phase: Phase::Ended {
                started_ms: Some(11),
                ended_ms: 12,
                outcome: Outcome {
                    status: Status::Failed,
                    result: Some(AttemptResult {
                        exit: Exit::Code(101),
                        duration_ms: 1,
                        cpu_ms: 2,
                        peak_rss_bytes: 3,
                    }),
                    moved: Some(vec!["src/lib.rs".into()]),
                    source: OutcomeSource::Joined,
                    message: Some("a word".into()),
                },
            },
            execution: Some(ExecutionId(77)),
            joined: true,
            join_reason: JoinReason::KnownTool("cargo".into()),
            estimate_ms: Some(900),
            output: Presentation::default(),
            tasks: Vec::new(),
        }
    }

    #[test]
    fn a_build_is_read_as_it_was_written() {
        let output = Presentation { one_stream: true, colors: true };
        let view = BuildView { output, ..ended(5) };
        let json = serde_json::to_string(&BuildRecord::of(&view)).expect("JSON");
        let record: BuildRecord = serde_json::from_str(&json).expect("a record");
        assert_eq!(record.into_view(), view);
    }

    #[test]
    fn the_record_of_version_1_is_read_for_ever() {
        let frozen = r#"{"id":5,"argv":["cargo","check",[255,120]],"cwd":"/ws","root":"/ws",
            "session":"agent:a1","priority":"agent","submitted_ms":10,"started_ms":11,
            "execution":77,"joined":true,"join_reason":"known_tool","join_detail":"cargo",
            "estimate_ms":900,"end":{"ended_ms":12,"status":"failed","result":{"exit":"code",
            "code":101,"detail":null,"duration_ms":1,"cpu_ms":2,"peak_rss_bytes":3},
            "moved":["src/lib.rs"],"source":"joined","message":"a word"}}"#;
        let record: BuildRecord = serde_json::from_str(frozen).expect("a record");
        assert_eq!(record.into_view(), ended(5));
    }

    #[test]
    fn a_secret_in_the_environment_is_not_stored() {
        let mut view = ended(5);
        Arc::make_mut(&mut view.command).environment.push(("TOKEN".into(), "s3cret".into()));
        let json = serde_json::to_string(&BuildRecord::of(&view)).expect("JSON");
        assert!(!json.contains("s3cret") && !json.contains("TOKEN"), "{json}");
    }
}
