//! Builds: their states, waits, outcomes, and why they share or do not.

use super::difference::{apart, difference};
use super::text::{now_ms, time};
use crate::model::{self, BuildView, Exit, JoinReason, Phase, WaitReason};
use bd_protocol::build::INPUTS_MOVED_MAX;
use bd_protocol::limits::CONTROL_MAX_BYTES;
use bd_protocol::{
    Build, BuildState, OsText, Outcome, OutcomeSource, OutcomeStatus, Priority, Session,
    SessionKind, Wait,
};
use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;

pub(in crate::server) fn model_priority(priority: Priority) -> model::Priority {
    match priority {
        Priority::Background | Priority::Unknown => model::Priority::Background,
        Priority::Agent => model::Priority::Agent,
        Priority::Editor => model::Priority::Editor,
        Priority::User => model::Priority::User,
    }
}

fn priority_out(priority: model::Priority) -> Priority {
    match priority {
        model::Priority::Background => Priority::Background,
        model::Priority::Agent => Priority::Agent,
        model::Priority::Editor => Priority::Editor,
        model::Priority::User => Priority::User,
    }
}

/// A build, as clients see it.
pub(in crate::server) fn build(view: &BuildView) -> Build {
    let (state, started_ms, ended_ms) = match &view.phase {
        Phase::Waiting(_) => (BuildState::Waiting, None, None),
        Phase::Running { started_ms } => (BuildState::Running, Some(*started_ms), None),
        Phase::Ended { started_ms, ended_ms, .. } => {
            (BuildState::Ended, *started_ms, Some(*ended_ms))
        }
    };
    let execution = view.execution.map(|id| id.to_string());
    Build {
        id: view.id.to_string(),
        state,
        command: shown(&view.command.argv),
        tasks: Vec::new(),
        cwd: OsText(view.command.cwd.clone().into()),
        // It was written by a session, or read from a store that was checked.
        session: Session::lenient(&view.session)
            .unwrap_or(Session { kind: SessionKind::User, id: None }),
        priority: priority_out(view.priority),
        submitted_at: time(view.submitted_ms),
        started_at: started_ms.map(time),
        ended_at: ended_ms.map(time),
        wait: match &view.phase {
            Phase::Waiting(reason) => Some(wait(reason)),
            Phase::Running { .. } | Phase::Ended { .. } => None,
        },
        joined: execution.clone().filter(|_| view.joined),
        execution,
        join_reason: Some(join_reason(&view.join_reason)),
        apart: apart(&view.join_reason),
        estimate_ms: view.estimate_ms,
        one_stream: view.output.one_stream,
        colored: view.output.colors,
        outcome: view.outcome().map(outcome),
    }
}

/// Most bytes of a command that are shown: a frame holds many builds.
const COMMAND_SHOWN_BYTES: usize = 8 << 10;

/// A command, cut off with a mark where it is too long to be read.
fn shown(argv: &[OsString]) -> Vec<OsText> {
    let mut left = COMMAND_SHOWN_BYTES;
    let mut words = Vec::new();
    for (at, word) in argv.iter().enumerate() {
        // The quotes, the comma and the like count as well.
        let cost = word.len() + 4;
        if cost > left {
            let start = String::from_utf8_lossy(&word.as_bytes()[..left.min(word.len())]);
            let rest = argv.len() - at - 1;
            words.push(OsText::from(&*format!("{start}… ({rest} more words)")));
            break;
        }
        left -= cost;
        words.push(OsText(word.clone()));
    }
    words
}

/// Paths, as many as may be listed and are of a reasonable length together.
fn some_of(paths: &[PathBuf]) -> Vec<OsText> {
    const MOST_BYTES: usize = 32 << 10;
    let mut bytes = 0;
    let fits = |path: &&PathBuf| {
        bytes += path.as_os_str().len();
        bytes <= MOST_BYTES
    };
    paths.iter().take(INPUTS_MOVED_MAX).take_while(fits).cloned().map(OsText::from).collect()
}

/// The first of these builds that fit one reply, and how many do not.
pub(in crate::server) fn listed<'a>(
    views: impl ExactSizeIterator<Item = &'a BuildView>,
) -> (Vec<Build>, usize) {
    // The rest of the frame is for the other fields of a reply.
    const MOST_BYTES: usize = CONTROL_MAX_BYTES / 2;
    let (all, mut bytes, mut builds) = (views.len(), 0, Vec::new());
    for view in views {
        let build = build(view);
        bytes += serde_json::to_vec(&build).map_or(0, |json| json.len());
        if bytes > MOST_BYTES {
            break;
        }
        builds.push(build);
    }
    let left_out = all - builds.len();
    (builds, left_out)
}

fn wait(reason: &WaitReason) -> Wait {
    match reason {
        WaitReason::Resolving => Wait {
            reason: "resolving".into(),
            detail: "checking the files of the workspace".into(),
            position: None,
            estimate_ms: None,
        },
        WaitReason::Predecessor(execution) => Wait {
            reason: "predecessor".into(),
            detail: format!(
                "{execution}, the same command, has ended or was cancelled, and is not gone yet"
            ),
            position: None,
            estimate_ms: None,
        },
        WaitReason::OneStream(execution) => Wait {
            reason: "predecessor".into(),
            detail: format!(
                "{execution}, the same command, runs with its standard output and standard error \
                 in one stream, which are two here"
            ),
            position: None,
            estimate_ms: None,
        },
        WaitReason::Workers { position, running, limit, estimate_ms, taken_by } => Wait {
            reason: "workers".into(),
            detail: taken(*running, *limit, taken_by),
            position: Some(*position),
            estimate_ms: *estimate_ms,
        },
    }
}

/// What holds the places, and for how long.
fn taken(running: u32, limit: u32, taken_by: &[model::Running]) -> String {
    let now_ms = now_ms();
    let named = taken_by.iter().map(|one| {
        let words: Vec<_> = one.command.argv.iter().take(4).map(|w| w.to_string_lossy()).collect();
        let name: String = words.join(" ").chars().take(40).collect();
        format!("\"{name}\" ({})", for_about(now_ms.saturating_sub(one.started_ms)))
    });
    let named: Vec<_> = named.collect();
    let more = (running as usize).saturating_sub(named.len());
    let rest =
        if more > 0 && !named.is_empty() { format!(" and {more} more") } else { String::new() };
    if named.is_empty() {
        return format!("{running} of {limit} places are taken");
    }
    format!("{running} of {limit} places are taken by {}{rest}", named.join(", "))
}

/// A time in its largest unit: what holds a place for hours is to be noticed.
fn for_about(ms: u64) -> String {
    match ms / 1000 {
        seconds @ 0..60 => format!("{seconds} s"),
        seconds @ 60..3600 => format!("{} min", seconds / 60),
        seconds => format!("{} h", seconds / 3600),
    }
}

/// Why a build shares its execution or does not, in one sentence.
pub(in crate::server) fn join_reason(reason: &JoinReason) -> String {
    match reason {
        JoinReason::KnownTool(tool) => {
            format!("shared: this call of {tool} only builds, checks, tests or lints")
        }
        JoinReason::Asked => "shared: requested with --join".into(),
        JoinReason::NotABuild => {
            "not shared: nothing says that the command only builds, checks, tests or lints (--join \
             shares it)"
                .into()
        }
        JoinReason::Refused => "not shared: requested with --no-join".into(),
        JoinReason::Interactive => "not shared: it reads from its client".into(),
        JoinReason::NoState(why) => {
            format!("not shared: the state of its files cannot be determined ({why})")
        }
        JoinReason::WouldWaitForItself => {
            "not shared: the same command waits for the build that this one is part of".into()
        }
        JoinReason::Apart { from, by } => {
            format!("not shared with {from}, the same command: {}", difference(by))
        }
    }
}

fn outcome(outcome: &model::Outcome) -> Outcome {
    let result = outcome.result.as_ref();
    let (exit_code, signal) = match result.map(|result| &result.exit) {
        Some(Exit::Code(code)) => (Some(*code), None),
        Some(Exit::Signal(signal)) => (None, Some(*signal)),
        Some(Exit::NotFound(_)) => (Some(127), None),
        Some(Exit::NotExecutable(_)) => (Some(126), None),
        Some(Exit::Error(_)) | None => (None, None),
    };
    Outcome {
        status: match outcome.status {
            model::Status::Ok => OutcomeStatus::Ok,
            model::Status::Failed => OutcomeStatus::Failed,
            model::Status::Cancelled => OutcomeStatus::Cancelled,
            model::Status::TimedOut => OutcomeStatus::TimedOut,
            model::Status::Interrupted => OutcomeStatus::Interrupted,
            // No build is skipped, only a task of one.
            model::Status::NotRun | model::Status::Skipped => OutcomeStatus::NotRun,
            model::Status::Error => OutcomeStatus::Error,
        },
        exit_code,
        signal,
        inputs_moved: outcome
            .moved
            .as_ref()
            .filter(|paths| !paths.is_empty())
            .map(|paths| some_of(paths)),
        duration_ms: result.map(|result| result.duration_ms),
        cpu_ms: result.map(|result| result.cpu_ms),
        peak_rss_bytes: result.map(|result| result.peak_rss_bytes),
        source: match outcome.source {
            model::OutcomeSource::Executed => OutcomeSource::Executed,
            model::OutcomeSource::Joined => OutcomeSource::Joined,
        },
        message: outcome.message.clone(),
    }
}

#[cfg(test)]
mod tests {
    use crate::output;
    use bd_protocol::events as wire;

    /// Records of a log are sent as they are: if one of the two formats changes, convert here.
    #[test]
    fn a_record_in_a_log_is_a_record_on_the_wire() {
        for (stored, sent) in [
            (output::StreamKind::Stdout, wire::Kind::Stdout),
            (output::StreamKind::Stderr, wire::Kind::Stderr),
            (output::StreamKind::Both, wire::Kind::Both),
        ] {
            assert_eq!(output::header(stored, 7 << 40, 9), wire::header(sent, 7 << 40, 9));
        }
        const { assert!(output::FRAME_BYTES <= bd_protocol::limits::EVENTS_MAX_BYTES) }
    }
}
