//! A hundred thousand inputs that are nearly right or not at all, from several threads, on every
//! channel, while somebody else is served.
//!
//! `BD_FUZZ_INPUTS` and `BD_FUZZ_SEED` make other and longer runs of it.

use crate::raw_requests::{submission, submit};
use bd_tests::rng::{Rng, number};
use bd_tests::wire::{Wire, hello};
use bd_tests::{DaemonProbe, Sandbox};
use serde_json::{Value, json};
use std::net::Shutdown;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

const THREADS: u64 = 4;

/// More memory than this is not needed to refuse what makes no sense.
const MEMORY: u64 = 64 << 20;

/// Requests sent on one connection before their answers are read.
const VOLLEY: u64 = 48;

#[test]
fn a_hundred_thousand_inputs_leave_the_daemon_serving() {
    let (inputs, seed) = (number("BD_FUZZ_INPUTS", 100_000), number("BD_FUZZ_SEED", 1));
    let sandbox = Sandbox::new();
    let probe = DaemonProbe::new(&sandbox);
    let began = Instant::now();
    let (sent, served) = (AtomicU64::new(0), AtomicU64::new(0));
    let done = AtomicBool::new(false);
    let (connections, longest) = std::thread::scope(|scope| {
        let attackers: Vec<_> = (0..THREADS)
            .map(|n| {
                let attacker = Attacker::new(&sandbox, Rng::new(seed.wrapping_add(n << 32)));
                let sent = &sent;
                scope.spawn(move || attacker.attack(sent, inputs))
            })
            .collect();
        let good = scope.spawn(|| {
            let mut longest = std::time::Duration::ZERO;
            while !done.load(Ordering::Relaxed) {
                let asked = Instant::now();
                assert_eq!(sandbox.ok(&["run", "--quiet", "--", "echo", "served"]), "served\n");
                let _ = sandbox.ok(&["status"]);
                longest = longest.max(asked.elapsed());
                served.fetch_add(1, Ordering::Relaxed);
            }
            longest
        });
        let connections =
            attackers.into_iter().map(|one| one.join().expect("no panic")).sum::<u64>();
        done.store(true, Ordering::Relaxed);
        (connections, good.join().expect("it was served"))
    });
    let (sent, served) = (sent.into_inner(), served.into_inner());
    println!(
        "seed {seed}: {sent} inputs on {connections} connections in {:?}; meanwhile {served} times \
         run and status, at most {longest:?}; {} KiB",
        began.elapsed(),
        probe.growth() >> 10
    );
    assert!(sent >= inputs, "{sent} inputs");
    assert!(served > 0, "nobody else was served");
    assert!(probe.growth() < MEMORY, "{} bytes", probe.growth());
    probe.assert_unharmed();
}

struct Attacker<'a> {
    sandbox: &'a Sandbox,
    rng: Rng,
    /// What is nearly right: calls, subscriptions, first frames of input channels.
    calls: Vec<Value>,
    subscriptions: Vec<Value>,
    feeds: Vec<Value>,
    hellos: Vec<Value>,
    /// Connections that were left in the middle of a sentence.
    hanging: Vec<Wire>,
}

impl<'a> Attacker<'a> {
    fn new(sandbox: &'a Sandbox, rng: Rng) -> Self {
        // Programs and builds that are not there: whatever is made of them does no harm.
        let asked = submission(sandbox, &["no-such-program-anywhere", "argument"]);
        let mut full = asked.clone();
        full["umask"] = json!(18);
        full["priority"] = json!("agent");
        full["timeout_ms"] = json!(1000);
        full["join"] = json!("never");
        full["stdin"] = json!("forward");
        full["tty"] = json!({ "rows": 24, "columns": 80 });
        full["parent"] = json!("bzzzzzzzzzzy");
        let id = "bzzzzzzzzzzy";
        let size = json!({ "rows": 24, "columns": 80 });
        let somewhere = json!({ "limit": 2, "under": asked["cwd"] });
        Self {
            sandbox,
            rng,
            calls: vec![
                json!({ "Status": {} }),
                json!({ "Status": {} }),
                json!({ "Build": { "id": id } }),
                json!({ "Cancel": { "id": id } }),
                json!({ "Detach": { "id": id } }),
                json!({ "Resize": { "id": id, "size": size } }),
                json!({ "History": { "query": somewhere } }),
                json!({ "History": { "query": { "limit": 3 } } }),
                json!({ "Explain": { "request": asked } }),
                submit(&full),
                json!({ "NotUnderstood": { "failure": {
                    "code": "x", "tier": "user", "message": "y", "hint": null } } }),
            ],
            subscriptions: vec![
                json!({ "build": { "build": id, "from": 12 } }),
                json!({ "feed": { "after": 5 } }),
                json!({ "feed": {} }),
            ],
            feeds: vec![json!({ "build": id })],
            // Nobody may end the daemon by accident, so this one never means to.
            hellos: vec![
                hello("control"),
                hello("events"),
                hello("input"),
                json!({ "bd": "shutdown", "when": "some day" }),
            ],
            hanging: Vec::new(),
        }
    }

    /// Sends until enough is sent by all, and says on how many connections.
    fn attack(mut self, sent: &AtomicU64, enough: u64) -> u64 {
        let mut connections = 0;
        while sent.load(Ordering::Relaxed) < enough {
            let inputs = match self.rng.below(16) {
                0..=5 => self.preface(),
                6..=7 => self.subscribe(),
                8 => self.feed(),
                _ => self.requests(),
            };
            connections += 1;
            sent.fetch_add(inputs, Ordering::Relaxed);
        }
        connections
    }

    fn open(&self, channel: &str) -> Wire {
        Wire::open(&self.sandbox.socket(), channel)
    }

    /// One of these, damaged more often than not.
    fn nearly(rng: &mut Rng, from: &[Value]) -> Vec<u8> {
        let whole = rng.pick(from).expect("some").to_string().into_bytes();
        if rng.one_in(8) { whole } else { damaged(rng, whole) }
    }

    /// Something where a hello should be.
    fn preface(&mut self) -> u64 {
        let rng = &mut self.rng;
        let mut wire = Wire::connect(&self.sandbox.socket());
        let bytes = match rng.below(4) {
            0 => noise(rng, 6000),
            _ => {
                let hello = Self::nearly(rng, &self.hellos);
                framed(rng, &hello)
            }
        };
        // It may be refused before it is read.
        let _ = wire.raw(&bytes);
        self.leave(wire);
        1
    }

    /// Something where a subscription should be, and something after it.
    fn subscribe(&mut self) -> u64 {
        let mut wire = self.open("events");
        let subscription = Self::nearly(&mut self.rng, &self.subscriptions);
        let _ = wire.raw(&framed(&mut self.rng, &subscription));
        let more = noise(&mut self.rng, 2000);
        let _ = wire.raw(&more);
        self.leave(wire);
        2
    }

    /// Something where input for a build should be.
    fn feed(&mut self) -> u64 {
        let mut wire = self.open("input");
        let feed = Self::nearly(&mut self.rng, &self.feeds);
        let _ = wire.raw(&framed(&mut self.rng, &feed));
        let more = noise(&mut self.rng, 2000);
        let _ = wire.raw(&framed(&mut self.rng, &more));
        self.leave(wire);
        2
    }

    /// Requests, each in a whole frame so that the connection lives as long as they are envelopes.
    fn requests(&mut self) -> u64 {
        let mut wire = self.open("control");
        let mut bytes = Vec::new();
        let volley = 1 + self.rng.below(VOLLEY);
        let mut count = 0;
        for id in 0..volley {
            count += 1;
            let frame = self.request(id);
            bd_protocol::frame::write(&mut bytes, &frame).expect("to memory");
        }
        if wire.raw(&bytes).is_err() {
            // One of them was no envelope, and ended the connection.
            return count;
        }
        match self.rng.below(4) {
            // Gone without waiting for an answer.
            0 => {}
            // The connection ends in half a frame, or one that is too long.
            1 => {
                let frame = self.request(volley);
                let _ = wire.raw(&framed(&mut self.rng, &frame));
                count += 1;
                self.leave(wire);
            }
            // The last one is answered, unless an earlier one ended the connection.
            _ => {
                let last = json!({ "id": u64::MAX, "call": { "Build": { "id": "bzzz" } } });
                let sent = bd_protocol::frame::write(&mut wire.0, last.to_string().as_bytes());
                while let (true, Some(frame)) = (sent.is_ok(), wire.frame()) {
                    let reply: Value = serde_json::from_slice(&frame).expect("JSON");
                    if reply["id"] == u64::MAX {
                        break;
                    }
                }
            }
        }
        count
    }

    /// A request with a good envelope most of the time.
    fn request(&mut self, id: u64) -> Vec<u8> {
        let rng = &mut self.rng;
        let call = rng.pick(&self.calls).expect("some").clone();
        match rng.below(64) {
            // Damaged as a whole.
            0 => damaged(rng, json!({ "id": id, "call": call }).to_string().into_bytes()),
            1 => noise(rng, 200),
            2 => json!({ "id": id, "cancel": true }).to_string().into_bytes(),
            3 => json!({ "id": rng.below(id + 1), "call": call }).to_string().into_bytes(),
            4 => {
                let deadline = rng.bits() >> rng.below(64);
                json!({ "id": id, "deadline_ms": deadline, "call": call }).to_string().into_bytes()
            }
            // A call in which a value is another one.
            _ => {
                let mut call = call;
                swap(rng, &mut call);
                json!({ "id": id, "call": call }).to_string().into_bytes()
            }
        }
    }

    /// Leaves a connection: at once, after its end, half closed, or hanging.
    fn leave(&mut self, wire: Wire) {
        match self.rng.below(8) {
            0 => {
                let _ = wire.0.shutdown(Shutdown::Write);
                let mut wire = wire;
                while wire.frame().is_some() {}
            }
            1 => {
                self.hanging.push(wire);
                if self.hanging.len() > 50 {
                    self.hanging.clear();
                }
            }
            _ => {}
        }
    }
}

/// A frame that tells its length truly, or not.
fn framed(rng: &mut Rng, payload: &[u8]) -> Vec<u8> {
    let true_length = payload.len() as u32;
    let length = match rng.below(8) {
        0 => u32::MAX,
        1 => 0,
        2 => rng.bits() as u32,
        3 => true_length.wrapping_add(rng.below(64) as u32),
        4 => true_length.saturating_sub(rng.below(64) as u32),
        _ => true_length,
    };
    let mut frame = length.to_be_bytes().to_vec();
    frame.extend_from_slice(payload);
    if rng.one_in(6) {
        // Half of it.
        frame.truncate(rng.below(frame.len() as u64 + 1) as usize);
    }
    frame
}

fn noise(rng: &mut Rng, most: u64) -> Vec<u8> {
    (0..rng.below(most)).map(|_| rng.bits() as u8).collect()
}

/// Pieces of JSON that stand where others should.
const PIECES: [&str; 20] = [
    "null",
    "true",
    "-1",
    "0",
    "1e999",
    "18446744073709551616",
    "\"\"",
    "\"\\ud800\"",
    "\"\\u0000\"",
    "{}",
    "[]",
    "[[[[[[[[",
    "{\"base64\":\"AA==\"}",
    "{\"base64\":\"?\"}",
    "\"x\":",
    ",",
    "}",
    "\\",
    "\u{fffd}",
    "\"Ok\":",
];

/// The same bytes with a few things wrong.
fn damaged(rng: &mut Rng, mut bytes: Vec<u8>) -> Vec<u8> {
    for _ in 0..=rng.below(4) {
        let length = bytes.len() as u64;
        if length == 0 {
            return bytes;
        }
        let at = rng.below(length) as usize;
        let to = at + rng.below(length - at as u64 + 1).min(16) as usize;
        match rng.below(8) {
            0 | 1 => bytes[at] ^= 1 << rng.below(8),
            2 => bytes[at] = rng.bits() as u8,
            3 => drop(bytes.drain(at..to)),
            4 => {
                let again = bytes[at..to].to_vec();
                drop(bytes.splice(at..at, again));
            }
            5 => bytes.truncate(at),
            6 => {
                let deep = b"[".repeat(rng.below(3000) as usize);
                drop(bytes.splice(at..at, deep));
            }
            _ => {
                let piece = rng.pick(&PIECES).expect("some").bytes();
                drop(bytes.splice(at..to, piece));
            }
        }
    }
    bytes
}

/// Replaces one value somewhere in `value`, or its name.
fn swap(rng: &mut Rng, value: &mut Value) {
    match value {
        Value::Object(fields) if !fields.is_empty() && !rng.one_in(12) => {
            let names: Vec<String> = fields.keys().cloned().collect();
            let name = rng.pick(&names).expect("some");
            if rng.one_in(8) {
                let inner = fields.remove(name).expect("it is there");
                fields.insert(String::from_utf8_lossy(&noise(rng, 20)).into_owned(), inner);
            } else {
                swap(rng, fields.get_mut(name).expect("it is there"));
            }
        }
        Value::Array(items) if !items.is_empty() && !rng.one_in(6) => {
            let at = rng.below(items.len() as u64) as usize;
            swap(rng, &mut items[at]);
        }
        other => {
            *other = match rng.below(10) {
                0 => Value::Null,
                1 => json!([]),
                2 => json!({}),
                3 => json!(rng.bits()),
                4 => json!(-(rng.below(1 << 40) as i64)),
                5 => json!(f64::from_bits(rng.bits())),
                6 => json!("x".repeat(rng.below(5000) as usize)),
                7 => json!(String::from_utf8_lossy(&noise(rng, 50))),
                8 => json!({ "base64": "/////w==" }),
                _ => json!(true),
            };
        }
    }
}
