//! The rules of watching, each with a test that shows what breaks when it is broken. All of it
//! goes through the questions that the daemon asks its registry, on real files, with whatever source
//! `BD_SOURCE` chooses; `BD_SOURCE=model` tests the tests.
//!
//! | rule | where |
//! | --- | --- |
//! | 1 watch, then scan | `born` |
//! | 2 a close means another hash | `content` |
//! | 3 a question sees what was written before it | `after` |
//! | 4 renames of directories | `moves` |
//! | 5 moved in, moved out | `moves` |
//! | 6 overflow | `overflow` |
//! | 7, 9 rescan without a path, unknown watch | no system call makes the kernel send one: the daemon's `observer_tests` |
//! | 8 limits of the system | `limits` |
//! | 10 signatures, 11 racy files | `content`; after a restart: with the stored state |
//! | 12 atomic saves | `saves` |
//! | 13 what starts a build | no matter of the state: with the clients that wait for changes |
//! | 14 links | `links` |
//! | 15 the root, 16 clocks | `roots` |
//! | 17 our reads, 18 our writes | `quiet` |
//! | 19 network file systems | what `statfs` says of them: with the daemon's `choose` |
//! | 20 file systems that fold case | there is none here: with scripted events and two names of one inode in `observer_tests` |
//! | 21 anything at all | the test `fuzz_changes` |
//!
//! Beyond the rules: `ignoring`, `as_git`, `names`, `modes`.

mod after;
mod as_git;
mod born;
mod content;
mod fixture;
mod ignoring;
mod limits;
mod links;
mod modes;
mod mounts;
mod moves;
mod names;
mod overflow;
mod quiet;
mod roots;
mod saves;

/// Entry of the other processes of these tests.
#[test]
#[ignore = "no test: another process of tests"]
fn child() {
    bd_tests::child_source::serve();
}
