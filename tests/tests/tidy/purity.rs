//! The pure rooms decide from what they are given: they touch no file, process, socket, thread,
//! variable or clock. This is what lets a seeded simulation run all of them.

use crate::finding::Finding;
use crate::modules::{Absolute, Crate};
use crate::tree::Tree;
use std::collections::BTreeSet;

const PURE: [&str; 6] = ["model", "index", "graph", "diagnostics", "scheduler", "engine"];

/// How paths begin that lead out of a pure room.
const OUTSIDE: &[&str] = &[
    "std::env",
    "std::fs",
    "std::io::stderr",
    "std::io::stdin",
    "std::io::stdout",
    "std::net",
    "std::os::unix::fs::symlink",
    "std::os::unix::net",
    "std::process",
    "std::thread",
    "std::time::Instant::now",
    "std::time::SystemTime::now",
    "std::time::SystemTime::UNIX_EPOCH::elapsed",
    "ignore::WalkBuilder",
    "interprocess",
    "nix",
    "notify",
    "rustix",
    "sled",
    "sysinfo",
    "tarpc",
    "tokio",
];

/// Methods of the standard library that read a clock or the disk.
const METHODS: [&str; 5] =
    ["elapsed", "canonicalize", "read_dir", "symlink_metadata", "try_exists"];

pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let Some(daemon) = Crate::load(tree, "daemon/src/lib.rs") else { return Vec::new() };
    let mut findings = Vec::new();
    for module in daemon.modules() {
        let pure = module.path.first().is_some_and(|room| PURE.contains(&room.as_str()));
        if !pure {
            continue;
        }
        let mut seen = BTreeSet::new();
        let mut found = |line: usize, used: String| {
            if seen.insert(used.clone()) {
                let what = format!("the pure room `{}` uses `{used}`", module.path[0]);
                let remedy = "let the runtime do it and hand the result over as an input";
                findings.push(Finding::new(&module.file, line, what, remedy));
            }
        };
        for reference in daemon.references(module) {
            let Absolute::Elsewhere(path) = reference.path else { continue };
            let path = path.join("::");
            let leads = |out: &&&str| path == **out || path.starts_with(&format!("{out}::"));
            if let Some(out) = OUTSIDE.iter().find(leads) {
                found(reference.line, (*out).to_owned());
            }
        }
        for (line, method) in &module.lexed.methods {
            if METHODS.contains(&method.as_str()) {
                found(*line, format!(".{method}()"));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(room: &str, text: &str) -> Vec<String> {
        let lib = format!("pub mod {room};");
        let file = format!("daemon/src/{room}/mod.rs");
        let tree = Tree::made_up(&[("daemon/src/lib.rs", &lib), (&file, text)]);
        crate::finding::in_lines(&check(&tree))
    }

    #[test]
    fn a_clock_that_is_read_is_found() {
        let expected = ["2 the pure room `engine` uses `std::time::Instant::now`"];
        assert_eq!(
            found("engine", "use std::time::Instant;\nfn f() { Instant::now(); }"),
            expected
        );
        assert_eq!(found("engine", "\nfn f() { g!(std::time::Instant::now()) }"), expected);
        let method = ["1 the pure room `index` uses `.elapsed()`"];
        assert_eq!(found("index", "fn f(at: Then) { at.elapsed(); }"), method);
        assert_eq!(found("engine", "use std::time::Instant;\nfn f(_: Instant) {}"), [""; 0]);
    }

    #[test]
    fn files_processes_and_threads_are_found() {
        for (text, used) in [
            ("use std::{fs, path::Path};", "std::fs"),
            ("use std::process::Command;", "std::process"),
            ("fn f() { std::thread::spawn(g); }", "std::thread"),
            ("use std as s;\nfn f() { s::env::var(\"A\"); }", "std::env"),
            ("async fn f() { tokio::spawn(g()); }", "tokio"),
        ] {
            let found = found("model", text);
            assert_eq!(found.len(), 1, "{text}: {found:?}");
            assert!(found[0].ends_with(&format!("`{used}`")), "{text}: {found:?}");
        }
    }

    #[test]
    fn rooms_that_act_and_tests_may() {
        assert_eq!(found("output", "use std::fs;"), [""; 0]);
        assert_eq!(found("model", "#[cfg(test)]\nmod tests { use std::fs; }"), [""; 0]);
    }
}
