//! `bdctl` as a process, against a daemon that only knows the wire.

#![expect(clippy::unwrap_used, reason = "a test that can not go on has failed")]

mod changes;
mod fake;
mod lifecycle;
mod run;

use bd_protocol::Build;
use bd_protocol::service::{BdRequest, BdResponse};
use fake::{Fake, Place, Script, build};
use serde_json::Value;
use std::process::Output;

/// Standard error, for a look at it.
fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The one JSON document on standard output.
fn document(output: &Output) -> Value {
    let text = std::str::from_utf8(&output.stdout).unwrap();
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text:?}"))
}

#[test]
fn queries_print_one_document_each() {
    let place = Place::new();
    let _fake = Fake::start(&place, Script::default());
    let history = document(&place.run(&["history", "--json"]));
    assert_eq!(history["schema"], "bd.history/1");
    assert_eq!(history["builds"][0]["outcome"]["exit_code"], 3);
    assert!(history["builds"][0].as_object().unwrap().contains_key("wait"), "null, not missing");
    let cancel = document(&place.run(&["cancel", "--json", "b1"]));
    assert_eq!((&cancel["schema"], &cancel["build"]["id"]), (&"bd.cancel/1".into(), &"b1".into()));
    let version = document(&place.run(&["version", "--json"]));
    assert_eq!(version["schema"], "bd.version/1");
    assert_eq!(version["daemon"]["pid"], std::process::id());
    let explain = document(&place.run(&["explain", "--json", "b1"]));
    assert_eq!(explain["build"]["execution"], "e1");
}

/// A daemon with builds `b09` to `b00`, of which four fit one answer; one that is old does not know
/// how to go on.
fn history(old: bool) -> Script {
    let answer = move |request| {
        let BdRequest::History { query } = request else { panic!("{request:?}") };
        let before = query.before.filter(|_| !old);
        let ids = (0..10).rev().map(|number| format!("b0{number}"));
        let older = ids.filter(|id| before.as_ref().is_none_or(|before| id < before));
        let fit = older.take(4.min(query.limit.unwrap_or(20) as usize));
        let builds = fit.map(|id| Build { id, ..build(Some((Some(0), None))) });
        Ok(BdResponse::History(Ok(builds.collect())))
    };
    Script { answer: std::sync::Arc::new(answer), ..Script::default() }
}

#[test]
fn a_history_that_does_not_fit_one_answer_is_listed_whole() {
    for (old, args, last) in [
        (false, &["history", "--all", "--json"][..], "b00"),
        (false, &["history", "--limit", "60", "--json"], "b00"),
        (true, &["history", "--all", "--json"], "b06"),
    ] {
        let place = Place::new();
        let _fake = Fake::start(&place, history(old));
        let output = place.run(args);
        let listed = document(&output);
        let ids: Vec<_> = listed["builds"].as_array().unwrap().iter().map(|b| &b["id"]).collect();
        assert!(ids.is_sorted_by(|a, b| a.as_str() > b.as_str()), "{ids:?}");
        assert_eq!((ids[0], ids[ids.len() - 1]), (&"b09".into(), &last.into()), "{ids:?}");
        assert_eq!(stderr(&output).contains("there may be older ones"), old, "{}", stderr(&output));
    }
}

#[test]
fn what_is_piped_has_no_escapes_and_names_what_ran() {
    let place = Place::new();
    let _fake = Fake::start(&place, Script::default());
    let output = place.run(&["history"]);
    let text = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines.len(), 3, "{text}");
    assert!(lines[1].contains("exit 3") && lines[1].ends_with("true"), "{text}");
    assert_eq!(lines[2], "    it writes nothing that is shared");
    assert!(!text.contains('\x1b'), "{text:?}");
    let text = place.run(&["--color", "always", "history"]).stdout;
    assert!(text.contains(&b'\x1b'));
}

#[test]
fn a_failure_of_the_daemon_is_125_with_its_hint() {
    let place = Place::new();
    let answer =
        |_| Err(bd_protocol::Failure::user("not_found", "there is no build x").hint("see history"));
    let _fake =
        Fake::start(&place, Script { answer: std::sync::Arc::new(answer), ..Script::default() });
    let output = place.run(&["wait", "x"]);
    assert_eq!(output.status.code(), Some(125));
    assert_eq!(stderr(&output), "bdctl: there is no build x\nhint: see history\n");
}

#[test]
fn output_that_was_lost_since_is_125_and_what_was_left_out_is_not() {
    use bd_protocol::events::{Kind, Lagged};
    for (reason, code, words) in [
        ("log_capped", 0, "warning: 2.0 KiB of output are missing\n"),
        ("log_damaged", 125, "2.0 KiB of output are missing: what is on the disk"),
        ("log_gone", 125, "2.0 KiB of output are missing: its log was removed"),
    ] {
        let place = Place::new();
        let events = move |_, events: &mut fake::Events| {
            let lagged = Lagged { from: 0, to: 2048, reason: reason.into() };
            events.record(Kind::Lagged, 0, &serde_json::to_vec(&lagged).unwrap());
            events.record(Kind::Stdout, 2048, b"rest\n");
            events.end(Some(0), None);
        };
        let script = Script { events: std::sync::Arc::new(events), ..Script::default() };
        let _fake = Fake::start(&place, script);
        let output = place.run(&["logs", "b1"]);
        assert_eq!((output.status.code(), &*output.stdout), (Some(code), &b"rest\n"[..]));
        assert!(stderr(&output).contains(words), "{}", stderr(&output));
    }
}

#[test]
fn wrong_usage_is_2() {
    let place = Place::new();
    assert_eq!(place.run(&["run"]).status.code(), Some(2));
    assert_eq!(place.run(&["run", "--wait", "soon", "--", "true"]).status.code(), Some(2));
    assert_eq!(place.run(&["logs", "--grep", "("]).status.code(), Some(2));
}

#[test]
fn wait_ends_as_the_build_does_and_asks_for_no_output() {
    let place = Place::new();
    let events = |subscribe, events: &mut fake::Events| {
        let bd_protocol::events::Subscribe::Build { from: u64::MAX, .. } = subscribe else {
            panic!("{subscribe:?}");
        };
        events.build(&build(None));
        events.end(None, Some(9));
    };
    let _fake =
        Fake::start(&place, Script { events: std::sync::Arc::new(events), ..Script::default() });
    let output = place.run(&["wait", "--json", "b"]);
    assert_eq!(output.status.code(), Some(137), "{}", stderr(&output));
    assert_eq!(document(&output)["build"]["outcome"]["signal"], 9);
}

#[test]
fn logs_end_where_the_present_begins_and_pick_lines() {
    use bd_protocol::events::Kind;
    let place = Place::new();
    let events = |_, events: &mut fake::Events| {
        events.build(&build(None));
        events.output(Kind::Stdout, b"one\ntw");
        events.output(Kind::Stderr, b"err 1\n");
        events.output(Kind::Stdout, b"o\nthree \xff\nlast");
        events.record(Kind::Current, 0, b"");
        events.wait_for("never said, so the channel stays open");
    };
    let _fake =
        Fake::start(&place, Script { events: std::sync::Arc::new(events), ..Script::default() });
    let output = place.run(&["logs"]);
    assert_eq!(
        (&*output.stdout, &*output.stderr),
        (&b"one\ntwo\nthree \xff\nlast"[..], &b"err 1\n"[..])
    );
    assert_eq!(place.run(&["logs", "--stdout", "--tail", "2", "b1"]).stdout, b"three \xff\nlast");
    let output = place.run(&["logs", "--grep", "^t|1$"]);
    assert_eq!((&*output.stdout, &*output.stderr), (&b"two\nthree \xff\n"[..], &b"err 1\n"[..]));
    let logs = document(&place.run(&["logs", "--json"]));
    assert_eq!((&logs["schema"], &logs["stderr"]), (&"bd.logs/1".into(), &"err 1\n".into()));
    assert!(logs["stdout_base64"].is_string() && logs["stderr_base64"].is_null());
}
