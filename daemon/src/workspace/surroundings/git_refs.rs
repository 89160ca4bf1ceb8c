//! Which commit is checked out, and how it is called: builds write that into what they make. Knows
//! which files of git's say so.

use super::probe::Probe;
use crate::workspace::file_reader::FileReader;
use crate::workspace::git::Checkout;
use crate::workspace::ignore_files::FileText;
use std::path::Path;

/// Looks at what says which commit is checked out in the checkout that `root` is in.
pub(super) fn probe(root: &Path, probe: &mut Probe) {
    let Some(checkout) = Checkout::of(root, &mut FileReader::default()) else { return };
    let Checkout { top, git_dir, common_dir } = checkout;
    if git_dir != top.join(".git") {
        probe.input(top.join(".git"));
    }
    let head = git_dir.join("HEAD");
    if let Some(reference) = reference(&head) {
        probe.input(common_dir.join(&reference));
        probe.input(git_dir.join(&reference));
    }
    probe.input(head);
    // Of the directory of tags it shows that one came or went.
    for name in ["packed-refs", "refs/tags", "reftable/tables.list", "config"] {
        probe.input(common_dir.join(name));
    }
}

/// The name of the branch that `HEAD` stands for.
fn reference(head: &Path) -> Option<String> {
    let FileText::Bytes(text) = FileReader::default().read(head) else { return None };
    let text = String::from_utf8(text).ok()?;
    let name = text.strip_prefix("ref:")?.trim();
    let is_plain = name.starts_with("refs/") && !name.contains("..") && !name.contains('\0');
    is_plain.then(|| name.to_owned())
}
