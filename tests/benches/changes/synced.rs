//! One file is written; then somebody asks what has changed, and must get the answer.

use crate::ours::{Ours, clock, count};
use crate::watchman::Watchman;
use crate::{Scale, tree};
use bd_tests::measure::{Figure, Series, Target};
use std::time::Instant;

pub(crate) fn since(scale: Scale) -> Vec<Figure> {
    scale.trees().iter().filter_map(|&files| one(scale, files)).collect()
}

fn one(scale: Scale, files: usize) -> Option<Figure> {
    let name = format!("an edit, then `since` on the socket, {files} files");
    let mut ours = Ours::with_tree(&name, files)?;
    let (root, mut own) = (ours.root(), Series::default());
    let mut our_clock = ours.clock();
    let mut watchman = Watchman::start(ours.sandbox.outside());
    let mut their_clock = watchman.as_mut().map(|watchman| {
        watchman.watch(&root);
        watchman.clock(&root)
    });
    let mut theirs = Series::default();
    for round in 0..scale.rounds(2_000) {
        let number = round * 7 % files;
        tree::edit(&root, number, &format!("ours {round}"));
        let begun = Instant::now();
        let reported = ours.changes(Some(&our_clock));
        own.0.push(begun.elapsed());
        assert!(count(&reported) >= 1, "the edit is not reported");
        our_clock = clock(&reported);
        if let (Some(watchman), Some(clock)) = (&mut watchman, &mut their_clock) {
            tree::edit(&root, number, &format!("theirs {round}"));
            let begun = Instant::now();
            let (names, next) = watchman.since(&root, clock);
            theirs.0.push(begun.elapsed());
            assert!(names.as_array().is_some_and(|names| !names.is_empty()));
            *clock = next;
        }
    }
    let figure = Figure::new(name, &own);
    if theirs.0.is_empty() {
        return Some(figure);
    }
    let ratio = own.ratio(&theirs);
    Some(figure.beside("watchman", &theirs).value(ratio, "×").target(Target::Most(0.5, "×")))
}
