//! What is common to all crates is said once, in the workspace's manifest: dependencies, each with
//! its reason, lints, and the oldest compiler, which the README names too.

use crate::finding::Finding;
use crate::tree::{SourceFile, Tree};

/// The heading of those that were given and need none.
const GIVEN: &str = "# The given stack.";

pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.files().filter(|file| file.name() == "Cargo.toml") {
        if file.path == "Cargo.toml" {
            workspace(file, &mut findings);
            compiler(tree, file, &mut findings);
        } else {
            member(file, &mut findings);
        }
    }
    findings
}

/// The dependencies of a manifest with their lines: the table, and what stands there.
fn dependencies(file: &SourceFile) -> impl Iterator<Item = (usize, &str, &str)> {
    let mut table = "";
    file.lines().filter_map(move |(number, line)| {
        let line = line.trim();
        if line.starts_with('[') {
            table = line.trim_matches(['[', ']']);
        }
        let is = table.ends_with("dependencies") && !line.is_empty() && !line.starts_with('[');
        is.then_some((number, table, line))
    })
}

fn workspace(file: &SourceFile, findings: &mut Vec<Finding>) {
    let mut given = false;
    for (number, table, line) in dependencies(file) {
        if line.starts_with('#') {
            given = line == GIVEN;
        } else if table == "workspace.dependencies"
            && !given
            && !line.contains("path =")
            && !line.contains(" # ")
        {
            let name = line.split([' ', '=']).next().unwrap_or_default();
            let what = format!("`{name}` is a dependency without a reason");
            let remedy = "say in a comment on its line what it is used for";
            findings.push(Finding::new(&file.path, number, what, remedy));
        }
    }
}

fn compiler(tree: &Tree, file: &SourceFile, findings: &mut Vec<Finding>) {
    let version = file.lines().find_map(|(number, line)| {
        let version = line.strip_prefix("rust-version = ")?.trim_matches('"');
        Some((number, format!("Rust {version} or later")))
    });
    if let (Some((line, words)), Some(readme)) = (version, tree.get("README.md"))
        && !readme.text.contains(&words)
    {
        let what = format!("the README does not say `{words}`");
        findings.push(Finding::new(&file.path, line, what, "change both in one commit"));
    }
}

fn member(file: &SourceFile, findings: &mut Vec<Finding>) {
    if !file.text.contains("[lints]\nworkspace = true") {
        let what = "the crate does not have the lints of the workspace";
        findings.push(Finding::new(&file.path, 1, what, "add [lints] with workspace = true"));
    }
    for (number, _, line) in dependencies(file) {
        let inherits = line.contains(".workspace = true") || line.contains("workspace = true");
        if !line.starts_with('#') && !inherits {
            let name = line.split([' ', '=', '.']).next().unwrap_or_default();
            let what = format!("`{name}` has a version of its own");
            let remedy = "put it into [workspace.dependencies] with a reason, and inherit it";
            findings.push(Finding::new(&file.path, number, what, remedy));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> Vec<String> {
        crate::finding::in_lines(&check(&Tree::made_up(&[(path, text)])))
    }

    #[test]
    fn a_dependency_without_a_reason_is_found() {
        let text = "[workspace.dependencies]\nours = { path = \"ours\" }\n\n# The given stack.\n\
                    sled = \"1\"\n\n# Each for one reason.\nbytes = \"1\" # buffers\nidle = \"1\"\n\
                    [profile.dev]\nopt-level = 1\n";
        assert_eq!(found("Cargo.toml", text), ["9 `idle` is a dependency without a reason"]);
    }

    #[test]
    fn a_version_in_a_member_is_found() {
        let text = "[package]\nname = \"a\"\n[dependencies]\nbytes.workspace = true\n\
                    nix = { workspace = true, features = [\"mman\"] }\n[dev-dependencies]\nidle = \"1\"\n\
                    [lints]\nworkspace = true\n";
        assert_eq!(found("a/Cargo.toml", text), ["7 `idle` has a version of its own"]);
    }
    #[test]
    fn a_member_without_the_lints_is_found() {
        let expected = ["1 the crate does not have the lints of the workspace"];
        assert_eq!(found("a/Cargo.toml", "[package]\nname = \"a\"\n"), expected);
    }

    #[test]
    fn a_readme_that_names_another_compiler_is_found() {
        let manifest = ("Cargo.toml", "[workspace.package]\nrust-version = \"1.95\"\n");
        let readme = |text| check(&Tree::made_up(&[manifest, ("README.md", text)]));
        assert_eq!(readme("You need Rust 1.95 or later."), []);
        let found = readme("You need Rust 1.9 or later.");
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!((found[0].line, found[0].what.contains("Rust 1.95")), (2, true));
    }
}
