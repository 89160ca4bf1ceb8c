//! Round trips on an open connection, beside a bare echo of frames of the same sizes.

use crate::bench_home::{BenchHome, begin, end};
use crate::peers;
use bd_protocol::frame::PREFIX_BYTES;
use bd_tests::measure::{Figure, Series, Target};
use bd_tests::wire::{Wire, hello};
use serde_json::{Value, json};
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::Stdio;
use std::time::{Duration, Instant};

/// Calls on one connection before it is the other's turn: a single one would find the peer's
/// caches, not its own.
const BLOCK: usize = 200;

pub(crate) fn round_trip(place: &BenchHome) -> Vec<Figure> {
    // No id begins with a question mark, so this asks the service and nobody behind it.
    let bare = json!({ "Build": { "id": "?" } });
    let status = json!({ "Status": {} });
    vec![
        compare(place, "RPC round trip: a build that can not be", &bare)
            .target(Target::Most(2.0, "×")),
        compare(place, "RPC round trip: status", &status),
    ]
}

fn compare(place: &BenchHome, name: &str, call: &Value) -> Figure {
    let request = json!({ "id": 1, "deadline_ms": 10_000, "call": call }).to_string();
    let mut daemon = daemon(place);
    let reply_bytes = daemon.call(request.as_bytes());
    let (mut echo, child) = echo(place, reply_bytes);
    let (mut ours, mut theirs) = (Series::default(), Series::default());
    for _ in 0..place.rounds(200) {
        for (client, series) in [(&mut daemon, &mut ours), (&mut echo, &mut theirs)] {
            // The first of a block has to wake a process that slept.
            client.call(request.as_bytes());
            series.0.extend((0..BLOCK).map(|_| client.timed(request.as_bytes())));
        }
    }
    drop(echo);
    end(child);
    let ratio = ours.p50().as_secs_f64() / theirs.p50().as_secs_f64();
    Figure::new(format!("{name} ({} B, {reply_bytes} B)", request.len()), &ours)
        .beside("framed echo", &theirs)
        .value(ratio, "×")
}

/// A blocking client that is as frugal as one can be: one write, one read.
struct Client {
    socket: UnixStream,
    out: Vec<u8>,
    got: Vec<u8>,
}

impl Client {
    fn new(socket: UnixStream) -> Self {
        Self { socket, out: Vec::new(), got: vec![0; 64 * 1024] }
    }

    /// The length of the reply.
    fn call(&mut self, request: &[u8]) -> usize {
        let len = u32::try_from(request.len()).expect("a short request");
        self.out.clear();
        self.out.extend_from_slice(&len.to_be_bytes());
        self.out.extend_from_slice(request);
        self.socket.write_all(&self.out).expect("a server that reads");
        let mut end = 0;
        loop {
            let read = self.socket.read(&mut self.got[end..]).expect("a server that answers");
            assert!(read > 0, "the server hung up");
            end += read;
            if let Some((prefix, rest)) = self.got[..end].split_first_chunk::<PREFIX_BYTES>()
                && rest.len() >= u32::from_be_bytes(*prefix) as usize
            {
                return rest.len();
            }
        }
    }

    fn timed(&mut self, request: &[u8]) -> Duration {
        let begun = Instant::now();
        self.call(request);
        begun.elapsed()
    }
}

fn daemon(place: &BenchHome) -> Client {
    let mut wire = Wire::connect(&place.sandbox.socket());
    wire.send(&hello("control"));
    let welcome = wire.receive();
    assert_eq!(welcome["bd"], "welcome", "{welcome}");
    Client::new(wire.0)
}

fn echo(place: &BenchHome, reply_bytes: usize) -> (Client, std::process::Child) {
    let (ours, theirs) = UnixStream::pair().expect("a pair of sockets");
    let mut command = place.peer([peers::ECHO, &reply_bytes.to_string()]);
    command.stdin(Stdio::from(OwnedFd::from(theirs)));
    (Client::new(ours), begin(command))
}
