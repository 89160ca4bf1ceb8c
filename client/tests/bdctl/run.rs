//! `bdctl run`: bytes, exit codes, signals, and daemons that go away.

use crate::fake::{Events, Fake, Place, Script, build};
use crate::{document, stderr};
use bd_protocol::events::{Kind, Lagged, Subscribe};
use std::io::Read as _;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

fn script(events: impl Fn(Subscribe, &mut Events) + Send + Sync + 'static) -> Script {
    Script { events: Arc::new(events), ..Script::default() }
}

#[test]
fn bytes_and_exit_code_are_the_commands() {
    let place = Place::new();
    let big: Vec<u8> = (0..3_000_000_u32).map(|n| (n % 251) as u8).collect();
    let expected = big.clone();
    let fake = Fake::start(
        &place,
        script(move |_, events| {
            events.build(&build(None));
            events.output(Kind::Stdout, b"\xff\xfe no newline");
            events.output(Kind::Stderr, b"to stderr\n");
            for piece in big.chunks(300_000) {
                events.output(Kind::Stdout, piece);
            }
            events.end(Some(42), None);
        }),
    );
    let output = place.run(&["run", "--env", "A=1", "--env", "A=2", "--", "x", "--json"]);
    assert_eq!(output.status.code(), Some(42));
    assert_eq!(stderr(&output), "to stderr\n");
    assert!(output.stdout == [b"\xff\xfe no newline", &expected[..]].concat());
    let heard = fake.heard().concat();
    assert!(heard.contains(r#""command":["x","--json"]"#), "{heard}");
    assert!(heard.contains(r#"["A","2"]"#) && !heard.contains(r#"["A","1"]"#), "{heard}");
}

#[test]
fn json_keeps_standard_output_for_the_document() {
    let place = Place::new();
    let _fake = Fake::start(
        &place,
        script(|_, events| {
            events.output(Kind::Stdout, b"out\n");
            events.end(Some(0), None);
        }),
    );
    let output = place.run(&["run", "--json", "--", "x"]);
    assert_eq!(
        (document(&output)["schema"].as_str(), &*stderr(&output)),
        (Some("bd.run/1"), "out\n")
    );
    let output = place.run(&["run", "--events", "--", "x"]);
    let lines = String::from_utf8(output.stdout).unwrap();
    let events: Vec<serde_json::Value> =
        lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let kinds: Vec<_> = events.iter().map(|event| event["event"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["stdout", "build", "done"]);
    assert_eq!(place.run(&["run", "--detach", "--", "x"]).stdout, b"b1\n");
}

#[test]
fn moved_inputs_messages_and_lost_output_are_told() {
    let place = Place::new();
    let _fake = Fake::start(
        &place,
        script(|_, events| {
            let lagged = Lagged { from: 0, to: 2048, reason: "log_capped".into() };
            events.record(Kind::Lagged, 0, &serde_json::to_vec(&lagged).unwrap());
            events.record(Kind::Stdout, 2048, b"rest\n");
            let mut ended = build(Some((Some(0), None)));
            let outcome = ended.outcome.as_mut().unwrap();
            outcome.inputs_moved = Some(vec!["src/a.rs".into()]);
            outcome.message = Some("a message".into());
            events.build(&ended);
            events.record(Kind::Done, 0, b"");
        }),
    );
    let output = place.run(&["run", "--", "x"]);
    let text = stderr(&output);
    assert_eq!(output.stdout, b"rest\n");
    for part in
        ["2.0 KiB (2048 bytes) of output are missing", "a message", "while it ran: src/a.rs;"]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn an_expired_wait_detaches_and_is_124() {
    let place = Place::new();
    let fake = Fake::start(
        &place,
        script(|_, events| {
            events.build(&build(None));
            events.wait_for("Detach");
        }),
    );
    let output = place.run(&["run", "--wait", "0.2", "--", "x"]);
    assert_eq!(output.status.code(), Some(124));
    assert!(stderr(&output).contains("bdctl wait b1"));
    assert!(fake.heard().iter().any(|heard| heard.contains("Detach")));
}

#[test]
fn ctrl_c_cancels_once_and_ends_like_the_signal() {
    let place = Place::new();
    let _fake = Fake::start(
        &place,
        script(|_, events| {
            events.output(Kind::Stdout, b"ready\n");
            events.wait_for("Cancel");
            events.output(Kind::Stdout, b"bye\n");
            events.end(Some(0), None);
        }),
    );
    let mut child = place.bdctl(&["run", "--", "x"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut stdout = child.stdout.take().unwrap();
    let mut ready = [0; 6];
    stdout.read_exact(&mut ready).unwrap();
    let kill = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(kill.success());
    let mut rest = String::new();
    stdout.read_to_string(&mut rest).unwrap();
    assert_eq!((child.wait().unwrap().code(), &*rest), (Some(130), "bye\n"));
}

#[test]
fn a_closed_standard_output_cancels_and_is_141() {
    let place = Place::new();
    let fake = Fake::start(
        &place,
        script(|_, events| {
            for _ in 0..1000 {
                events.output(Kind::Stdout, &[b'x'; 100_000]);
            }
        }),
    );
    let mut child = place.bdctl(&["run", "--", "x"]).stdout(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(141));
    for _ in 0..1000 {
        if fake.heard().iter().any(|heard| heard.contains("Cancel")) {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    panic!("not cancelled: {:?}", fake.heard());
}

#[test]
fn a_lost_subscription_is_taken_up_where_it_was() {
    let place = Place::new();
    let connections = AtomicU32::new(0);
    let _fake = Fake::start(
        &place,
        script(move |subscribe, events| {
            let Subscribe::Build { from, .. } = subscribe else { panic!("a feed") };
            match connections.fetch_add(1, Ordering::SeqCst) {
                0 => events.output(Kind::Stdout, b"abc"),
                _ => {
                    // Whole records, as a log has them: the beginning is known already.
                    assert_eq!(from, 3);
                    events.record(Kind::Stdout, 0, b"abcdef");
                    events.end(Some(0), None);
                }
            }
        }),
    );
    let output = place.run(&["run", "--", "x"]);
    assert_eq!((output.status.code(), &*output.stdout), (Some(0), &b"abcdef"[..]));
}

#[test]
fn input_is_sent_to_its_end() {
    let place = Place::new();
    let fake = Fake::start(
        &place,
        script(|_, events| {
            events.wait_for("to be read");
            events.end(Some(0), None);
        }),
    );
    let path = place.dir.path().join("input");
    std::fs::write(&path, "to be read").unwrap();
    let input = std::fs::File::open(&path).unwrap();
    let status = place.bdctl(&["run", "--stdin", "--", "x"]).stdin(input).status().unwrap();
    assert_eq!(status.code(), Some(0));
    assert!(fake.heard().concat().contains(r#""stdin":"forward""#));
}

#[test]
fn a_daemon_that_goes_away_is_told_with_a_hint() {
    let place = Place::new();
    // Every subscription is dropped at once.
    let _fake = Fake::start(&place, script(|_, events| events.build(&build(None))));
    let output = place.run(&["run", "--", "x"]);
    assert_eq!(output.status.code(), Some(125));
    let text = stderr(&output);
    assert!(text.contains("build b1") && text.contains("bdctl history"), "{text}");
}
