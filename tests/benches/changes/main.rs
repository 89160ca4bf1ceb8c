//! What knowing the changes costs, beside watchman, git with its fsmonitor, watchexec and plain
//! hashing: `cargo bench -p bd-tests --bench changes [-- NAME…] [--quick]`. Prints a table and
//! always succeeds; a peer that is not installed is left out with a line that says so.

mod cold;
mod crawl;
mod idle;
mod ours;
mod repeated_build;
mod save;
mod storm;
mod synced;
mod tree;
mod unchanged;
mod watchman;

use bd_tests::measure::{self, Figure};

/// How much is measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scale {
    quick: bool,
}

impl Scale {
    /// So many in earnest, a tenth of it in a hurry.
    pub(crate) fn rounds(self, earnest: usize) -> usize {
        if self.quick { (earnest / 10).max(3) } else { earnest }
    }

    /// Files of the trees, smallest first.
    pub(crate) fn trees(self) -> &'static [usize] {
        if self.quick { &[1_000, 10_000] } else { &[1_000, 10_000, 100_000] }
    }

    /// Files of the largest tree.
    pub(crate) fn largest(self) -> usize {
        if self.quick { 10_000 } else { 100_000 }
    }
}

/// One group of figures, by the name that chooses it.
type Group = (&'static str, fn(Scale) -> Vec<Figure>);

const GROUPS: [Group; 9] = [
    ("synced", synced::since),
    ("crawl", crawl::first),
    ("restart", crawl::restart),
    ("save", save::to_process),
    ("nothing", unchanged::changed),
    ("again", repeated_build::check),
    ("storm", storm::caught_up),
    ("cold", cold::hash),
    ("rest", idle::memory_and_idle),
];

/// Why there is no figure.
pub(crate) fn skipped(what: &str, why: &str) {
    println!("skipped: {what}: {why}");
}

fn main() {
    measure::groups(&GROUPS, |group, quick| group(Scale { quick }));
    println!("\nTimes are p50 / p99. Ratios are of runs in turns, where both could take turns.");
}
