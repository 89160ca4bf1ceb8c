//! One of each message, with something in every field.

use bd_protocol::build::{Build, BuildState, Outcome, OutcomeSource, OutcomeStatus, Wait};
use bd_protocol::changes::{
    Change, ChangeKind, Changes, ChangesQuery, EntryType, InputsDigest, Verification,
    WorkspaceLocator,
};
use bd_protocol::failure::{Failure, Tier};
use bd_protocol::process_state::{Jobserver, ProcessState, ResourceLimit, Scheduling};
use bd_protocol::service::{DaemonStatus, Status, Workspace};
use bd_protocol::submit::{JoinPolicy, OutputWanted, StdinMode, Submit, TerminalSize};
use bd_protocol::watch::{News, OnChange, OnChangeCommand, OnChangeState, Triggered, Watch};
use bd_protocol::{OsText, Priority, Session, SessionKind};
use std::os::unix::ffi::OsStringExt as _;

pub(crate) fn session() -> Session {
    Session { kind: SessionKind::Agent, id: Some("a1".into()) }
}

pub(crate) fn failure() -> Failure {
    Failure {
        code: "not_found".into(),
        tier: Tier::User,
        message: "there is no build 'b1'".into(),
        hint: Some("bdctl history lists them".into()),
    }
}

pub(crate) fn odd_text() -> OsText {
    OsText(std::ffi::OsString::from_vec(vec![0xff, b'x']))
}

pub(crate) fn submit() -> Submit {
    Submit {
        command: vec!["cargo".into(), "check".into(), odd_text()],
        cwd: "/home/me/project".into(),
        environment: vec![("PATH".into(), "/usr/bin".into())],
        umask: Some(0o22),
        priority: Some(Priority::Agent),
        timeout_ms: Some(600_000),
        join: JoinPolicy::Always,
        stdin: StdinMode::Forward,
        tty: Some(TerminalSize { rows: 24, columns: 80 }),
        output: OutputWanted::default(),
        detach: true,
        parent: Some("b1m7yfgnex00".into()),
        process: None,
    }
}

/// A submission with the state of its client, which version 0.1 did not send.
pub(crate) fn submit_in_state() -> Submit {
    let limit =
        |resource: &str, soft, hard| ResourceLimit { resource: resource.into(), soft, hard };
    let process = ProcessState {
        nice: Some(-5),
        scheduling: Some(Scheduling { policy: 3, priority: 0 }),
        io_priority: Some(24_576),
        processors: Some(vec![3, 1]),
        limits: vec![limit("nofile", Some(1024), None), limit("stack", None, None)],
        oom_score_adj: Some(200),
        group: Some(100),
        groups: Some(vec![1, 100]),
        ignored_signals: vec![1, 34],
        personality: Some(8),
        jobserver: Some(Jobserver { read: 3, write: 4 }),
    };
    Submit { process: Some(process), ..submit() }
}

pub(crate) fn build() -> Build {
    Build {
        id: "b1m7yfgnex00".into(),
        state: BuildState::Ended,
        command: vec!["cargo".into(), "check".into(), odd_text()],
        tasks: vec![],
        cwd: "/home/me/project".into(),
        session: session(),
        priority: Priority::User,
        submitted_at: "2026-11-21T07:18:15.749Z".into(),
        started_at: Some("2026-11-21T07:18:15.750Z".into()),
        ended_at: Some("2026-11-21T07:18:16.750Z".into()),
        wait: Some(Wait {
            reason: "workers".into(),
            detail: "2 of 2 executions are running".into(),
            position: Some(1),
            estimate_ms: Some(900),
        }),
        joined: Some("x1m7yfgnex01".into()),
        execution: Some("x1m7yfgnex01".into()),
        join_reason: Some("shared: cargo is known to build".into()),
        apart: None,
        estimate_ms: Some(900),
        one_stream: false,
        colored: false,
        outcome: Some(Outcome {
            status: OutcomeStatus::TimedOut,
            exit_code: Some(101),
            signal: Some(15),
            inputs_moved: Some(vec!["src/lib.rs".into()]),
            duration_ms: Some(1000),
            cpu_ms: Some(1800),
            peak_rss_bytes: Some(1 << 30),
            source: OutcomeSource::Joined,
            message: Some("a word".into()),
        }),
    }
}

pub(crate) fn status() -> Status {
    Status {
        daemon: DaemonStatus {
            pid: 4711,
            version: "0.1.0".into(),
            started_at: "2026-11-21T07:18:15.749Z".into(),
            uptime_ms: 75,
            rss_bytes: 5 << 20,
            max_executions: 2,
            warnings: vec!["history was set aside".into()],
        },
        workspaces: vec![workspace()],
        builds: vec![build()],
        store: None,
    }
}

pub(crate) fn workspace() -> Workspace {
    Workspace {
        schema: "bd.workspace/1".into(),
        root: "/home/me/project".into(),
        files: 146,
        bytes: 700_000,
        dirs: 20,
        watches: 0,
        source: "poll".into(),
        clock: None,
        tree_digest: Some("c009be41".into()),
        last_sync_ms: Some(3),
        warnings: vec![],
        on_change: None,
    }
}

pub(crate) fn trusted() -> Workspace {
    let command = OnChangeCommand { on: vec!["src/**".into()], run: vec!["make".into()] };
    let on_change = OnChange { state: OnChangeState::Enabled, commands: vec![command] };
    Workspace { on_change: Some(on_change), ..watched() }
}

pub(crate) fn watched() -> Workspace {
    Workspace {
        watches: 21,
        source: "inotify".into(),
        clock: Some("c:0123456789abcdef:42".into()),
        warnings: vec!["one directory is looked at each time".into()],
        ..workspace()
    }
}

pub(crate) fn place() -> WorkspaceLocator {
    WorkspaceLocator { dir: "/home/me/project/src".into(), home: Some("/home/me".into()) }
}

pub(crate) fn changes_query() -> ChangesQuery {
    ChangesQuery {
        place: place(),
        since: Some("c:0123456789abcdef:41".into()),
        wait_ms: Some(20_000),
        after: Some(odd_text()),
    }
}

pub(crate) fn changes() -> Changes {
    let change = |path: OsText, kind, entry, from| Change { path, kind, entry, from };
    Changes {
        root: "/home/me/project".into(),
        clock: "c:0123456789abcdef:42".into(),
        fresh: true,
        changes: vec![
            change("a".into(), ChangeKind::Added, EntryType::File, None),
            change("b".into(), ChangeKind::Modified, EntryType::Symlink, None),
            change("c".into(), ChangeKind::Removed, EntryType::Dir, None),
            change(odd_text(), ChangeKind::Renamed, EntryType::File, Some("e".into())),
        ],
        more: true,
    }
}

pub(crate) fn inputs_digest() -> InputsDigest {
    InputsDigest {
        root: "/home/me/project".into(),
        clock: "c:00000000000000ff:42".into(),
        digest: "c009be41".into(),
    }
}

pub(crate) fn verification() -> Verification {
    Verification {
        root: "/home/me/project".into(),
        believed: "c009be41".into(),
        found: "329601ed".into(),
        files: 146,
        differences: vec!["src/lib.rs".into(), odd_text()],
        repaired: true,
    }
}

pub(crate) fn watch() -> Watch {
    Watch { submit: submit(), on: vec!["src/**/*.rs".into(), odd_text()], initial: true }
}

pub(crate) fn triggered() -> Triggered {
    Triggered {
        news: News::Loop,
        build: Some("b1m7yfgnex00".into()),
        changed: vec!["log.txt".into(), odd_text()],
        changed_count: 102,
        message: Some("its own runs change log.txt: ignore it".into()),
    }
}
