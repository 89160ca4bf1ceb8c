//! Daemons that are killed at any moment of the operations that `fuzz_changes` has.

use crate::fixture::Fixture;
use bd_tests::fs_ops::{Burst, FsWorker, OpKinds};
use bd_tests::git;
use bd_tests::rng::{Rng, number};
use std::time::Duration;

/// Each with a kill. `BD_FUZZ_KILLS` makes them more, `BD_FUZZ_SEED` others.
const ROUNDS: u64 = 60;

const WORKERS: u64 = 3;

/// A moment within a burst, in microseconds.
const WITHIN: u64 = 20_000;

/// Has all workers do something at once; returns how much they did.
fn burst(workers: &[FsWorker], rng: &mut Rng, most: u64) -> usize {
    std::thread::scope(|scope| {
        let work = |worker| {
            let burst = Burst { seed: rng.bits(), count: 1 + rng.below(most), kinds: OpKinds::All };
            scope.spawn(move || FsWorker::run(worker, burst).len())
        };
        let working: Vec<_> = workers.iter().map(work).collect();
        working.into_iter().map(|work| work.join().expect("a worker that works")).sum()
    })
}

#[test]
fn after_a_kill_at_any_moment_every_answer_is_right_or_begins_anew() {
    let mut fixture = Fixture::new();
    let seed = number("BD_FUZZ_SEED", 1);
    let mut rng = Rng::new(seed);
    let (root, outside) = (fixture.sandbox.workspace(), fixture.sandbox.outside().join("store"));
    std::fs::create_dir_all(&outside).expect("a directory");
    git::repository(&root);
    let workers: Vec<_> =
        (0..WORKERS).map(|number| FsWorker::new(&root, &outside, number)).collect();
    let (mut exact, mut fresh, mut done) = (0, 0, 0);
    fixture.mark();
    for round in 0..number("BD_FUZZ_KILLS", ROUNDS) {
        eprintln!("BD_FUZZ_SEED={seed} round {round}");
        for _ in 0..rng.below(4) {
            done += burst(&workers, &mut rng, 20);
            fixture.mark();
        }
        if round % 6 == 0 {
            fixture.write("certain", &format!("{round}"));
            fixture.mark();
            // It saves all it knows when it ends well.
            let _ = fixture.sandbox.ok(&["daemon", "restart"]);
        }
        let pid = fixture.sandbox.daemon_pid();
        let after = Duration::from_micros(rng.below(WITHIN));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                std::thread::sleep(after);
                nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL).expect("a daemon");
            });
            done += burst(&workers, &mut rng, 60);
        });
        bd_tests::eventually("it is gone", || !bd_tests::sandbox::alive(pid));
        done += burst(&workers, &mut rng, 10);
        if rng.one_in(2) {
            fixture.agrees();
        }
        for _ in 0..4 {
            let moment = rng.below(fixture.past.len() as u64) as usize;
            let reported = fixture.since(moment);
            (exact, fresh) =
                (exact + u32::from(!reported.fresh), fresh + u32::from(reported.fresh));
        }
        fixture.mark();
        let surplus = fixture.past.len().saturating_sub(12);
        fixture.past.drain(..surplus);
    }
    println!("{done} operations, {exact} answers exact, {fresh} fresh");
    assert!(exact > 0 && fresh > 0, "{exact} exact, {fresh} fresh: one of them was not tested");
}
