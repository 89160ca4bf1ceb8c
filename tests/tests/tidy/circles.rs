//! No circle between files: two files that need each other are one thing in two places. A file
//! depends on the one that defines what it uses; a `mod.rs` that only declares and re-exports is
//! transparent.

use crate::finding::Finding;
use crate::modules::{Absolute, Crate};
use crate::tree::Tree;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// The roots of crates with modules.
const ROOTS: [&str; 6] = [
    "protocol/src/lib.rs",
    "client/src/lib.rs",
    "client/src/main.rs",
    "daemon/src/lib.rs",
    "daemon/src/main.rs",
    "tests/src/lib.rs",
];

const REMEDY: &str = "move what both need into a file of its own, or hand it over as an argument";

/// From a file to those it uses, with the line of the first use.
type Graph = BTreeMap<String, BTreeMap<String, usize>>;

/// Finds circles, and separately the uses of `tolerated` (which file uses which) that close one:
/// without these they are broken before others are looked for.
pub(crate) fn check(tree: &Tree, tolerated: &[(&str, &str)]) -> Vec<Finding> {
    let mut graph = Graph::new();
    for root in ROOTS {
        if let Some(house) = Crate::load(tree, root) {
            uses(&house, &mut graph);
        }
    }
    let mut findings = Vec::new();
    let whole = graph.clone();
    for (from, to) in tolerated {
        let line = whole.get(*from).and_then(|uses| uses.get(*to));
        if let (Some(line), Some(_)) = (line, way(&whole, to, from)) {
            let what = format!("its use of {to} closes a circle");
            findings.push(Finding::new(*from, *line, what, REMEDY));
        }
        graph.entry((*from).to_owned()).or_default().remove(*to);
    }
    while let Some(circle) = shortest(&graph) {
        let steps = circle.iter().zip(circle.iter().cycle().skip(1));
        let text: Vec<_> =
            steps.map(|(from, to)| format!("{from}:{} -> {to}", graph[from][to])).collect();
        let line = graph[&circle[0]][&circle[1 % circle.len()]];
        let what = format!("a circle of {} files: {}", circle.len(), text.join(", "));
        findings.push(Finding::new(&circle[0], line, what, REMEDY));
        // Others may be behind it.
        for file in &circle {
            graph.remove(file);
        }
    }
    findings
}

fn uses(house: &Crate, graph: &mut Graph) {
    for module in house.modules() {
        for reference in house.references(module) {
            let Absolute::Here(path) = reference.path else { continue };
            let Some(other) = house.definer(&path) else { continue };
            if other.file != module.file && !other.test {
                let to = graph.entry(module.file.clone()).or_default();
                to.entry(other.file.clone()).or_insert(reference.line);
            }
        }
    }
}

/// The files of the shortest circle, from the first by name.
fn shortest(graph: &Graph) -> Option<Vec<String>> {
    let circles =
        graph.iter().flat_map(|(from, to)| to.keys().filter_map(move |to| way(graph, to, from)));
    let mut circle = circles.min_by_key(Vec::len)?;
    let first = (0..circle.len()).min_by_key(|at| &circle[*at]).unwrap_or_default();
    circle.rotate_left(first);
    Some(circle)
}

/// The shortest way from `from` to `to`, both included.
fn way(graph: &Graph, from: &str, to: &str) -> Option<Vec<String>> {
    let mut before: BTreeMap<&str, &str> = BTreeMap::new();
    let mut seen = BTreeSet::from([from]);
    let mut open = VecDeque::from([from]);
    while let Some(at) = open.pop_front() {
        if at == to {
            let mut way = vec![at.to_owned()];
            let mut at = at;
            while let Some(earlier) = before.get(at) {
                way.push((*earlier).to_owned());
                at = earlier;
            }
            way.reverse();
            return Some(way);
        }
        for next in graph.get(at).into_iter().flat_map(BTreeMap::keys) {
            if seen.insert(next) {
                before.insert(next, at);
                open.push_back(next);
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIB: (&str, &str) = ("daemon/src/lib.rs", "mod a;\nmod b;\nmod c;");

    fn found(files: &[(&str, &str)], tolerated: &[(&str, &str)]) -> Vec<String> {
        let files: Vec<_> = [LIB].into_iter().chain(files.iter().copied()).collect();
        check(&Tree::made_up(&files), tolerated).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_shortest_circle_is_named_with_its_lines() {
        let files = [
            ("daemon/src/a.rs", "//! A.\nuse crate::b::B;\npub struct A;"),
            ("daemon/src/b.rs", "use crate::c::C;\nfn f() { g!(super::a::A) }\npub struct B;"),
            ("daemon/src/c.rs", "use crate::a::A;\npub struct C;"),
        ];
        let told = found(&files, &[]);
        assert_eq!(told.len(), 1, "{told:?}");
        let expected = "daemon/src/a.rs:2: a circle of 2 files: daemon/src/a.rs:2 -> \
                        daemon/src/b.rs, daemon/src/b.rs:2 -> daemon/src/a.rs";
        assert!(told[0].starts_with(expected), "{told:?}");
    }

    #[test]
    fn a_mod_rs_that_only_declares_closes_no_circle_and_one_with_items_does() {
        let c = ("daemon/src/c.rs", "pub struct C;");
        let b = ("daemon/src/b.rs", "pub struct B;");
        let children = [
            ("daemon/src/a/x.rs", "use super::Y;\npub struct X;"),
            ("daemon/src/a/y.rs", "pub struct Y;"),
            b,
            c,
        ];
        let only = ("daemon/src/a/mod.rs", "mod x;\nmod y;\npub use x::X;\npub use y::Y;");
        assert_eq!(found(&[&[only][..], &children].concat(), &[]), [""; 0]);
        let items = ("daemon/src/a/mod.rs", "mod x;\nuse x::X;\npub struct Y(X);\nmod y;");
        let told = found(&[&[items][..], &children].concat(), &[]);
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].contains("daemon/src/a/mod.rs:2 -> daemon/src/a/x.rs"), "{told:?}");
    }

    #[test]
    fn a_circle_through_tests_is_none() {
        let files = [
            ("daemon/src/a.rs", "#[cfg(test)]\nmod tests { use crate::b::B; }\npub struct A;"),
            ("daemon/src/b.rs", "use crate::a::A;\npub struct B(A);"),
            ("daemon/src/c.rs", "pub struct C;"),
        ];
        assert_eq!(found(&files, &[]), [""; 0]);
    }

    #[test]
    fn a_tolerated_use_is_found_by_itself_as_long_as_there_is_a_circle() {
        let mut files = [
            ("daemon/src/a.rs", "use crate::b::B;\npub struct A;"),
            ("daemon/src/b.rs", "use crate::a::A;\npub struct B;"),
            ("daemon/src/c.rs", "pub struct C;"),
        ];
        let tolerated = [("daemon/src/a.rs", "daemon/src/b.rs")];
        let told = found(&files, &tolerated);
        assert_eq!(told.len(), 1, "{told:?}");
        let expected = "daemon/src/a.rs:1: its use of daemon/src/b.rs closes a circle";
        assert!(told[0].starts_with(expected), "{told:?}");
        files[1].1 = "pub struct B;";
        assert_eq!(found(&files, &tolerated), [""; 0]);
    }
}
