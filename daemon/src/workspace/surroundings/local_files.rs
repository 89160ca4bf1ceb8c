//! What is in the root and in the directory of a call, and the directories between, though the index
//! does not have it: files of settings that are ignored, and directories that builds make.

use super::mentions::is_among;
use super::probe::{OpenDir, Probe, names};
use crate::model::ToolReads;
use crate::workspace::ignore_rules::is_always_ignored;
use std::collections::HashSet;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

/// Entries of one directory that are looked at. Beyond, runs are not shared.
const MAX_ENTRIES: usize = 4096;

/// Beginnings of names of files that hold settings of one checkout. They are read as soon as they
/// are there.
const SETTINGS: &[&str] = &[".dev.vars", ".env", ".flaskenv", ".secret", "local."];

/// The same where there may be many directories, by their usual names.
const PACKAGE_SETTINGS: &[&str] = &[
    ".dev.vars",
    ".env",
    ".env.development",
    ".env.local",
    ".env.production",
    ".env.test",
    ".env.test.local",
    "local.properties",
];

/// Lists of what is to be installed, which tools write where there is none.
const LOCKS: &[&str] = &[
    "Cargo.lock",
    "Package.resolved",
    "go.sum",
    "go.work.sum",
    "mix.lock",
    "package-lock.json",
    "pnpm-lock.yaml",
    "uv.lock",
    "yarn.lock",
];

/// Endings of names of files that builds and servers write, and that are written again all the
/// time: whether they are there is all that counts.
const WRITTEN: &[&str] = &[
    ".a", ".class", ".d", ".gcda", ".gcno", ".gcov", ".hi", ".lock", ".log", ".o", ".obj", ".out",
    ".pid", ".pyc", ".so", ".swp", ".tmp", "~",
];

/// How deep directories in those that builds make are looked at, and how many.
const OUTPUT_DEPTH: usize = 2;
const MAX_OUTPUTS: usize = 512;

/// Looks at what a directory holds beside the names that the index has in it.
pub(super) fn probe(
    dir: &Path,
    known: &HashSet<OsString>,
    reads: &[&'static ToolReads],
    probe: &mut Probe,
) {
    let Ok(names) = names(dir) else { return };
    if names.len() > MAX_ENTRIES {
        return probe.doubt(format!("{} has more than {MAX_ENTRIES} entries", dir.display()));
    }
    for (name, _) in names {
        if known.contains(&name) || is_always_ignored(name.as_bytes()) {
            continue;
        }
        let path = dir.join(&name);
        let text = name.as_bytes();
        if is_among(&name, LOCKS) {
            probe.local(path);
        } else if SETTINGS.iter().any(|start| text.starts_with(start.as_bytes()))
            || reads.iter().any(|table| is_among(&name, table.upward))
        {
            probe.input(path);
        } else if WRITTEN.iter().any(|end| text.ends_with(end.as_bytes())) {
            probe.add(path, crate::model::Fact::Output(0));
        } else {
            if reads.iter().any(|table| is_among(&name, table.outputs)) {
                outputs(&path, probe);
            }
            probe.local(path);
        }
    }
}

/// Looks at the settings of one package, ignored or not.
pub(super) fn settings(dir: &Path, probe: &mut Probe) {
    let Some(open) = OpenDir::at(dir.to_path_buf()) else { return };
    for path in PACKAGE_SETTINGS.iter().filter_map(|name| open.find(name)) {
        probe.input(path);
    }
}

/// Looks at a directory that builds make, and at the directories in it, in which somebody may
/// remove single ones.
pub(super) fn outputs(dir: &Path, probe: &mut Probe) {
    let mut level = vec![dir.to_path_buf()];
    let mut left = MAX_OUTPUTS;
    for _ in 0..OUTPUT_DEPTH {
        let mut next: Vec<PathBuf> = Vec::new();
        for dir in level {
            let inside = names(&dir).unwrap_or_default().into_iter();
            let dirs = inside.filter(|(name, is_dir)| *is_dir && !is_made_anew(name));
            for (name, _) in dirs {
                let Some(fewer) = left.checked_sub(1) else { return };
                left = fewer;
                let path = dir.join(name);
                probe.local(path.clone());
                next.push(path);
            }
        }
        level = next;
    }
}

/// Whether builds remove and make a directory of this name by themselves.
fn is_made_anew(name: &OsStr) -> bool {
    is_among(name, &["incremental", "tmp"])
}
