//! Whole processes, from their start to their end, as a person or a script meets them.

use crate::bench_home::{BenchHome, begin, end, succeed};
use bd_tests::measure::{Figure, Series, Target, alternating, interleaved, time};
use std::process::Command;
use std::time::{Duration, Instant};

/// `bdctl status` beside the cheapest program there is, and beside asking git.
pub(crate) fn status(place: &BenchHome) -> Vec<Figure> {
    let [ours, shell, git] = interleaved(
        place.rounds(400),
        [&mut || succeed(place.bdctl(["status"])), &mut || succeed(shell_true(place)), &mut || {
            succeed(git_status(place))
        }],
    );
    let figure = |peer: &str, series: &Series, most| {
        Figure::new("bdctl status, whole process", &ours)
            .beside(peer, series)
            .value(ours.ratio(series), "×")
            .target(Target::Most(most, "×"))
    };
    vec![figure("sh -c /bin/true", &shell, 1.5), figure("git status", &git, 0.5)]
}

/// `bdctl run -- true` beside running it.
pub(crate) fn run(place: &BenchHome) -> Vec<Figure> {
    let [ours, shell, git] = interleaved(
        place.rounds(400),
        [
            &mut || succeed(place.bdctl(["run", "--", "true"])),
            &mut || succeed(shell_true(place)),
            &mut || succeed(git_status(place)),
        ],
    );
    let mut figures = vec![
        Figure::new("bdctl run -- true, whole process", &ours)
            .beside("sh -c /bin/true", &shell)
            .value(ours.excess_ms(&shell), " ms more")
            .target(Target::Most(3.0, " ms more")),
        Figure::new("bdctl run -- true, whole process", &ours)
            .beside("git status", &git)
            .value(ours.ratio(&git), "×"),
    ];
    let runs = || {
        for _ in 0..100 {
            succeed(place.bdctl(["run", "--", "true"]));
        }
    };
    let peers = || {
        for _ in 0..100 {
            succeed(shell_true(place));
        }
    };
    figures.push(several(place, "100 × bdctl run -- true in sequence", runs, peers));
    let together = |command: &dyn Fn() -> Command| {
        let children: Vec<_> = (0..50).map(|_| begin(command())).collect();
        children.into_iter().for_each(end);
    };
    let runs = || together(&|| place.bdctl(["run", "--", "true"]));
    let peers = || together(&|| shell_true(place));
    figures.push(several(place, "50 × bdctl run -- true at once", runs, peers));
    figures
}

fn several(
    place: &BenchHome,
    name: &str,
    mut ours: impl FnMut(),
    mut peer: impl FnMut(),
) -> Figure {
    let [ours, peer] = interleaved(place.rounds(50), [&mut ours, &mut peer]);
    Figure::new(name, time(ours.p50()))
        .beside("sh -c /bin/true", time(peer.p50()))
        .value(ours.ratio(&peer), "×")
}

/// The first command after the daemon has gone, beside the second.
pub(crate) fn start(place: &BenchHome) -> Vec<Figure> {
    // What the new daemon still does when it has answered is no part of the next answer.
    const SETTLED: Duration = Duration::from_millis(50);
    let ask = || {
        let begun = Instant::now();
        succeed(place.bdctl(["status"]));
        begun.elapsed()
    };
    let mut cold = || {
        succeed(place.bdctl(["daemon", "stop"]));
        ask()
    };
    let mut warm = || {
        std::thread::sleep(SETTLED);
        ask()
    };
    let rounds = place.rounds(60).max(20);
    let [starts, running] = alternating(rounds, &mut cold, &mut warm);
    vec![
        Figure::new("bdctl status that starts the daemon", &starts)
            .beside("with one running", &running)
            .value(starts.ratio(&running), "×")
            .target(Target::Most(3.0, "×")),
    ]
}

fn shell_true(place: &BenchHome) -> Command {
    let mut command = place.command("sh");
    command.args(["-c", "/bin/true"]);
    command
}

fn git_status(place: &BenchHome) -> Command {
    let mut command = place.command("git");
    // The checkout may belong to another user than who measures.
    command.args(["-c", "safe.directory=*", "status"]);
    command
}
