//! The changes of a workspace, and how its index compares with the disk.

use crate::index::{self as model, ChangeKind as Kind};
use crate::watch::Verified;
use bd_protocol::OsText;
use bd_protocol::changes::{Change, ChangeKind, Changes, EntryType, Verification};
use std::io;
use std::path::Path;

/// Most bytes of changes in one answer, in JSON: some ten thousand paths, written in a few
/// milliseconds, during which no other request is answered.
const MOST_BYTES: u64 = 2 << 20;

/// The changes after the path `after`, as many as fit one answer. They are sorted by the bytes of
/// their paths, as a client would sort them, not by components as `Path` compares.
pub(in crate::server) fn changes(
    root: &Path,
    mut found: model::Changes,
    after: Option<&Path>,
) -> Changes {
    found.changes.sort_unstable_by(|a, b| a.path.as_os_str().cmp(b.path.as_os_str()));
    let sent = |change: &model::Change| {
        after.is_some_and(|after| change.path.as_os_str() <= after.as_os_str())
    };
    let rest = &found.changes[found.changes.partition_point(sent)..];
    let (mut bytes, mut listed) = (Bytes(0), Vec::new());
    for change in rest {
        let change = self::change(change);
        // Counting bytes cannot fail.
        let _ = serde_json::to_writer(&mut bytes, &change);
        if bytes.0 > MOST_BYTES {
            break;
        }
        listed.push(change);
    }
    Changes {
        root: root.to_path_buf().into(),
        clock: found.clock.to_string(),
        fresh: found.fresh,
        more: listed.len() < rest.len(),
        changes: listed,
    }
}

fn change(change: &model::Change) -> Change {
    let (kind, from) = match &change.kind {
        Kind::Added => (ChangeKind::Added, None),
        Kind::Modified => (ChangeKind::Modified, None),
        Kind::Removed => (ChangeKind::Removed, None),
        Kind::Renamed { from } => (ChangeKind::Renamed, Some(OsText::from(from.clone()))),
    };
    let entry = match change.entry {
        model::EntryType::File => EntryType::File,
        model::EntryType::Dir => EntryType::Dir,
        model::EntryType::Symlink => EntryType::Symlink,
    };
    Change { path: change.path.clone().into(), kind, entry, from }
}

pub(in crate::server) fn verification(root: &Path, found: &Verified) -> Verification {
    Verification {
        root: root.to_path_buf().into(),
        believed: found.believed.to_string(),
        found: found.found.to_string(),
        files: found.files,
        differences: found.differences.iter().cloned().map(OsText::from).collect(),
        repaired: found.repaired,
    }
}

/// Counts what is written.
struct Bytes(u64);

impl io::Write for Bytes {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::{Clock, Instance};
    use std::path::PathBuf;

    fn found(changes: Vec<model::Change>) -> model::Changes {
        let clock = Clock { instance: Instance(0xabc), tick: 7 };
        model::Changes { clock, fresh: false, changes }
    }

    fn added(path: &str) -> model::Change {
        model::Change { path: path.into(), kind: Kind::Added, entry: model::EntryType::File }
    }

    #[test]
    fn a_rename_says_from_where() {
        let kind = Kind::Renamed { from: "old".into() };
        let renamed = model::Change { kind, entry: model::EntryType::Dir, ..added("new") };
        let told = changes(Path::new("/ws"), found(vec![renamed]), None);
        assert_eq!((told.root, &*told.clock), ("/ws".into(), "c:0000000000000abc:7"));
        let expected = Change {
            path: "new".into(),
            kind: ChangeKind::Renamed,
            entry: EntryType::Dir,
            from: Some("old".into()),
        };
        assert_eq!((&told.changes[..], told.more), (&[expected][..], false));
    }

    #[test]
    fn paths_are_sorted_as_text_is() {
        let all = ["a/b", "a", "b", "a.txt", "a/c/d"].map(added).to_vec();
        let told = changes(Path::new("/ws"), found(all), None);
        let paths: Vec<_> = told.changes.into_iter().map(|change| change.path).collect();
        assert_eq!(paths, ["a", "a.txt", "a/b", "a/c/d", "b"].map(OsText::from));
    }

    #[test]
    fn what_does_not_fit_one_answer_comes_in_parts_and_nothing_twice() {
        // As long in JSON as paths can be: every byte escaped.
        let name = "\u{1}".repeat(900);
        let all: Vec<_> = (0..1000).map(|n| added(&format!("{n:04}/{name}"))).collect();
        let (mut parts, mut paths) = (0, Vec::<PathBuf>::new());
        loop {
            let after = paths.last().map(PathBuf::as_path);
            let told = changes(Path::new("/ws"), found(all.clone()), after);
            let frame = serde_json::to_vec(&told).expect("JSON");
            assert!(frame.len() < bd_protocol::limits::CONTROL_MAX_BYTES / 2);
            assert!(!told.changes.is_empty());
            paths.extend(told.changes.into_iter().map(|change| PathBuf::from(change.path.0)));
            parts += 1;
            if !told.more {
                break;
            }
        }
        assert!(parts > 1);
        assert_eq!(paths, all.into_iter().map(|change| change.path).collect::<Vec<_>>());
    }
}
