//! Events: how many a second cross a socket as records, and how many lines of a real build.

use crate::bench_home::{BenchHome, begin, end};
use crate::peers::{self, BATCH, PAYLOAD};
use crate::throughput::drain;
use bd_protocol::limits::EVENTS_MAX_BYTES;
use bd_protocol::{events, frame};
use bd_tests::measure::{Figure, Series, Target, interleaved, rate};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::Stdio;
use std::time::Duration;

/// Batches of records from one process to another, beside the same frames unread.
pub(crate) fn events(place: &BenchHome) -> Vec<Figure> {
    let batches = place.rounds(20_000);
    let [ours, bare] = interleaved(
        place.rounds(10).max(5),
        [
            &mut || {
                let mut expected = 0;
                receive(place, peers::RECORDS, batches, |frame| {
                    for record in events::records(frame) {
                        let record = record.expect("whole records");
                        assert_eq!(record.position, expected, "{:?}", record.kind);
                        expected += record.payload.len() as u64;
                    }
                });
                assert_eq!(expected, (batches * BATCH * PAYLOAD) as u64);
            },
            &mut || receive(place, peers::FRAMES, batches, |_| {}),
        ],
    );
    let count = batches * BATCH;
    vec![
        Figure::new(format!("records, {BATCH} a frame, {PAYLOAD} B each"), a_second(count, &ours))
            .beside("frames unread", a_second(count, &bare))
            .value(per_second(count, ours.p50()) / 1e6, " M/s")
            .target(Target::Least(3.0, " M/s")),
    ]
}

fn receive(place: &BenchHome, role: &str, batches: usize, mut each: impl FnMut(&[u8])) {
    let (mut ours, theirs) = UnixStream::pair().expect("a pair of sockets");
    let mut command = place.peer([role, &batches.to_string()]);
    command.stdin(Stdio::from(OwnedFd::from(theirs)));
    let child = begin(command);
    let mut buffer = Vec::new();
    // Its end of the socket went with the command.
    for _ in 0..batches {
        assert!(frame::read(&mut ours, EVENTS_MAX_BYTES, &mut buffer).expect("a frame"));
        each(&buffer);
    }
    end(child);
}

/// Lines that a build prints, until a reader of bdctl has them, beside a plain pipe.
pub(crate) fn lines(place: &BenchHome) -> Vec<Figure> {
    let count = place.rounds(4_000_000);
    let text = count.to_string();
    let program = std::env::current_exe().expect("a path of our own");
    let program = program.to_str().expect("a path in UTF-8");
    let bytes = (count * PAYLOAD) as u64;
    let [ours, pipe] = interleaved(
        5,
        [
            &mut || {
                drain(place.bdctl(["run", "--", program, peers::LINES, &text]), bytes);
            },
            &mut || drain(place.peer([peers::LINES, &text]), bytes),
        ],
    );
    vec![
        Figure::new(format!("lines of a build, {PAYLOAD} B each"), a_second(count, &ours))
            .beside("through a pipe", a_second(count, &pipe))
            .value(1.0 / ours.ratio(&pipe), "×"),
    ]
}

fn a_second(count: usize, series: &Series) -> String {
    rate(per_second(count, series.p50()), "")
}

#[expect(clippy::cast_precision_loss, reason = "some millions")]
fn per_second(count: usize, time: Duration) -> f64 {
    count as f64 / time.as_secs_f64()
}
