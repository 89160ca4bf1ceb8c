//! The text files of a source tree, read once. Knows nothing of rules; [`Tree::of_checkout`] reads
//! this repository, [`Tree::made_up`] one that a test writes to see a rule fail.

use std::fs;
use std::path::{Path, PathBuf};

/// The text files of a tree that git does not ignore, in the order of their names.
#[derive(Debug)]
pub(crate) struct Tree {
    files: Vec<SourceFile>,
}

/// One file.
#[derive(Debug)]
pub(crate) struct SourceFile {
    /// Relative to the root, with `/` between its parts.
    pub(crate) path: String,
    pub(crate) text: String,
}

impl SourceFile {
    pub(crate) fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or_default()
    }

    /// The lines with their numbers, from 1.
    pub(crate) fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text.lines().enumerate().map(|(index, line)| (index + 1, line))
    }
}

impl Tree {
    /// This repository.
    pub(crate) fn of_checkout() -> Self {
        // As cargo sets it when it runs this, which is another one where `target` is shared.
        let member = std::env::var_os("CARGO_MANIFEST_DIR")
            .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
        let root = member.parent().expect("a workspace above");
        let tree = Self::read(root);
        assert!(tree.get("Cargo.toml").is_some(), "{} is not the repository", root.display());
        tree
    }

    /// A tree of these files, each a path and a text. It is written and read like the real one.
    pub(crate) fn made_up(files: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        for (path, text) in files {
            let path = dir.path().join(path);
            fs::create_dir_all(path.parent().expect("below the root")).expect("directories");
            fs::write(path, text).expect("a file");
        }
        Self::read(dir.path())
    }

    fn read(root: &Path) -> Self {
        let walk = ignore::WalkBuilder::new(root)
            .hidden(false)
            .require_git(false)
            .filter_entry(|entry| entry.file_name() != ".git")
            .sort_by_file_path(Path::cmp)
            .build();
        let mut files = Vec::new();
        for entry in walk {
            let entry = entry.expect("the tree can be read");
            if !entry.file_type().is_some_and(|kind| kind.is_file()) {
                continue;
            }
            // What is not text has no rules here.
            let Ok(text) = fs::read_to_string(entry.path()) else { continue };
            let path = entry.path().strip_prefix(root).expect("below the root");
            let path = path.to_str().expect("names are UTF-8").to_owned();
            files.push(SourceFile { path, text });
        }
        Self { files }
    }

    pub(crate) fn files(&self) -> impl Iterator<Item = &SourceFile> {
        self.files.iter()
    }

    pub(crate) fn rust(&self) -> impl Iterator<Item = &SourceFile> {
        self.files().filter(|file| file.path.ends_with(".rs"))
    }

    pub(crate) fn get(&self, path: &str) -> Option<&SourceFile> {
        self.files().find(|file| file.path == path)
    }
}

#[test]
fn a_tree_is_read_without_what_git_ignores() {
    let tree = Tree::made_up(&[
        (".gitignore", "/target\n"),
        (".ci/run", "true\n"),
        ("src/a.rs", "//! A.\n"),
        ("target/b.rs", "//! B.\n"),
    ]);
    let paths: Vec<_> = tree.files().map(|file| file.path.as_str()).collect();
    assert_eq!(paths, [".ci/run", ".gitignore", "src/a.rs"]);
}
