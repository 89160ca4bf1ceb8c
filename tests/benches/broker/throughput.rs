//! A gigabyte of output, beside the same command through a plain pipe.

use crate::bench_home::{BenchHome, begin, end, succeed};
use bd_tests::measure::{Figure, Series, Target, interleaved, rate};
use std::io::Read as _;
use std::process::{Command, Stdio};

/// Read at once.
const BUFFER_BYTES: usize = 256 * 1024;

pub(crate) fn gigabyte(place: &BenchHome) -> Vec<Figure> {
    let bytes = place.rounds(1_000_000_000);
    let text = bytes.to_string();
    let head = ["head", "-c", text.as_str(), "/dev/zero"];
    let through_daemon = || place.bdctl(["run", "--", head[0], head[1], head[2], head[3]]);
    let direct = || {
        let mut command = place.command(head[0]);
        command.args(&head[1..]);
        command
    };
    let into_cat = || {
        let mut command = place.command("sh");
        command.args(["-c", &format!("{} | cat", head.join(" "))]);
        command
    };
    let [read, pipe, thrown, cat] = interleaved(
        7,
        [
            &mut || drain(through_daemon(), bytes as u64),
            &mut || drain(direct(), bytes as u64),
            &mut || succeed(through_daemon()),
            &mut || succeed(into_cat()),
        ],
    );
    let figure = |name: &str, ours: &Series, peer: &str, theirs: &Series| {
        Figure::new(format!("{name}, {bytes} B"), throughput(bytes, ours))
            .beside(peer, throughput(bytes, theirs))
            .value(1.0 / ours.ratio(theirs), "×")
            .target(Target::Least(0.7, "×"))
    };
    vec![
        figure("output into a reader", &read, "the command's own pipe", &pipe),
        figure("output into /dev/null", &thrown, "command | cat", &cat),
    ]
}

/// Runs a command and reads all it prints, which must be so many bytes.
pub(crate) fn drain(mut command: Command, bytes: u64) {
    command.stdout(Stdio::piped());
    let mut child = begin(command);
    let mut from = child.stdout.take().expect("a pipe");
    let mut buffer = vec![0; BUFFER_BYTES];
    let mut got = 0;
    loop {
        match from.read(&mut buffer).expect("output") {
            0 => break,
            read => got += read as u64,
        }
    }
    end(child);
    assert_eq!(got, bytes);
}

#[expect(clippy::cast_precision_loss, reason = "a gigabyte")]
fn throughput(bytes: usize, series: &Series) -> String {
    rate(bytes as f64 / series.p50().as_secs_f64(), "B")
}
