//! Readers that do not read, and output that is not text.

use crate::raw_requests::{ended, submission, submitted};
use bd_protocol::events::{Kind, records};
use bd_tests::rng::Rng;
use bd_tests::wire::Wire;
use bd_tests::{DaemonProbe, Gate, Sandbox};
use serde_json::json;
use std::fs;
use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// More than this much memory is not needed for readers that do not read.
const MEMORY: u64 = 30 << 20;

/// Digest and length of all that a program prints on standard output, and its exit code.
fn digest(mut command: Command) -> (blake3::Hash, u64, Option<i32>) {
    let mut child = command.stdout(Stdio::piped()).spawn().expect("it starts");
    let (hash, length) = hash(child.stdout.take().expect("its output"));
    (hash, length, child.wait().expect("its end").code())
}

fn hash(mut from: impl Read) -> (blake3::Hash, u64) {
    let mut hasher = blake3::Hasher::new();
    let mut buffer = vec![0; 1 << 20];
    let mut length = 0;
    loop {
        match from.read(&mut buffer).expect("output") {
            0 => return (hasher.finalize(), length),
            read => {
                hasher.update(&buffer[..read]);
                length += read as u64;
            }
        }
    }
}

/// Digest of so many bytes of nothing.
fn zeros(bytes: u64) -> (blake3::Hash, u64) {
    hash(fs::File::open("/dev/zero").expect("zeros").take(bytes))
}

/// A build of 200 MB with `stalled` readers that subscribe and never read, and one that reads.
fn nobody_waits_for(stalled: usize) {
    const BYTES: u64 = 200_000_000;
    let sandbox = Sandbox::new();
    let probe = DaemonProbe::new(&sandbox);
    let gate = Gate::new(sandbox.outside(), "gate");
    let script = format!("{}; head -c {BYTES} /dev/zero", gate.pass());
    let shared = ["run", "--quiet", "--join", "--", "sh", "-c", &script];
    let id = sandbox.ok(&[&["run", "--detach"], &shared[2..]].concat());
    let build = id.trim();
    let readers: Vec<Wire> = (0..stalled)
        .map(|_| {
            let mut wire = Wire::open(&sandbox.socket(), "events");
            wire.send(&json!({ "build": { "build": build, "from": 0 } }));
            wire
        })
        .collect();
    let joined = sandbox.bdctl(shared);
    let joined = std::thread::spawn(move || digest(joined));
    sandbox.await_builds("running", 2);
    let before = bd_tests::daemon_probe::resident_bytes(probe.pid);
    let began = Instant::now();
    gate.open();
    let outcome = ended(&sandbox, build)["outcome"].clone();
    assert_eq!(outcome["status"], "ok", "{outcome}");
    let took = began.elapsed();
    let (hash, length, code) = joined.join().expect("the one that reads");
    assert_eq!((length, code), (BYTES, Some(0)));
    assert_eq!((hash, length), zeros(BYTES));
    let grown = bd_tests::daemon_probe::resident_bytes(probe.pid).saturating_sub(before);
    println!("{stalled} readers that never read: ended after {took:?}, {} KiB", grown >> 10);
    assert!(grown < MEMORY, "{grown} bytes for {stalled} readers");
    drop(readers);
    probe.assert_unharmed();
}

#[test]
fn a_reader_that_never_reads_costs_little_and_delays_nobody() {
    nobody_waits_for(1);
}

#[test]
fn twenty_readers_that_never_read_cost_little_and_delay_nobody() {
    nobody_waits_for(20);
}

#[test]
fn a_client_that_stops_reading_does_not_hold_up_its_build() {
    const BYTES: u64 = 50_000_000;
    let sandbox = Sandbox::new();
    let probe = DaemonProbe::new(&sandbox);
    let mut bdctl =
        sandbox.bdctl(["run", "--quiet", "--", "head", "-c", &BYTES.to_string(), "/dev/zero"]);
    let mut client = bdctl.stdout(Stdio::piped()).spawn().expect("bdctl starts");
    // Its output is not taken, so it can not go on; its build can.
    bd_tests::eventually("the build has ended", || {
        sandbox
            .history()
            .iter()
            .any(|build| build["command"][0] == "head" && build["outcome"]["status"] == "ok")
    });
    assert!(client.try_wait().expect("a client").is_none(), "it is gone before it was read");
    let (hash, length) = hash(client.stdout.take().expect("its output"));
    assert_eq!((hash, length), zeros(BYTES));
    assert_eq!(client.wait().expect("its end").code(), Some(0));
    probe.assert_unharmed();
}

#[test]
fn a_gigabyte_without_a_newline_arrives_as_it_is() {
    const BYTES: u64 = 1_000_000_000;
    let sandbox = Sandbox::new();
    let probe = DaemonProbe::new(&sandbox);
    let began = Instant::now();
    let (hash, length, code) =
        digest(sandbox.bdctl(["run", "--", "head", "-c", &BYTES.to_string(), "/dev/zero"]));
    let took = began.elapsed();
    assert_eq!((length, code), (BYTES, Some(0)));
    assert_eq!((hash, length), zeros(BYTES));
    let growth = probe.growth();
    println!(
        "{BYTES} bytes in {took:?} ({:.0} MB/s), {} KiB",
        BYTES as f64 / 1e6 / took.as_secs_f64(),
        growth >> 10
    );
    assert!(growth < MEMORY, "{growth} bytes");
    probe.assert_unharmed();
}

#[test]
fn bytes_that_are_no_text_arrive_as_they_are_on_both_streams() {
    let sandbox = Sandbox::new();
    let probe = DaemonProbe::new(&sandbox);
    let mut rng = Rng::new(7);
    let mut noise = |bytes: usize| -> Vec<u8> { (0..bytes).map(|_| rng.bits() as u8).collect() };
    for bytes in [1, 3, 4096, 1_000_000] {
        let (out, err) = (noise(bytes), [b"\xff\xfe\0\x80\xc0".to_vec(), noise(bytes)].concat());
        for (name, content) in [("out", &out), ("err", &err)] {
            fs::write(sandbox.outside().join(name), content).expect("a file");
        }
        let script = "cat ../out; cat ../err >&2; exit 9";
        let output = sandbox.run(&["run", "--quiet", "--", "sh", "-c", script]);
        assert_eq!(output.status.code(), Some(9));
        assert!(output.stdout == out, "{bytes} bytes of standard output");
        assert!(output.stderr == err, "{bytes} bytes of standard error");
        // And once more from the log.
        let logs = sandbox.run(&["logs"]);
        assert!(logs.stdout == out && logs.stderr == err, "{bytes} bytes in the log");
    }
    probe.assert_unharmed();
}

#[test]
fn a_hundred_thousand_lines_of_both_streams_arrive_in_order() {
    const LINES: usize = 50_000;
    let sandbox = Sandbox::new();
    let probe = DaemonProbe::new(&sandbox);
    let script =
        format!("i=0; while [ $i -lt {LINES} ]; do echo o$i; echo e$i >&2; i=$((i+1)); done");
    let output = sandbox.run(&["run", "--quiet", "--", "sh", "-c", &script]);
    assert_eq!(output.status.code(), Some(0));
    let lines = |letter: &str| (0..LINES).map(|n| format!("{letter}{n}\n")).collect::<String>();
    assert!(output.stdout == lines("o").into_bytes(), "standard output");
    assert!(output.stderr == lines("e").into_bytes(), "standard error");
    probe.assert_unharmed();
}

#[test]
fn a_record_follows_the_one_before_it() {
    let sandbox = Sandbox::new();
    let probe = DaemonProbe::new(&sandbox);
    let mut control = Wire::open(&sandbox.socket(), "control");
    let script = "i=0; while [ $i -lt 2000 ]; do echo o$i; echo e$i >&2; i=$((i+1)); done";
    let build = submitted(&mut control, &submission(&sandbox, &["sh", "-c", script]));
    let mut events = Wire::open(&sandbox.socket(), "events");
    events.send(&json!({ "build": { "build": build } }));
    let (mut position, mut done) = (0, false);
    while let (false, Some(frame)) = (done, events.frame()) {
        for record in records(&frame) {
            let record = record.expect("whole records");
            match record.kind {
                Some(Kind::Stdout | Kind::Stderr) => {
                    assert_eq!(record.position, position, "a gap that nobody marked");
                    position += record.payload.len() as u64;
                }
                Some(Kind::Done) => done = true,
                _ => {}
            }
        }
    }
    assert!(done);
    assert_eq!(position, 2 * (0..2000).map(|n: u64| 2 + n.to_string().len() as u64).sum::<u64>());
    drop((control, events));
    probe.assert_unharmed();
}

#[test]
fn whoever_closes_our_output_ends_the_build() {
    let sandbox = Sandbox::new();
    let probe = DaemonProbe::new(&sandbox);
    let mut bdctl = sandbox.bdctl(["run", "--quiet", "--", "yes"]);
    let mut client = bdctl.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("bdctl");
    let mut line = String::new();
    BufReader::new(client.stdout.take().expect("output")).read_line(&mut line).expect("a line");
    assert_eq!(line, "y\n");
    // The reader is dropped: nobody listens any more.
    let closed = Instant::now();
    let output = client.wait_with_output().expect("its end");
    let took = closed.elapsed();
    assert_eq!(output.status.code(), Some(141), "{output:?}");
    assert!(output.stderr.is_empty(), "{output:?}");
    assert!(took < Duration::from_secs(3), "{took:?}");
    bd_tests::eventually("the build has ended", || sandbox.live().is_empty());
    println!("ended {:?} after its output was closed", closed.elapsed());
    assert_eq!(sandbox.history()[0]["outcome"]["status"], "cancelled");
    probe.assert_unharmed();
}

#[test]
fn input_for_a_command_that_does_not_read_holds_up_nobody() {
    let sandbox = Sandbox::new();
    let probe = DaemonProbe::new(&sandbox);
    let gate = Gate::new(sandbox.outside(), "gate");
    let pass = gate.pass();
    let mut bdctl = sandbox.bdctl(["run", "--quiet", "--stdin", "--", "sh", "-c", &pass]);
    let mut client = bdctl.stdin(Stdio::piped()).spawn().expect("bdctl starts");
    let mut stdin = client.stdin.take().expect("its input");
    let writer = std::thread::spawn(move || {
        // Ends with an error when the command has ended, which is as it should be.
        while stdin.write_all(&[0; 1 << 16]).is_ok() {}
    });
    sandbox.await_builds("running", 1);
    assert_eq!(sandbox.ok(&["run", "--quiet", "--", "echo", "served"]), "served\n");
    gate.open();
    assert_eq!(client.wait().expect("its end").code(), Some(0));
    writer.join().expect("it ended");
    probe.assert_unharmed();
}
