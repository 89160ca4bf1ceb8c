//! The core under seeded simulation: a world of clients, edits and processes in virtual time,
//! and an oracle that knows only the promises, not how they are kept.
//!
//! `BD_SIM_SEEDS=N` plays N seeds, `BD_SIM_SEED=S` just the one that failed.

mod oracle;
mod plans;
mod triggers;
mod world;

use world::World;

const DEFAULT_SEEDS: u64 = 12_000;
/// A seed that has not come to rest after so many events never will: something waits for itself.
const MAX_EVENTS: usize = 20_000;
const GRACE_MS: u64 = 50;

struct Played {
    builds: usize,
    executions: usize,
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

#[test]
fn the_core_keeps_its_promises_whatever_happens() {
    let seeds = match number("BD_SIM_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("BD_SIM_SEEDS").unwrap_or(DEFAULT_SEEDS),
    };
    let (mut builds, mut executions) = (0, 0);
    for seed in seeds.clone() {
        let played = World::new(seed).play();
        builds += played.builds;
        executions += played.executions;
    }
    println!("{} seeds, {builds} builds, {executions} executions", seeds.end - seeds.start);
    assert!(executions < builds, "a simulation in which nothing ever joins shows nothing");
}
