//! Rule 21 of watching: any operations, by several threads and processes at once, during queries;
//! after each burst the answers are compared with a full walk.
//!
//! `BD_FUZZ_SEED` and `BD_FUZZ_OPS` make other and longer runs of it. What several processes do at
//! once is not the same twice: a failure prints what was done in its round.

mod rounds;
mod workers;

use bd_tests::rng::number;
use rounds::Rounds;
use std::time::Instant;

/// Goes on until so many operations are done.
fn fuzz(usual: u64, hard_links: bool) {
    let (operations, seed) = (number("BD_FUZZ_OPS", usual), number("BD_FUZZ_SEED", 1));
    let began = Instant::now();
    let mut rounds = Rounds::new(seed, hard_links);
    while rounds.counts.done < operations {
        rounds.next();
    }
    println!("seed {seed}: {} in {:?}", rounds.summary(), began.elapsed());
    rounds.has_tested_something();
}

#[test]
fn after_a_hundred_thousand_operations_in_bursts_every_answer_was_right() {
    fuzz(100_000, false);
}

#[test]
fn files_with_several_names_are_right_as_well() {
    fuzz(30_000, true);
}

/// Entry of the other processes of these tests.
#[test]
#[ignore = "no test: another process of tests"]
fn worker() {
    workers::serve();
}
