//! Whether what is reported of changes is the difference between two listings: all of it, and nothing
//! else.

use crate::oracle::{Entry, Kind, Listing};
use bd_daemon::index::{Change, ChangeKind, Changes, EntryType};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The paths there are when `changes` have come over `paths`.
///
/// # Errors
///
/// A change that can not be: something is added where something is, or goes where nothing is, or
/// one path is reported of twice.
pub fn apply(paths: &BTreeSet<PathBuf>, changes: &Changes) -> Result<BTreeSet<PathBuf>, String> {
    let mut after = if changes.fresh { BTreeSet::new() } else { paths.clone() };
    let before = after.clone();
    for pair in changes.changes.windows(2) {
        // As text is sorted: a slash is a byte like others.
        if pair[0].path.as_os_str() >= pair[1].path.as_os_str() {
            return Err(format!("not sorted, or reported twice: {:?}, {:?}", pair[0], pair[1]));
        }
    }
    let mut lost = BTreeSet::new();
    for change in &changes.changes {
        let was = before.contains(&change.path);
        let fits = match &change.kind {
            ChangeKind::Added => !was && after.insert(change.path.clone()),
            ChangeKind::Modified => was,
            ChangeKind::Removed => was && lost.insert(change.path.clone()),
            ChangeKind::Renamed { from } => {
                !was && before.contains(from)
                    && lost.insert(from.clone())
                    && after.insert(change.path.clone())
            }
        };
        if !fits {
            return Err(format!("can not be: {change:?}"));
        }
    }
    for path in lost {
        after.remove(&path);
    }
    Ok(after)
}

/// `changes` explain exactly how `before` became `after`.
///
/// # Errors
///
/// What is not reported, or reported wrongly.
pub fn explain(before: &Listing, after: &Listing, changes: &Changes) -> Result<(), String> {
    let paths = |listing: &Listing| listing.entries.keys().cloned().collect::<BTreeSet<_>>();
    let (then, now) = (paths(before), paths(after));
    let reported = apply(&then, changes)?;
    let name = |set: &mut dyn Iterator<Item = &PathBuf>| -> Vec<PathBuf> {
        set.take(10).cloned().collect()
    };
    if reported != now {
        let missing = name(&mut now.difference(&reported));
        let phantom = name(&mut reported.difference(&now));
        return Err(format!("not reported that there is: {missing:?}; or is not: {phantom:?}"));
    }
    for change in &changes.changes {
        entry_fits(before, after, change)?;
        if changes.fresh && change.kind != ChangeKind::Added {
            return Err(format!("nothing is known, yet {change:?}"));
        }
    }
    if changes.fresh {
        return Ok(());
    }
    let about: BTreeSet<_> = changes.changes.iter().map(|change| &change.path).collect();
    for (path, entry) in &after.entries {
        let same = before.entries.get(path).is_some_and(|before| same(before, entry));
        if !same && !about.contains(path) {
            return Err(format!("not reported: {} has changed to {entry:?}", path.display()));
        }
    }
    Ok(())
}

/// A directory counts by its name only: what is in it is reported by itself.
fn same(before: &Entry, after: &Entry) -> bool {
    before.kind == after.kind && (before.kind == Kind::Dir || before.content == after.content)
}

/// What is there, or was, is of the type it is reported to be, and a rename keeps it.
fn entry_fits(before: &Listing, after: &Listing, change: &Change) -> Result<(), String> {
    let at = |listing: &Listing, path: &Path| -> Option<EntryType> {
        listing.entries.get(path).map(|entry| entry.kind.entry_type())
    };
    let fits = match &change.kind {
        ChangeKind::Removed => at(before, &change.path) == Some(change.entry),
        ChangeKind::Added | ChangeKind::Modified => at(after, &change.path) == Some(change.entry),
        ChangeKind::Renamed { from } => {
            at(after, &change.path) == Some(change.entry) && at(before, from) == Some(change.entry)
        }
    };
    if fits { Ok(()) } else { Err(format!("of another type: {change:?}")) }
}

/// No path is reported of but at or below one of `touched`.
///
/// # Errors
///
/// The change that is.
pub fn within(changes: &Changes, touched: &BTreeSet<PathBuf>) -> Result<(), String> {
    let known = |path: &Path| path.ancestors().any(|above| touched.contains(above));
    for change in &changes.changes {
        let from = match &change.kind {
            ChangeKind::Renamed { from } => known(from),
            _ => true,
        };
        if !known(&change.path) || !from {
            return Err(format!("nobody touched it: {change:?}"));
        }
    }
    Ok(())
}

/// Changes in short, for comparison with what a test expects: `+a`, `~a`, `-a`, `a>b`, a directory
/// with a slash behind it.
#[must_use]
pub fn brief(changes: &Changes) -> Vec<String> {
    let text = |change: &Change| {
        let path = change.path.display();
        let slash = if change.entry == EntryType::Dir { "/" } else { "" };
        match &change.kind {
            ChangeKind::Added => format!("+{path}{slash}"),
            ChangeKind::Modified => format!("~{path}{slash}"),
            ChangeKind::Removed => format!("-{path}{slash}"),
            ChangeKind::Renamed { from } => format!("{}>{path}{slash}", from.display()),
        }
    };
    changes.changes.iter().map(text).collect()
}
