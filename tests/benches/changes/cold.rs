//! The digest of a tree that is on disk only, beside a plain pool of one thread a core that reads
//! and hashes the same files and knows nothing of directories. Root only: others can not empty
//! the caches.

use crate::ours::Ours;
use crate::{Scale, skipped, tree};
use bd_tests::measure::{Figure, Series, Target};
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

const RUNS: usize = 3;

pub(crate) fn hash(scale: Scale) -> Vec<Figure> {
    let files = scale.largest();
    let name = format!("digest of a tree, cold, {files} files");
    if !drop_caches() {
        skipped(&name, "only root can empty the caches");
        return vec![];
    }
    let Some(mut ours) = Ours::with_tree(&name, files) else { return vec![] };
    let root = ours.root();
    let (mut own, mut pool) = (Series::default(), Series::default());
    for _ in 0..RUNS {
        let _ = ours.sandbox.ok(&["daemon", "stop"]);
        // What is stored would spare it the reading.
        fs::remove_dir_all(ours.sandbox.home()).expect("a home");
        let _ = ours.sandbox.ok(&["status"]);
        ours.connect();
        assert!(drop_caches());
        let begun = Instant::now();
        let info = ours.sandbox.run(&["ws", "info", "--json"]);
        own.0.push(begun.elapsed());
        if !info.status.success() {
            skipped(&name, "bdctl does not know `ws info`");
            return vec![];
        }
        assert!(drop_caches());
        let begun = Instant::now();
        plain(&root, files);
        pool.0.push(begun.elapsed());
    }
    vec![
        Figure::new(name, &own)
            .beside("a plain pool", &pool)
            .value(own.ratio(&pool), "×")
            .target(Target::Most(0.6, "×")),
    ]
}

fn drop_caches() -> bool {
    nix::unistd::sync();
    fs::write("/proc/sys/vm/drop_caches", "3").is_ok()
}

fn plain(root: &Path, files: usize) {
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= files {
                        return;
                    }
                    let content = fs::read(root.join(tree::file(number))).expect("a file");
                    std::hint::black_box(blake3::hash(&content));
                }
            });
        }
    });
}
