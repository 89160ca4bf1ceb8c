//! What is read again since its signature does not show whether it changed.

use super::tests::{dir, file};
use super::{Continuity, Difference, Evidence, Index};
use crate::index::Instance;
use crate::model::Digest;

#[test]
fn what_was_not_watched_is_read_again_unless_its_signature_shows_a_change() {
    const NOW: i64 = 10_000_000_000;
    let (old, young) = (file(2, NOW - 1_000_000_000), file(2, NOW - 1_000_000));
    // Content before: unread, read, read while it was young. How it is seen, and with what
    // signature, the same as before. Whether it is in doubt then.
    let (missed, unwatched) = (Evidence::Missed(NOW), Evidence::Unwatched(NOW));
    let cases = [
        (None, Evidence::Stat, young, false),
        (None, missed, old, false),
        (None, missed, young, true),
        (None, unwatched, old, false),
        (None, unwatched, young, true),
        (Some(false), Evidence::Stat, young, false),
        (Some(false), Evidence::Written, old, true),
        (Some(false), missed, young, false),
        (Some(false), unwatched, young, false),
        (Some(true), Evidence::Stat, young, false),
        (Some(true), missed, old, true),
        (Some(true), unwatched, old, true),
    ];
    for case in cases {
        let (read, how, signature, suspect) = case;
        let mut index = Index::new(Instance(1), dir(1));
        index.begin_log();
        let (node, _) = index.upsert(Index::ROOT, b"a", signature, Evidence::Stat);
        index.seal();
        let clock = index.clock();
        let stale = index.unread()[0].1;
        if let Some(racy) = read {
            index.record_content(node, stale, Some(Digest([1; 32])), racy);
        }
        assert_eq!(index.upsert(Index::ROOT, b"a", signature, how).1, Difference::None, "{case:?}");
        assert_eq!(index.has_suspects(), suspect, "{case:?}");
        if !suspect {
            continue;
        }
        // What was being read meanwhile does not count.
        index.record_content(node, stale, Some(Digest([2; 32])), false);
        assert!(index.has_suspects(), "{case:?}");
        let generation = index.unread()[0].1;
        index.record_content(node, generation, Some(Digest([1; 32])), false);
        index.seal();
        let reported = index.changes_since(clock).changes.len();
        assert_eq!(reported, usize::from(read.is_none()), "{case:?}: a change where there is none");
    }
}

#[test]
fn what_comes_where_nobody_watches_is_in_doubt_while_it_is_young() {
    const NOW: i64 = 10_000_000_000;
    for (age, suspect) in [(1_000_000, true), (1_000_000_000, false)] {
        let mut index = Index::new(Instance(1), dir(1));
        let upsert = |index: &mut Index, inode| {
            index.upsert(Index::ROOT, b"a", file(inode, NOW - age), Evidence::Unwatched(NOW)).1
        };
        assert_eq!(upsert(&mut index, 2), Difference::New);
        assert_eq!(index.has_suspects(), suspect, "new, {age} ns old");
        assert_eq!(upsert(&mut index, 3), Difference::Changed);
        assert_eq!(index.has_suspects(), suspect, "changed, {age} ns old");
        index.upsert(Index::ROOT, b"d", dir(4), Evidence::Unwatched(NOW));
        assert_eq!(index.has_suspects(), suspect, "a directory has no content");
    }
}

#[test]
fn what_was_young_and_unread_when_it_was_saved_is_in_doubt_afterwards() {
    const NOW: i64 = 10_000_000_000;
    for (age, suspect) in [(1_000_000, true), (1_000_000_000, false)] {
        let mut index = Index::new(Instance(1), dir(1));
        index.upsert(Index::ROOT, b"a", file(2, NOW - age), Evidence::Stat);
        let (header, pages) = index.save(usize::MAX, NOW);
        let saved = (&header.expect("all at once")[..], &pages);
        let restored = Index::restore(Instance(2), saved, &[], Continuity::Unbroken);
        assert_eq!(restored.expect("as it was saved").has_suspects(), suspect, "{age} ns old");
    }
}
