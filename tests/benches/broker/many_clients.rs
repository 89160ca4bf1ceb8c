//! A thousand clients at once, beside a thousand one after the other.

use crate::bench_home::{BenchHome, begin, end, succeed};
use bd_protocol::frame;
use bd_protocol::limits::CONTROL_MAX_BYTES;
use bd_tests::measure::{Figure, Target, interleaved, time};
use bd_tests::wire::hello;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use serde_json::json;
use std::io::Write as _;
use std::os::unix::net::UnixStream;
use std::path::Path;

const CLIENTS: usize = 1000;
/// Whole processes are dear.
const PROCESSES: usize = 200;

/// Each client connects, says hello, asks for the status in the same breath as bdctl does, reads
/// both answers and leaves.
pub(crate) fn thousand(place: &BenchHome) -> Vec<Figure> {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).expect("a limit");
    // Where the limit stays low, the connections fail loudly.
    let _ = setrlimit(Resource::RLIMIT_NOFILE, hard, hard);
    let socket = place.sandbox.socket();
    let opening = opening();
    let [at_once, sequence] = interleaved(
        place.rounds(50),
        [
            &mut || {
                let all: Vec<_> = (0..CLIENTS).map(|_| ask(&socket, &opening)).collect();
                all.into_iter().for_each(hear);
            },
            &mut || (0..CLIENTS).for_each(|_| hear(ask(&socket, &opening))),
        ],
    );
    let [crowd, queue] = interleaved(
        place.rounds(30),
        [
            &mut || {
                let all = (0..PROCESSES).map(|_| begin(place.bdctl(["status"])));
                all.collect::<Vec<_>>().into_iter().for_each(end);
            },
            &mut || (0..PROCESSES).for_each(|_| succeed(place.bdctl(["status"]))),
        ],
    );
    vec![
        Figure::new(format!("{CLIENTS} × status at once"), time(at_once.p50()))
            .beside("in sequence", time(sequence.p50()))
            .value(at_once.ratio(&sequence), "×")
            .target(Target::Most(0.5, "×")),
        Figure::new(format!("{PROCESSES} × bdctl status at once"), time(crowd.p50()))
            .beside("in sequence", time(queue.p50()))
            .value(crowd.ratio(&queue), "×"),
    ]
}

fn opening() -> Vec<u8> {
    let mut bytes = Vec::new();
    let request = json!({ "id": 1, "deadline_ms": 10_000, "call": { "Status": {} } });
    for message in [hello("control"), request] {
        frame::write(&mut bytes, message.to_string().as_bytes()).expect("memory");
    }
    bytes
}

fn ask(socket: &Path, opening: &[u8]) -> UnixStream {
    let mut stream = UnixStream::connect(socket).expect("a daemon that listens");
    stream.write_all(opening).expect("a daemon that reads");
    stream
}

fn hear(mut stream: UnixStream) {
    let mut buffer = Vec::new();
    for expected in [&b"\"welcome\""[..], b"\"Status\""] {
        assert!(frame::read(&mut stream, CONTROL_MAX_BYTES, &mut buffer).expect("an answer"));
        let has = buffer.windows(expected.len()).any(|window| window == expected);
        assert!(has, "{}", String::from_utf8_lossy(&buffer));
    }
}
