//! `bdctl changes`, `ws` and `state` against a daemon that knows one small workspace.

use crate::fake::{Fake, Place, Script};
use crate::{document, stderr};
use bd_protocol::changes::{
    Change, ChangeKind, Changes, ChangesQuery, EntryType, Forgotten, Verification,
};
use bd_protocol::failure::codes;
use bd_protocol::service::{BdRequest, BdResponse, Workspace};
use bd_protocol::{Failure, OsText};
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

fn clock(tick: u64) -> String {
    format!("c:0123456789abcdef:{tick}")
}

fn told(tick: u64, paths: &[&str]) -> Changes {
    let change = |path: &&str| Change {
        path: OsText::from(*path),
        kind: ChangeKind::Added,
        entry: EntryType::File,
        from: None,
    };
    Changes {
        root: "/ws".into(),
        clock: clock(tick),
        fresh: false,
        changes: paths.iter().map(change).collect(),
        more: false,
    }
}

/// A daemon that answers `changes` so, and everything else as refused.
fn script(answer: impl Fn(ChangesQuery) -> Changes + Send + Sync + 'static) -> Script {
    let answer = move |request| match request {
        BdRequest::Changes { query } => Ok(BdResponse::Changes(Ok(answer(query)))),
        _ => Err(Failure::user("unsupported", "not by this fake")),
    };
    Script { answer: Arc::new(answer), ..Script::default() }
}

#[test]
fn without_a_clock_there_is_only_the_clock() {
    let place = Place::new();
    let fake = Fake::start(&place, script(|_| told(7, &[])));
    let output = place.run(&["changes"]);
    assert_eq!(String::from_utf8_lossy(&output.stdout), format!("clock {}\n", clock(7)));
    assert_eq!(
        document(&place.run(&["changes", "--json", "/"])),
        json!({ "schema": "bd.changes/1", "root": "/ws", "clock": clock(7), "fresh": false, "changes": [] })
    );
    let heard = fake.heard().concat();
    assert!(heard.contains(r#""dir":"/""#) && heard.contains(r#""since":null"#), "{heard}");
}

#[test]
fn a_change_in_json_has_all_its_fields() {
    let place = Place::new();
    let _fake = Fake::start(
        &place,
        script(|query| {
            assert_eq!((query.since, query.wait_ms), (Some(clock(6)), None));
            let mut changes = told(7, &["new"]);
            changes.fresh = true;
            changes.changes[0].kind = ChangeKind::Renamed;
            changes.changes[0].entry = EntryType::Dir;
            changes.changes[0].from = Some("old".into());
            changes
        }),
    );
    let changes = document(&place.run(&["changes", "--since", &clock(6), "--json"]));
    assert_eq!(
        (&changes["fresh"], &changes["changes"]),
        (
            &json!(true),
            &json!([{ "path": "new", "kind": "renamed", "type": "dir", "from": "old" }])
        )
    );
    let text = place.run(&["changes", "--since", &clock(6)]).stdout;
    let text = String::from_utf8(text).unwrap();
    assert!(text.starts_with("R old -> new\neverything is listed"), "{text}");
    assert!(text.ends_with(&format!("\nclock {}\n", clock(7))), "{text}");
}

#[test]
fn a_wait_asks_again_from_the_last_clock_until_something_changed() {
    let place = Place::new();
    let asked = Arc::new(AtomicU64::new(0));
    let fake = Fake::start(
        &place,
        script(move |query| {
            let tick = asked.fetch_add(1, Ordering::SeqCst);
            assert_eq!(query.wait_ms.is_some(), tick > 0, "only the clock is asked for at once");
            assert!(query.wait_ms.unwrap_or(0) <= 20_000, "{query:?}");
            assert_eq!(query.since, tick.checked_sub(1).map(clock));
            told(tick, if tick == 3 { &["a"] } else { &[] })
        }),
    );
    let output = place.run(&["changes", "--wait"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(String::from_utf8_lossy(&output.stdout), format!("A a\nclock {}\n", clock(3)));
    let waits = fake.heard().iter().filter(|heard| heard.contains(r#""wait_ms":20000"#)).count();
    assert_eq!(waits, 3);
}

#[test]
fn a_wait_that_expires_is_124_and_says_so() {
    let place = Place::new();
    let _fake = Fake::start(
        &place,
        script(|query| {
            std::thread::sleep(Duration::from_millis(query.wait_ms.unwrap_or(0)));
            told(7, &[])
        }),
    );
    let begun = Instant::now();
    let output = place.run(&["changes", "--since", &clock(7), "--wait=300ms", "--json"]);
    assert_eq!(output.status.code(), Some(124), "{}", stderr(&output));
    assert!(begun.elapsed() >= Duration::from_millis(300));
    assert_eq!(document(&output)["changes"], json!([]));
    assert_eq!(stderr(&output), "");
    let output = place.run(&["changes", "--wait=0.1"]);
    assert_eq!(output.status.code(), Some(124));
    assert!(stderr(&output).starts_with("bdctl: nothing changed in "), "{}", stderr(&output));
}

#[test]
fn a_clock_that_is_not_known_ends_a_wait() {
    let place = Place::new();
    let _fake = Fake::start(&place, script(|_| Changes { fresh: true, ..told(7, &[]) }));
    let output = place.run(&["changes", "--since", &clock(7), "--wait", "--json"]);
    assert_eq!((output.status.code(), document(&output)["fresh"].as_bool()), (Some(0), Some(true)));
}

#[test]
fn a_list_in_parts_is_one_list_of_one_moment() {
    let place = Place::new();
    let asked = Arc::new(AtomicU64::new(0));
    let _fake = Fake::start(
        &place,
        script(move |query| {
            // The workspace changes once, between the first two parts.
            let number = asked.fetch_add(1, Ordering::SeqCst);
            let tick = 7 + u64::from(number > 0);
            match query.after {
                None => Changes { more: true, ..told(tick, &["a", "b"]) },
                Some(after) if after == OsText::from("b") => {
                    Changes { more: true, ..told(tick, &["c"]) }
                }
                Some(after) => {
                    assert_eq!(after, OsText::from("c"));
                    told(tick, &["d"])
                }
            }
        }),
    );
    let output = place.run(&["changes", "--since", &clock(1)]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(text, format!("A a\nA b\nA c\nA d\nclock {}\n", clock(8)));
}

#[test]
fn what_is_no_clock_is_wrong_usage_and_other_refusals_are_not() {
    let place = Place::new();
    let answer = |request| match request {
        BdRequest::Changes { .. } => {
            Err(Failure::user(codes::BAD_CLOCK, "'x' is no clock").hint("give a clock"))
        }
        _ => Err(Failure::user(codes::BAD_DIR, "x is not a directory").hint("give another")),
    };
    let _fake = Fake::start(&place, Script { answer: Arc::new(answer), ..Script::default() });
    let output = place.run(&["changes", "--since", "x"]);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(stderr(&output), "bdctl: 'x' is no clock\nhint: give a clock\n");
    assert_eq!(place.run(&["ws", "info"]).status.code(), Some(125));
}

#[test]
fn a_state_that_is_not_the_disk_is_1_unless_it_was_mended() {
    let place = Place::new();
    let verified = |repair: bool| Verification {
        root: "/ws".into(),
        believed: "aa".into(),
        found: "bb".into(),
        files: 2,
        differences: vec!["a".into()],
        repaired: repair,
    };
    let answer = move |request| match request {
        BdRequest::Verify { repair, .. } => Ok(BdResponse::Verify(Ok(verified(repair)))),
        BdRequest::Forget { .. } => Ok(BdResponse::Forget(Ok(Forgotten { root: "/ws".into() }))),
        BdRequest::Workspaces {} => Ok(BdResponse::Workspaces(Ok(vec![workspace()]))),
        BdRequest::Register { exact, .. } => {
            Ok(BdResponse::Register(Ok(Workspace { files: exact.into(), ..workspace() })))
        }
        _ => Ok(BdResponse::Inspect(Ok(workspace()))),
    };
    let _fake = Fake::start(&place, Script { answer: Arc::new(answer), ..Script::default() });
    let output = place.run(&["state", "verify", "--json"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        document(&output),
        json!({ "schema": "bd.state_verify/1", "root": "/ws", "believed": "aa", "found": "bb",
                "files": 2, "differences": ["a"], "repaired": false })
    );
    assert_eq!(place.run(&["state", "verify", "--repair"]).status.code(), Some(0));

    // Only a directory that is given is a root by its name.
    assert_eq!(document(&place.run(&["ws", "add", "--json"]))["files"], 0);
    assert_eq!(document(&place.run(&["ws", "add", "--json", "."]))["files"], 1);
    let list = document(&place.run(&["ws", "--json"]));
    assert_eq!(
        (&list["schema"], &list["workspaces"][0]["root"]),
        (&"bd.ws_list/1".into(), &"/ws".into())
    );
    let removed = document(&place.run(&["ws", "remove", "--json", "/gone"]));
    assert_eq!(removed, json!({ "schema": "bd.ws_remove/1", "root": "/ws" }));
    let inspected = place.run(&["state", "inspect", "--json"]);
    assert_eq!(document(&inspected), serde_json::to_value(workspace()).unwrap());
    assert_eq!(String::from_utf8_lossy(&inspected.stdout).matches("schema").count(), 1);
}

fn workspace() -> Workspace {
    Workspace {
        schema: "bd.workspace/1".into(),
        root: "/ws".into(),
        files: 1,
        bytes: 5,
        dirs: 0,
        watches: 1,
        source: "inotify".into(),
        clock: Some(clock(7)),
        tree_digest: None,
        last_sync_ms: None,
        warnings: vec![],
        on_change: None,
    }
}
