//! What stands at fixed places: each file begins with what it is for, `mod.rs` and `lib.rs` hold
//! declarations only, every file belongs to a crate, and every room is on the map.

use crate::arrows;
use crate::finding::Finding;
use crate::modules::Crate;
use crate::tree::{SourceFile, Tree};
use std::collections::BTreeSet;

/// Words below which a first paragraph says nothing.
const WORDS: usize = 3;

/// Where the map is.
const MAPS: [&str; 2] = ["ARCHITECTURE.md", "docs/architecture.md"];

pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.rust() {
        first_paragraph(file, &mut findings);
        declarations(file, &mut findings);
    }
    belongs(tree, &mut findings);
    map(tree, &mut findings);
    findings
}

fn first_paragraph(file: &SourceFile, findings: &mut Vec<Finding>) {
    let lines = file.text.lines().map_while(|line| line.strip_prefix("//!"));
    let first: Vec<_> = lines.take_while(|line| !line.trim().is_empty()).collect();
    let text = first.join(" ");
    let ends = text.trim_end().ends_with(['.', ':', '!', '?', ')']);
    if text.split_whitespace().count() < WORDS || !ends {
        let what = "the file does not begin with a paragraph of `//!` that is a sentence";
        let remedy = "say in its first lines what it is for and what it does not know";
        findings.push(Finding::new(&file.path, 1, what, remedy));
    }
}

/// A room's `mod.rs` is read for what is in the room: whatever it does itself hides there, and is
/// used by its children in a circle.
fn declarations(file: &SourceFile, findings: &mut Vec<Finding>) {
    if !matches!(file.name(), "mod.rs" | "lib.rs") {
        return;
    }
    let syntax = syn::parse_file(&file.text)
        .unwrap_or_else(|error| panic!("{} is not Rust: {error}", file.path));
    for item in &syntax.items {
        let declares = match item {
            syn::Item::Mod(module) => module.content.is_none(),
            syn::Item::Use(_) => true,
            _ => false,
        };
        if !declares {
            let line = syn::spanned::Spanned::span(item).start().line;
            let what = "there is an item that is neither `mod name;` nor `use`";
            let remedy = "move it into a file of the room, and re-export it";
            findings.push(Finding::new(&file.path, line, what, remedy));
            return;
        }
    }
}

/// A file that no `mod` declares is compiled by nobody.
fn belongs(tree: &Tree, findings: &mut Vec<Finding>) {
    let mut known = BTreeSet::new();
    for file in tree.rust().filter(|file| matches!(file.name(), "lib.rs" | "main.rs")) {
        let Some(root) = Crate::load(tree, &file.path) else { continue };
        known.extend(root.all().map(|module| module.file.clone()));
    }
    for file in tree.rust().filter(|file| file.path.contains("/src/")) {
        if !known.contains(&file.path) {
            let what = "no `mod` declares the file";
            findings.push(Finding::new(&file.path, 1, what, "declare it, or remove it"));
        }
    }
}

fn map(tree: &Tree, findings: &mut Vec<Finding>) {
    let maps: Vec<_> = MAPS.iter().filter_map(|path| tree.get(path)).collect();
    let Some(first) = maps.first() else { return };
    for room in arrows::rooms_of(tree) {
        let name = format!("{room}/");
        let shows = |map: &&SourceFile| {
            let starts = |line: &str| {
                line.trim_start().trim_start_matches(['`', '|', ' ']).starts_with(&name)
            };
            map.text.lines().any(starts)
        };
        if !maps.iter().any(shows) {
            let what = format!("the map has no line that begins with `{name}`");
            findings.push(Finding::new(&first.path, 1, what, "add it, with what the room is for"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIB: (&str, &str) = ("d/src/lib.rs", "//! It is a made up crate.\nmod a;");

    fn found(files: &[(&str, &str)]) -> Vec<String> {
        crate::finding::in_files(&check(&Tree::made_up(files)))
    }

    #[test]
    fn a_file_that_does_not_say_what_it_is_for_is_found() {
        for text in [
            "",
            "struct A;",
            "// Knows much and tells nothing.",
            "//! A.",
            "//! It ends.",
            "//! Has no end at all",
        ] {
            let expected =
                "d/src/a.rs:1 the file does not begin with a paragraph of `//!` that is a sentence";
            assert_eq!(found(&[LIB, ("d/src/a.rs", text)]), [expected], "{text}");
        }
        assert_eq!(
            found(&[LIB, ("d/src/a.rs", "//! Says what it\n//! is for.\n\nstruct A;")]),
            [""; 0]
        );
    }

    #[test]
    fn a_mod_rs_that_does_something_is_found() {
        let text =
            "//! It does something itself.\nmod b;\npub use b::B;\nconst A: u8 = 1;\nfn f() {}";
        let told = found(&[LIB, ("d/src/a/mod.rs", text), ("d/src/a/b.rs", "//! It is only B.")]);
        let expected = "d/src/a/mod.rs:4 there is an item that is neither `mod name;` nor `use`";
        assert_eq!(told, [expected]);
    }

    #[test]
    fn a_file_that_nobody_compiles_is_found() {
        let a = ("d/src/a.rs", "//! It is declared by lib.rs.");
        let told = found(&[LIB, a, ("d/src/lost.rs", "//! It is declared by nobody.")]);
        assert_eq!(told, ["d/src/lost.rs:1 no `mod` declares the file"]);
    }

    #[test]
    fn a_room_that_is_not_on_the_map_is_found() {
        let lib = ("daemon/src/lib.rs", "//! It is a made up crate.\nmod a;\nmod b;");
        let a = ("daemon/src/a/mod.rs", "//! It is on the map.");
        let b = ("daemon/src/b/mod.rs", "//! It is not on the map.");
        let map = ("docs/architecture.md", "```\na/   does this\n```\nand nothing of b/.\n");
        let expected = "docs/architecture.md:1 the map has no line that begins with `b/`";
        assert_eq!(found(&[lib, a, b, map]), [expected]);
    }
}
