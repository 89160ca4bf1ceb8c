//! What the broker costs, each figure beside what doing without it costs: `cargo bench -p bd-tests
//! --bench broker [-- NAME…] [--quick]`. Prints a table and always succeeds: a benchmark is no
//! test.

mod bench_home;
mod idle;
mod many_clients;
mod peers;
mod processes;
mod records;
mod rpc;
mod throughput;

use bd_tests::measure::{self, Figure};
use bench_home::BenchHome;

/// One group of figures, by the name that chooses it.
type Group = (&'static str, fn(&BenchHome) -> Vec<Figure>);

const GROUPS: [Group; 9] = [
    ("status", processes::status),
    ("run", processes::run),
    ("start", processes::start),
    ("rpc", rpc::round_trip),
    ("events", records::events),
    ("lines", records::lines),
    ("throughput", throughput::gigabyte),
    ("crowd", many_clients::thousand),
    ("idle", idle::minute),
];

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if let [role, arguments @ ..] = &words[..]
        && peers::play(role, arguments)
    {
        return;
    }
    // Each in a home and with a daemon of its own, so that their order does not matter.
    measure::groups(&GROUPS, |group, quick| group(&BenchHome::new(quick)));
    println!(
        "\nTimes are p50 / p99, rates are medians. A value is the median over pairs of runs that \
         were neighbours."
    );
}
