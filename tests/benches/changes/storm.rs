//! Fifty thousand rewrites in a row, and how long after the last one everything is reported.

use crate::ours::{Ours, count};
use crate::watchman::Watchman;
use crate::{Scale, tree};
use bd_tests::measure::{Figure, Series, Target};
use std::time::Instant;

const REWRITES: usize = 50_000;
const FILES: usize = 10_000;
const RUNS: usize = 5;

pub(crate) fn caught_up(_: Scale) -> Vec<Figure> {
    let name = format!("after {REWRITES} rewrites of {FILES} files, until all is reported");
    let Some(mut ours) = Ours::with_tree(&name, FILES) else { return vec![] };
    let root = ours.root();
    let storm = |run: usize| {
        for rewrite in 0..REWRITES {
            tree::edit(&root, rewrite % FILES, &format!("{run} {rewrite}"));
        }
    };
    let (mut own, mut theirs) = (Series::default(), Series::default());
    for run in 0..RUNS {
        let clock = ours.clock();
        storm(run);
        let begun = Instant::now();
        let reported = ours.changes(Some(&clock));
        own.0.push(begun.elapsed());
        assert_eq!(count(&reported), FILES, "of the last run's files");
    }
    // One after the other: each would slow down the other's storm.
    let _ = ours.sandbox.ok(&["daemon", "stop"]);
    if let Some(mut watchman) = Watchman::start(ours.sandbox.outside()) {
        watchman.watch(&root);
        for run in 0..RUNS {
            let clock = watchman.clock(&root);
            storm(run);
            let begun = Instant::now();
            let (names, _) = watchman.since(&root, &clock);
            theirs.0.push(begun.elapsed());
            assert!(names.as_array().map_or(0, Vec::len) >= FILES, "of the last run's files");
        }
    }
    let figure = Figure::new(name, &own);
    if theirs.0.is_empty() {
        return vec![figure];
    }
    let behind = own.p50().as_secs_f64() * 1e3;
    vec![figure.beside("watchman", &theirs).value(behind, " ms").target(Target::Most(50.0, " ms"))]
}
