//! The wire of the past and of the future: today's code reads the frozen bytes of protocol 1, and
//! writes no less than they hold; and it reads what a newer version may add to them.
//!
//! `BD_COMPAT_WRITE=1` writes the files anew. A change in them is a change of the protocol.
mod messages;

use bd_protocol::build::{Build, BuildState, OutcomeSource, OutcomeStatus};
use bd_protocol::changes::{
    Change, ChangeKind, ChangesQuery, EntryType, Forgotten, WorkspaceLocator,
};
use bd_protocol::envelope::{RawRequest, Reply, Request};
use bd_protocol::events::{Kind, Lagged, Subscribe, push, records};
use bd_protocol::failure::{Failure, Tier};
use bd_protocol::hello::{Channel, ClientHello, OUR_RANGE, ServerHello, ShutdownWhen};
use bd_protocol::service::{BdRequest, BdResponse, HistoryQuery};
use bd_protocol::submit::{
    Explanation, JoinPolicy, OutputShape, OutputWanted, StdinMode, Submit, Submitted, TerminalSize,
};
use bd_protocol::watch::{News, Triggered, Watch, Watching};
use bd_protocol::{Priority, SessionKind};
use messages::*;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::fmt::Debug;
use std::fs;
use std::path::PathBuf;

fn frozen(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("compat/v1").join(name)
}

/// The frozen bytes, or today's if they are to be written.
fn bytes(name: &str, today: &[u8]) -> Vec<u8> {
    if std::env::var_os("BD_COMPAT_WRITE").is_some() {
        fs::write(frozen(name), today).expect("the file is written");
    }
    fs::read(frozen(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// A message is read from its frozen form, is written as that or more, and is read with whatever
/// a newer version adds.
fn holds<T: Serialize + DeserializeOwned + PartialEq + Debug>(name: &str, message: &T) {
    let today = serde_json::to_value(message).expect("JSON");
    let frozen: Value =
        serde_json::from_slice(&bytes(name, format!("{today:#}\n").as_bytes())).expect(name);
    let read: T = serde_json::from_value(frozen.clone()).expect(name);
    assert_eq!(&read, message, "{name} is read differently");
    includes(name, &today, &frozen);
    let read: T = serde_json::from_value(with_additions(frozen)).expect(name);
    assert_eq!(&read, message, "{name} with additions is read differently");
}

/// Every field of the frozen form is there with its value.
fn includes(at: &str, today: &Value, frozen: &Value) {
    match (today, frozen) {
        (Value::Object(today), Value::Object(frozen)) => {
            for (field, value) in frozen {
                let at = format!("{at}.{field}");
                includes(&at, today.get(field).unwrap_or_else(|| panic!("{at} is gone")), value);
            }
        }
        (Value::Array(today), Value::Array(frozen)) => {
            assert_eq!(today.len(), frozen.len(), "{at}");
            today.iter().zip(frozen).for_each(|(today, frozen)| includes(at, today, frozen));
        }
        _ => assert_eq!(today, frozen, "{at}"),
    }
}

/// The message with a field more in every object that is no choice of a variant.
fn with_additions(message: Value) -> Value {
    match message {
        Value::Object(fields) => {
            let variant = fields.len() == 1;
            let mut fields: serde_json::Map<_, _> =
                fields.into_iter().map(|(name, value)| (name, with_additions(value))).collect();
            if !variant {
                fields.insert("added_later".into(), json!({ "with": ["anything", 7, null] }));
            }
            Value::Object(fields)
        }
        // Pairs, such as variables, have a fixed length; lists do not, but nothing is added to
        // them without a meaning.
        Value::Array(items) => items.into_iter().map(with_additions).collect(),
        plain => plain,
    }
}

#[test]
fn hellos_stay_what_they_are_for_ever() {
    let hello = ClientHello::Hello {
        protocol: OUR_RANGE,
        version: "0.1.0".into(),
        channel: Channel::Control,
        session: session(),
        capabilities: vec!["one".into()],
    };
    holds("client-hello.json", &hello);
    holds("client-shutdown.json", &ClientHello::Shutdown { when: ShutdownWhen::Idle });
    let welcome = ServerHello::Welcome {
        protocol: 1,
        version: "0.1.0".into(),
        pid: 4711,
        connection: 9,
        idle: true,
        capabilities: vec![],
    };
    holds("server-welcome.json", &welcome);
    let refused =
        ServerHello::Refused { failure: failure(), protocol: OUR_RANGE, version: "0.1.0".into() };
    holds("server-refused.json", &refused);
    holds("server-ending.json", &ServerHello::Ending);
}

#[test]
fn requests_are_read_by_later_daemons() {
    let requests = [
        ("submit", BdRequest::Submit { request: submit() }),
        ("submit-in-state", BdRequest::Submit { request: submit_in_state() }),
        ("status", BdRequest::Status {}),
        ("build", BdRequest::Build { id: "b1".into() }),
        ("cancel", BdRequest::Cancel { id: "b1".into() }),
        ("detach", BdRequest::Detach { id: "b1".into() }),
        (
            "history",
            BdRequest::History {
                query: HistoryQuery {
                    limit: Some(7),
                    under: Some("/home/me".into()),
                    workspace: None,
                    before: None,
                },
            },
        ),
        ("explain", BdRequest::Explain { request: submit() }),
        (
            "resize",
            BdRequest::Resize { id: "b1".into(), size: TerminalSize { rows: 24, columns: 80 } },
        ),
        ("changes", BdRequest::Changes { query: changes_query() }),
        ("workspace", BdRequest::Workspace { place: place() }),
        ("inspect", BdRequest::Inspect { place: place() }),
        ("workspaces", BdRequest::Workspaces {}),
        ("register", BdRequest::Register { place: place(), exact: true }),
        ("trust", BdRequest::Trust { place: place(), given: true }),
        ("forget", BdRequest::Forget { place: place() }),
        ("verify", BdRequest::Verify { place: place(), repair: true }),
        ("digest", BdRequest::Digest { place: place(), on: vec!["src/**".into()] }),
        ("watch", BdRequest::Watch { request: watch() }),
        ("watched", BdRequest::Watched { watch: "1".into(), wait_ms: 20_000 }),
    ];
    for (name, call) in requests {
        let written = serde_json::to_value(Request { id: 3, deadline_ms: Some(5000), call: &call });
        let written = written.expect("JSON");
        let name = format!("request-{name}.json");
        let frozen = bytes(&name, format!("{written:#}\n").as_bytes());
        let raw: RawRequest<'_> = serde_json::from_slice(&frozen).expect(&name);
        assert_eq!((raw.id, raw.deadline_ms, raw.cancel), (3, Some(5000), false), "{name}");
        let read: BdRequest = serde_json::from_str(raw.call.expect("a call").get()).expect(&name);
        // The request itself cannot be compared, so what it is written as is.
        let again = serde_json::to_value(Request { id: 3, deadline_ms: Some(5000), call: &read });
        assert_eq!(again.expect("JSON"), written, "{name} is read differently");
        includes(&name, &written, &serde_json::from_slice(&frozen).expect(&name));
    }
    // Only what is required: an older or leaner client.
    let least = json!({ "command": ["true"], "cwd": "/", "environment": [] });
    let read: Submit = serde_json::from_value(least).expect("the least submission");
    assert_eq!((read.join, read.stdin, read.detach), (JoinPolicy::Auto, StdinMode::Closed, false));
    let least = json!({ "place": { "dir": "/" } });
    let read: ChangesQuery = serde_json::from_value(least).expect("the least query");
    let place = WorkspaceLocator { dir: "/".into(), home: None };
    assert_eq!(read, ChangesQuery { place, ..ChangesQuery::default() });
    let least = json!({ "submit": { "command": ["true"], "cwd": "/", "environment": [] } });
    let read: Watch = serde_json::from_value(least).expect("the least watch");
    assert_eq!((&read.submit.cwd, read.on, read.initial), (&"/".into(), vec![], false));
}

#[test]
fn replies_are_read_by_earlier_clients() {
    let explanation = Explanation {
        command: vec!["cargo".into()],
        root: "/home/me/project".into(),
        cwd: "sub".into(),
        program: Some("/usr/bin/cargo".into()),
        joins: true,
        reason: "shared: cargo is known to build".into(),
        tree_digest: Some("c009be41".into()),
        action_digest: Some("329601ed".into()),
        environment: vec!["PATH".into()],
        ignored_environment: vec!["TERM".into()],
    };
    let watching = Watching { watch: "1".into(), root: "/home/me/project".into() };
    let replies = [
        ("submit", BdResponse::Submit(Ok(Submitted { build: "b1m7yfgnex00".into() }))),
        ("status", BdResponse::Status(Ok(status()))),
        ("build", BdResponse::Build(Ok(build()))),
        ("cancel", BdResponse::Cancel(Err(failure()))),
        ("detach", BdResponse::Detach(Ok(()))),
        ("history", BdResponse::History(Ok(vec![build()]))),
        ("explain", BdResponse::Explain(Ok(explanation))),
        ("resize", BdResponse::Resize(Ok(()))),
        ("changes", BdResponse::Changes(Ok(changes()))),
        ("workspace", BdResponse::Workspace(Ok(watched()))),
        ("inspect", BdResponse::Inspect(Ok(watched()))),
        ("workspaces", BdResponse::Workspaces(Ok(vec![workspace(), watched()]))),
        ("register", BdResponse::Register(Ok(watched()))),
        ("trust", BdResponse::Trust(Ok(trusted()))),
        ("forget", BdResponse::Forget(Ok(Forgotten { root: "/home/me/project".into() }))),
        ("verify", BdResponse::Verify(Ok(verification()))),
        ("digest", BdResponse::Digest(Ok(inputs_digest()))),
        ("watch", BdResponse::Watch(Ok(watching))),
        ("watched", BdResponse::Watched(Ok(Some(triggered())))),
        ("watched-nothing", BdResponse::Watched(Ok(None))),
    ];
    for (name, reply) in replies {
        let written = Reply { id: 3, reply: Some(reply), failure: None };
        let written = serde_json::to_value(&written).expect("JSON");
        let name = format!("reply-{name}.json");
        let frozen: Value =
            serde_json::from_slice(&bytes(&name, format!("{written:#}\n").as_bytes()))
                .expect(&name);
        includes(&name, &written, &frozen);
        for form in [frozen.clone(), with_additions(frozen)] {
            let read: Reply = serde_json::from_value(form).expect(&name);
            let again = serde_json::to_value(&read).expect("JSON");
            assert_eq!(again, written, "{name} is read differently");
        }
    }
}

#[test]
fn words_of_a_newer_daemon_are_read_as_unknown() {
    let mut newer = serde_json::to_value(build()).expect("JSON");
    newer["state"] = "hibernating".into();
    newer["priority"] = "urgent".into();
    newer["session"] = "robot:r2".into();
    newer["wait"]["reason"] = "moon_phase".into();
    newer["outcome"]["status"] = "exploded".into();
    newer["outcome"]["source"] = "dreamt".into();
    let read: Build = serde_json::from_value(newer).expect("a build");
    let outcome = read.outcome.expect("an outcome");
    assert_eq!(read.state, BuildState::Unknown);
    assert_eq!(read.priority, Priority::Unknown);
    assert_eq!(read.session.kind, SessionKind::Unknown);
    assert_eq!((outcome.status, outcome.source), (OutcomeStatus::Unknown, OutcomeSource::Unknown));
    assert_eq!(outcome.exit_status(), 125, "what is not known is no success");
    let newer = json!({ "path": "a", "kind": "teleported", "type": "portal", "from": null });
    let read: Change = serde_json::from_value(newer).expect("a change");
    assert_eq!((read.kind, read.entry), (ChangeKind::Unknown, EntryType::Unknown));
    let read: Triggered =
        serde_json::from_value(json!({ "news": "dreamt" })).expect("news without anything else");
    assert_eq!((read.news, read.build, read.changed_count), (News::Unknown, None, 0));
    let newer = json!({ "code": "new", "tier": "cosmic", "message": "m", "hint": null });
    let read: Failure = serde_json::from_value(newer).expect("a failure");
    assert_eq!(read.tier, Tier::Unknown);
}

#[test]
fn event_frames_are_read_byte_for_byte() {
    let mut today = Vec::new();
    let json = |value: &Value| value.to_string().into_bytes();
    push(&mut today, Kind::Build, 7, &json(&serde_json::to_value(build()).expect("JSON")));
    push(&mut today, Kind::Stdout, 0, b"out \xff");
    push(&mut today, Kind::Stderr, 5, b"err");
    let lagged = Lagged { from: 8, to: 99, reason: "log_capped".into() };
    push(&mut today, Kind::Lagged, 8, &json(&serde_json::to_value(&lagged).expect("JSON")));
    push(&mut today, Kind::Current, 0, b"");
    push(&mut today, Kind::Refused, 0, &json(&serde_json::to_value(failure()).expect("JSON")));
    push(&mut today, Kind::Done, 0, b"");
    let mut frozen = bytes("events.bin", &today);
    // A kind that is not known yet, at the end and in between.
    frozen.extend_from_slice(&[0, 0, 0, 2, 77, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, b'?', b'!']);
    let read: Vec<_> = records(&frozen).collect::<Result<_, _>>().expect("whole records");
    let kinds: Vec<_> = read.iter().map(|record| (record.kind, record.position)).collect();
    let expected = [
        (Some(Kind::Build), 7),
        (Some(Kind::Stdout), 0),
        (Some(Kind::Stderr), 5),
        (Some(Kind::Lagged), 8),
        (Some(Kind::Current), 0),
        (Some(Kind::Refused), 0),
        (Some(Kind::Done), 0),
        (None, 1),
    ];
    assert_eq!(kinds, expected);
    assert_eq!(serde_json::from_slice::<Build>(read[0].payload).expect("a build"), build());
    assert_eq!((read[1].payload, read[2].payload), (&b"out \xff"[..], &b"err"[..]));
    assert_eq!(serde_json::from_slice::<Lagged>(read[3].payload).expect("a gap"), lagged);
    holds("subscribe-build.json", &Subscribe::Build { build: "b1".into(), from: 12, both: false });
    let both = Subscribe::Build { build: "b1".into(), from: 0, both: true };
    holds("subscribe-both.json", &both);
    let shape =
        Submit { output: OutputWanted { shape: OutputShape::Screen, colors: true }, ..submit() };
    holds("submit-output.json", &shape);
    holds("build-output.json", &Build { one_stream: true, colored: true, ..build() });
    let mut both = Vec::new();
    push(&mut both, Kind::Both, 9, b"x");
    assert_eq!(bytes("events-both.bin", &both), both);
    let newer: OutputShape = serde_json::from_value(json!("round")).expect("a shape");
    assert_eq!(newer, OutputShape::Unknown);
    holds("subscribe-feed.json", &Subscribe::Feed { after: Some(4) });
}
