//! The first look at a tree, and the first question after a restart. Each starts something new,
//! so there are few runs.

use crate::ours::{Ours, count};
use crate::watchman::Watchman;
use crate::{Scale, tree};
use bd_tests::measure::{Figure, Series, Target};
use std::time::{Duration, Instant};

const RUNS: usize = 3;

/// Until everything is known, in warm caches.
pub(crate) fn first(scale: Scale) -> Vec<Figure> {
    scale.trees().iter().filter_map(|&files| first_of(files)).collect()
}

fn first_of(files: usize) -> Option<Figure> {
    let name = format!("first crawl, warm, {files} files");
    let (mut own, mut theirs) = (Series::default(), Series::default());
    // What takes milliseconds is disturbed by everything.
    let runs = if files < 100_000 { RUNS * 5 } else { RUNS };
    for run in 0..runs {
        let mut ours = Ours::with_tree(&name, files)?;
        // Whoever comes first finds the system still busy with the new tree.
        let before = if run % 2 == 0 { watchman(&ours) } else { None };
        let begun = Instant::now();
        let clock = ours.clock();
        own.0.push(begun.elapsed());
        tree::edit(&ours.root(), 0, "known from now on");
        assert_eq!(count(&ours.changes(Some(&clock))), 1);
        theirs.0.extend(if run % 2 == 0 { before } else { watchman(&ours) });
    }
    Some(beside(Figure::new(name, &own), &own, &theirs, 0.25))
}

fn watchman(ours: &Ours) -> Option<Duration> {
    let mut watchman = Watchman::start(ours.sandbox.outside())?;
    let begun = Instant::now();
    watchman.watch(&ours.root());
    watchman.clock(&ours.root());
    Some(begun.elapsed())
}

/// From the start of the process to the answer about a clock of before, with an edit meanwhile.
/// Watchman forgets: it answers with everything.
pub(crate) fn restart(scale: Scale) -> Vec<Figure> {
    let files = scale.largest();
    let name = format!("restart, then `since` a clock of before, {files} files");
    let Some(mut ours) = Ours::with_tree(&name, files) else { return vec![] };
    let (mut own, mut theirs) = (Series::default(), Series::default());
    let mut kept = 0;
    for run in 0..RUNS {
        let clock = ours.clock();
        let _ = ours.sandbox.ok(&["daemon", "stop"]);
        tree::edit(&ours.root(), run, &format!("while nobody looked {run}"));
        let begun = Instant::now();
        let _ = ours.sandbox.ok(&["daemon", "start"]);
        ours.connect();
        let reported = ours.changes(Some(&clock));
        own.0.push(begun.elapsed());
        kept += usize::from(reported["fresh"] == false && count(&reported) == 1);
    }
    let root = ours.root();
    if let Some(mut watchman) = Watchman::start(ours.sandbox.outside()) {
        watchman.watch(&root);
        for _ in 0..RUNS {
            let clock = watchman.clock(&root);
            let begun = Instant::now();
            let Some(again) = watchman.restart() else { break };
            watchman = again;
            watchman.watch(&root);
            watchman.since(&root, &clock);
            theirs.0.push(begun.elapsed());
        }
    }
    vec![
        beside(Figure::new(name, &own), &own, &theirs, 0.35),
        Figure::new(
            "restarts after which the clock of before was known",
            format!("{kept} of {RUNS}"),
        ),
    ]
}

fn beside(figure: Figure, own: &Series, theirs: &Series, most: f64) -> Figure {
    if theirs.0.is_empty() {
        return figure;
    }
    let ratio = own.p50().as_secs_f64() / theirs.p50().as_secs_f64();
    figure.beside("watchman", theirs).value(ratio, "×").target(Target::Most(most, "×"))
}
