//! Many at once, with little to serve them with.

use crate::raw_requests::{answer, ask, ended, submission, submit};
use bd_tests::wire::{Wire, hello};
use bd_tests::{DaemonProbe, Sandbox, eventually};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use serde_json::json;
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};
use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

/// As many descriptors as are allowed, for the test itself.
pub(crate) fn many_descriptors() {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).expect("a limit");
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).expect("as many as are allowed");
}

#[test]
fn a_thousand_connections_at_once_are_all_served() {
    const CLIENTS: usize = 1_000;
    many_descriptors();
    let sandbox = Sandbox::new();
    let probe = DaemonProbe::new(&sandbox);
    let together = Arc::new(Barrier::new(CLIENTS + 1));
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| {
            let (socket, together) = (sandbox.socket(), together.clone());
            let client = move || {
                together.wait();
                let mut wire = Wire::open(&socket, "control");
                let status = answer(&wire.call(1, &json!({ "Status": {} }))).expect("a status");
                // All are there at the same time.
                together.wait();
                status["daemon"]["pid"].as_i64()
            };
            let small = std::thread::Builder::new().stack_size(256 << 10);
            small.spawn(client).expect("a thread")
        })
        .collect();
    together.wait();
    let began = Instant::now();
    together.wait();
    let took = began.elapsed();
    for client in clients {
        assert_eq!(client.join().expect("served"), Some(probe.pid.as_raw().into()));
    }
    println!("{CLIENTS} connections at once served in {took:?}, {} KiB", probe.growth() >> 10);
    probe.assert_unharmed();
}

#[test]
fn two_hundred_clients_at_once_are_all_served() {
    const CLIENTS: usize = 200;
    let sandbox = Sandbox::new();
    let probe = DaemonProbe::new(&sandbox);
    let began = Instant::now();
    let clients: Vec<_> = (0..CLIENTS)
        .map(|n| {
            let number = n.to_string();
            let arguments: &[&str] = match n % 4 {
                0 => &["run", "--quiet", "--", "echo", &number],
                _ => &["status"],
            };
            let mut bdctl = sandbox.bdctl(arguments);
            bdctl.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("bdctl starts")
        })
        .collect();
    for (n, client) in clients.into_iter().enumerate() {
        let output = client.wait_with_output().expect("its end");
        assert!(output.status.success(), "client {n}: {output:?}");
        if n % 4 == 0 {
            assert_eq!(output.stdout, format!("{n}\n").into_bytes());
        }
    }
    println!("{CLIENTS} clients at once served in {:?}", began.elapsed());
    probe.assert_unharmed();
}

/// A sandbox whose daemon may have 40 descriptors.
fn with_few_descriptors() -> Sandbox {
    let sandbox = Sandbox::new();
    let _ = sandbox.ok(&["daemon", "start"]);
    // Not by its starter: a client with more would replace it.
    let pid = sandbox.daemon_pid().to_string();
    let few = Command::new("prlimit").args(["--nofile=40:40", "--pid", &pid]).output();
    let few = few.expect("prlimit starts");
    assert!(few.status.success(), "{few:?}");
    sandbox
}

/// Connections until the daemon takes no more.
fn crowd(sandbox: &Sandbox) -> Vec<Wire> {
    let mut crowd = Vec::new();
    loop {
        let mut wire = Wire(UnixStream::connect(sandbox.socket()).expect("a place in the queue"));
        wire.send(&hello("control"));
        wire.0.set_read_timeout(Some(Duration::from_millis(300))).expect("a timeout");
        if wire.frame().is_none() {
            // Not taken: it stays in the queue, for there is no descriptor for it.
            return crowd;
        }
        wire.0.set_read_timeout(Some(Duration::from_secs(60))).expect("a timeout");
        crowd.push(wire);
        assert!(crowd.len() < 40, "the limit is not kept");
    }
}

#[test]
fn without_descriptors_the_next_waits_until_somebody_leaves() {
    let sandbox = with_few_descriptors();
    let probe = DaemonProbe::new(&sandbox);
    let crowd = crowd(&sandbox);
    println!("{} connections with 40 descriptors", crowd.len());
    assert!(crowd.len() > 3, "{} connections only", crowd.len());
    let mut waiting = sandbox.bdctl(["status"]).stdout(Stdio::null()).spawn().expect("bdctl");
    std::thread::sleep(Duration::from_millis(300));
    assert!(waiting.try_wait().expect("a client").is_none(), "it was served, or gave up");
    drop(crowd);
    assert!(waiting.wait().expect("its end").success());
    probe.assert_unharmed();
}

#[test]
fn without_descriptors_a_build_fails_with_a_reason_and_the_next_one_runs() {
    let sandbox = with_few_descriptors();
    let probe = DaemonProbe::new(&sandbox);
    let mut crowd = crowd(&sandbox);
    let mut asking = crowd.pop().expect("a connection");
    let argv = submission(&sandbox, &["true"]);
    let answer = ask(&mut asking, &submit(&argv));
    // What could not be opened then is reported; nothing waits for it or dies of it.
    let build = answer.ok().map(|answer| answer["build"].as_str().expect("an id").to_owned());
    if let Some(build) = &build {
        eventually("the build has ended", || {
            let found = ask(&mut asking, &json!({ "Build": { "id": build } })).expect("a build");
            found["state"] == "ended"
        });
    }
    drop((crowd, asking));
    if let Some(build) = build {
        let outcome = ended(&sandbox, &build)["outcome"].clone();
        println!("without descriptors: {outcome}");
        assert!(outcome["status"] == "ok" || outcome["message"].is_string(), "{outcome}");
    }
    probe.assert_unharmed();
}
