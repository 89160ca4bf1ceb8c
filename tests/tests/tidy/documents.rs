//! What documents and comments point at is there: files that links lead to, headings within them,
//! and source files that are named in backticks. Renaming leaves these behind.

use crate::finding::Finding;
use crate::tree::{SourceFile, Tree};

pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.files() {
        let document = file.path.ends_with(".md");
        let mut code = false;
        for (number, line) in file.lines() {
            code ^= document && line.trim_start().starts_with("```");
            let comment = file.path.ends_with(".rs") && line.trim_start().starts_with("//");
            if document && !code {
                for target in links(line) {
                    link(tree, file, number, target, &mut findings);
                }
            }
            if document || comment {
                sources(tree, file, number, line, &mut findings);
            }
        }
    }
    test_binaries(tree, &mut findings);
    findings
}

/// The targets of `[text](target)`.
fn links(line: &str) -> impl Iterator<Item = &str> {
    line.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(target, _)| target)
}

fn link(tree: &Tree, file: &SourceFile, line: usize, target: &str, findings: &mut Vec<Finding>) {
    let mut found = |what: String, remedy: &'static str| {
        findings.push(Finding::new(&file.path, line, what, remedy));
    };
    if target.contains("://") || target.starts_with("mailto:") {
        return;
    }
    let (path, heading) = target.split_once('#').unwrap_or((target, ""));
    let path = if path.is_empty() { file.path.clone() } else { joined(&file.path, path) };
    let folder = format!("{}/", path.trim_end_matches('/'));
    let Some(other) = tree.get(&path) else {
        if !tree.files().any(|other| other.path.starts_with(&folder)) {
            found(
                format!("the link leads to `{path}`, which is not there"),
                "name what took its place",
            );
        }
        return;
    };
    if !heading.is_empty()
        && other.path.ends_with(".md")
        && !headings(other).any(|known| known == heading)
    {
        found(format!("`{path}` has no heading `#{heading}`"), "name the heading as it is now");
    }
}

/// `path`, which stands in a document `from`, seen from the root.
fn joined(from: &str, path: &str) -> String {
    let mut parts: Vec<_> = from.split('/').collect();
    parts.pop();
    for part in path.split('/') {
        match part {
            "." | "" => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// The names by which links reach the headings of a document.
fn headings(file: &SourceFile) -> impl Iterator<Item = String> {
    let lines = file.text.lines().filter(|line| line.starts_with('#'));
    lines.map(|line| {
        let text = line.trim_start_matches('#').trim().to_lowercase();
        let kept = text.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        kept.map(|c| if c == ' ' { '-' } else { c }).collect()
    })
}

/// Source files in backticks, by as much of their paths as was written.
fn sources(tree: &Tree, file: &SourceFile, line: usize, text: &str, findings: &mut Vec<Finding>) {
    for name in text.split('`').skip(1).step_by(2) {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '_' | '.' | '-');
        if !name.ends_with(".rs") || !name.contains('/') || !name.chars().all(plain) {
            continue;
        }
        let end = format!("/{name}");
        if !tree.rust().any(|other| other.path == name || other.path.ends_with(&end)) {
            let what = format!("there is no file `{name}`");
            findings.push(Finding::new(&file.path, line, what, "name the file as it is now"));
        }
    }
}

/// Every test binary and group of benchmarks is described somewhere, so that one can run it alone.
fn test_binaries(tree: &Tree, findings: &mut Vec<Finding>) {
    for file in tree.rust() {
        let place = [("tests/tests/", "--test"), ("tests/benches/", "--bench")];
        let below = place.iter().find_map(|(dir, flag)| Some((file.path.strip_prefix(dir)?, flag)));
        let Some((below, flag)) = below else { continue };
        let name = below.strip_suffix("/main.rs").or_else(|| below.strip_suffix(".rs"));
        let Some(name) = name.filter(|name| !name.contains('/')) else { continue };
        let spoken = [format!("{flag} {name}"), format!("{}/{name}", flag.trim_start_matches('-'))];
        let in_place = spoken.iter().map(String::as_str).chain([file.path.as_str()]);
        let ways: Vec<_> = in_place.collect();
        let mut documents = tree.files().filter(|file| file.path.ends_with(".md"));
        if !documents.any(|document| ways.iter().any(|way| document.text.contains(way))) {
            let what = format!("no document says what `{flag} {name}` is for");
            let remedy = "describe it beside the other test binaries, with that command";
            findings.push(Finding::new(&file.path, 1, what, remedy));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(files: &[(&str, &str)]) -> Vec<String> {
        crate::finding::in_files(&check(&Tree::made_up(files)))
    }

    #[test]
    fn a_link_that_leads_nowhere_is_found() {
        let guide =
            ("docs/guide.md", "# How it's done\n\n[up](../README.md#a) [this](#how-its-done)\n");
        let readme = ("README.md", "# A\n[guide](docs/guide.md#how-its-done) [docs](docs)\n");
        assert_eq!(found(&[guide, readme]), [""; 0]);
        let readme = ("README.md", "# B\n[guide](docs/gude.md)\n[guide](docs/guide.md#done)\n");
        let expected = [
            "README.md:2 the link leads to `docs/gude.md`, which is not there",
            "README.md:3 `docs/guide.md` has no heading `#done`",
            "docs/guide.md:3 `README.md` has no heading `#a`",
        ];
        assert_eq!(found(&[readme, guide]), expected);
    }

    #[test]
    fn a_source_file_that_is_not_there_is_found() {
        let map = ("docs/map.md", "See `watch/a.rs` and `main.rs`.\n");
        assert_eq!(found(&[map, ("d/src/watch/a.rs", "//! See `d/src/watch/a.rs`.")]), [""; 0]);
        let told =
            found(&[map, ("d/src/watch/b.rs", "// See `watch/c.rs`.\nlet a = \"`x/y.rs`\";")]);
        let expected = [
            "d/src/watch/b.rs:1 there is no file `watch/c.rs`",
            "docs/map.md:1 there is no file `watch/a.rs`",
        ];
        assert_eq!(told, expected);
    }

    #[test]
    fn a_test_binary_that_no_document_names_is_found() {
        let tests = [
            ("tests/tests/e2e/main.rs", ""),
            ("tests/tests/e2e/part.rs", ""),
            ("tests/benches/big/main.rs", ""),
        ];
        let said = ("a.md", "`cargo test --test e2e`, `cargo bench --bench big`");
        assert_eq!(found(&[&tests[..], &[said]].concat()), [""; 0]);
        let expected = [
            "tests/benches/big/main.rs:1 no document says what `--bench big` is for",
            "tests/tests/e2e/main.rs:1 no document says what `--test e2e` is for",
        ];
        assert_eq!(found(&tests), expected);
    }
}
