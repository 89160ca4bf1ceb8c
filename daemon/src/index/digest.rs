//! Merkle digests: of a directory from those of its entries.

use super::entry::Kind;
use crate::model::Digest;
use crate::model::digest::FieldHasher;

/// Content of what can not be read: it can not matter to a build, but its coming and going can.
pub(super) const UNREADABLE: Digest = Digest([0xff; 32]);

/// Content of what has none.
pub(super) const NOTHING: Digest = Digest([0; 32]);

/// Digest of a directory with these entries, in the order of their names: names, types, contents,
/// the executable bit and link targets; not owners or times. Equal trees have equal digests
/// wherever they are.
pub(super) fn of_dir<'a>(entries: impl Iterator<Item = (&'a [u8], Kind, Digest)>) -> Digest {
    let mut hasher = FieldHasher::new("bd 2026 dir v1");
    for (name, kind, content) in entries {
        hasher.field(name).number(kind.number()).field(&content.0);
    }
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_kinds_and_contents_make_the_digest() {
        const FILE: Kind = Kind::File { executable: false };
        let digest = |entries: &[(&str, Kind, u8)]| {
            of_dir(entries.iter().map(|(n, k, c)| (n.as_bytes(), *k, Digest([*c; 32]))))
        };
        let base = digest(&[("a", FILE, 1), ("b", FILE, 2)]);
        assert_eq!(base, digest(&[("a", FILE, 1), ("b", FILE, 2)]));
        for other in [
            &[("a", FILE, 2), ("b", FILE, 1)][..],
            &[("a", FILE, 1)],
            &[("a", FILE, 1), ("c", FILE, 2)],
            &[("a", FILE, 1), ("b", Kind::Symlink, 2)],
            &[("a", FILE, 1), ("b", Kind::Dir, 2)],
            &[("a", FILE, 1), ("b", Kind::File { executable: true }, 2)],
        ] {
            assert_ne!(base, digest(other), "{other:?}");
        }
    }
}
