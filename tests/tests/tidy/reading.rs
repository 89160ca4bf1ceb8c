//! Files are opened in one place, which neither waits nor reads without end. What is the program's
//! own, or the kernel's, is among the exceptions, each with its reason.

use crate::finding::Finding;
use crate::modules::{Absolute, Crate};
use crate::tree::Tree;
use std::collections::BTreeSet;

/// Where it is done.
const PLACE: &str = "daemon/src/files/";

/// What opens or reads whatever is at a path.
const CALLS: [&str; 10] = [
    "std::fs::File::open",
    "std::fs::File::options",
    "std::fs::OpenOptions::new",
    "std::fs::read",
    "std::fs::read_to_string",
    "std::fs::copy",
    "rustix::fs::open",
    "rustix::fs::openat",
    "nix::fcntl::open",
    "tokio::fs",
];

const REMEDY: &str = "read it by `files::ForeignFile`; if it is our own or the kernel's, add it to \
                      tests/tests/tidy/exceptions.rs";

pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let roots = ["daemon/src/lib.rs", "client/src/lib.rs", "client/src/main.rs"];
    let crates = roots.iter().filter_map(|root| Crate::load(tree, root));
    let mut findings = Vec::new();
    for found in crates {
        for module in found.modules().filter(|module| !module.file.starts_with(PLACE)) {
            let mut seen = BTreeSet::new();
            for reference in found.references(module) {
                let Absolute::Elsewhere(path) = reference.path else { continue };
                let path = path.join("::");
                let is_call =
                    |call: &&&str| path == **call || path.starts_with(&format!("{call}::"));
                if let Some(call) = CALLS.iter().find(is_call)
                    && seen.insert(*call)
                {
                    let what = format!("`{call}` reads whatever is there");
                    findings.push(Finding::new(&module.file, reference.line, what, REMEDY));
                }
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(room: &str, text: &str) -> Vec<String> {
        let lib = format!("mod {room};");
        let file = format!("daemon/src/{room}/mod.rs");
        let tree = Tree::made_up(&[("daemon/src/lib.rs", &lib), (&file, text)]);
        crate::finding::in_lines(&check(&tree))
    }

    #[test]
    fn a_file_that_is_opened_elsewhere_is_found_by_whatever_name() {
        for (text, call) in [
            ("use std::fs::File;\nfn f() { File::open(p); }", "std::fs::File::open"),
            ("use std::fs;\nfn f() { fs::read_to_string(p); }", "std::fs::read_to_string"),
            ("\nfn f() { std::fs::read(p); }", "std::fs::read"),
            ("use std::fs::OpenOptions as O;\nfn f() { O::new(); }", "std::fs::OpenOptions::new"),
            ("\nfn f() { rustix::fs::openat(d, n, o, m); }", "rustix::fs::openat"),
        ] {
            assert_eq!(found("watch", text), [format!("2 `{call}` reads whatever is there")]);
        }
    }

    #[test]
    fn the_one_place_and_tests_may() {
        let opens = "use std::fs::File;\nfn f() { File::open(p); }";
        assert_eq!(found("files", opens), [""; 0]);
        assert_eq!(
            found("watch", "#[cfg(test)]\nmod tests { fn f() { std::fs::read(p); } }"),
            [""; 0]
        );
        assert_eq!(
            found("watch", "use std::fs;\nfn f() { fs::read_dir(p); fs::metadata(p); }"),
            [""; 0]
        );
    }
}
