//! The few entries that somebody asks for by what they are: links, and names that somebody has
//! named; and the digest of everything but some of them.

use super::index::Index;
use super::node::{NO_DIR, NodeId};
use crate::index::change::EntryType;
use crate::index::digest::of_dir;
use crate::model::Digest;
use std::collections::{BTreeMap, BTreeSet};

impl Index {
    /// Notes links and the entries whose names are wanted from now on.
    pub fn note_names(&mut self, is_wanted: fn(&[u8]) -> bool) {
        self.noted.is_wanted = is_wanted;
        self.note_all();
    }

    /// What is noted.
    pub fn noted(&self) -> impl Iterator<Item = NodeId> {
        self.noted.nodes.iter().copied()
    }

    /// Counts the contents that an entry had under its id.
    #[must_use]
    pub fn generation(&self, node: NodeId) -> u32 {
        self.node(node).generation
    }

    /// Digest of everything except noted entries of which `is_left_out` says so by their names;
    /// `None` while contents are unknown. Costs the directories on the way to those.
    pub fn digest_without(&mut self, is_left_out: fn(&[u8]) -> bool) -> Option<Digest> {
        let whole = self.digest()?;
        let left_out: BTreeSet<NodeId> =
            self.noted().filter(|node| is_left_out(self.name(*node))).collect();
        // By depth, so that a directory comes behind those in it.
        let mut levels: BTreeMap<usize, BTreeSet<NodeId>> = BTreeMap::new();
        for node in &left_out {
            let above = std::iter::successors(self.parent(*node), |dir| self.parent(*dir));
            let above: Vec<_> = above.collect();
            for (height, dir) in above.iter().rev().enumerate() {
                levels.entry(height).or_default().insert(*dir);
            }
        }
        let mut digests: BTreeMap<NodeId, Digest> = BTreeMap::new();
        for dir in levels.into_values().rev().flatten() {
            let entries = self.entries(dir).iter().filter(|entry| !left_out.contains(entry));
            let digest = of_dir(entries.map(|entry| {
                let node = self.node(*entry);
                let digest = digests.get(entry).copied().unwrap_or(node.digest);
                (&*node.name, node.signature.kind(), digest)
            }));
            digests.insert(dir, digest);
        }
        Some(digests.get(&Self::ROOT).copied().unwrap_or(whole))
    }

    pub(super) fn note(&mut self, node: NodeId) {
        let entry = self.node(node);
        let is_link = entry.signature.entry_type() == EntryType::Symlink;
        if is_link || (self.noted.is_wanted)(&entry.name) {
            self.noted.nodes.insert(node);
        } else {
            self.noted.nodes.remove(&node);
        }
    }

    pub(super) fn note_all(&mut self) {
        self.noted.nodes.clear();
        for at in 0..self.nodes.len() {
            let id = NodeId(u32::try_from(at).expect("BUG: more entries than ids"));
            let node = self.node(id);
            let is_free = node.name.is_empty() && node.dir == NO_DIR;
            if id != Self::ROOT && !is_free {
                self.note(id);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::node::Evidence;
    use super::super::tests::{dir, file};
    use super::*;
    use crate::index::Instance;

    /// An index with these paths, all of whose contents are known; those that end in a slash are
    /// directories.
    fn index(paths: &[&str]) -> Index {
        let mut index = Index::new(Instance(1), dir(1));
        index.note_names(|name| name.starts_with(b"#"));
        for (at, path) in paths.iter().enumerate() {
            let is_dir = path.ends_with('/');
            let path = path.trim_end_matches('/');
            let (above, name) = path.rsplit_once('/').unwrap_or(("", path));
            let above = index.lookup(above.as_bytes()).expect("the directory above");
            let number = at as u64 + 2;
            let signature = if is_dir { dir(number) } else { file(number, 1) };
            let (node, _) = index.upsert(above, name.as_bytes(), signature, Evidence::Stat);
            if !is_dir {
                let generation = index.generation(node);
                index.record_content(node, generation, Some(Digest([7; 32])), false);
            }
        }
        index
    }

    #[test]
    fn without_some_entries_the_digest_is_that_of_a_tree_that_has_none_of_them() {
        let is_left_out = |name: &[u8]| name == b"#x";
        let without = |paths: &[&str]| index(paths).digest_without(is_left_out).expect("a digest");
        let base = ["a", "d/", "d/b", "d/e/", "d/e/c"];
        let expected = index(&base).digest().expect("a digest");
        assert_eq!(without(&base), expected);
        for more in [&["#x"][..], &["d/#x"], &["#x", "d/#x", "d/e/#x"]] {
            let paths = [&base[..], more].concat();
            assert_eq!(without(&paths), expected, "{more:?}");
            assert_ne!(index(&paths).digest(), Some(expected), "{more:?}");
        }
        assert_ne!(without(&[&base[..], &["#y"]].concat()), expected, "noted, and not left out");
    }

    #[test]
    fn what_is_noted_follows_names() {
        let mut index = index(&["#a", "b", "d/", "d/#c"]);
        let names = |index: &Index| {
            let mut names: Vec<_> = index.noted().map(|node| index.path(node)).collect();
            names.sort();
            names.into_iter().map(|name| String::from_utf8(name).expect("UTF-8")).collect()
        };
        let found: Vec<String> = names(&index);
        assert_eq!(found, ["#a", "d/#c"]);
        let node = index.lookup(b"b").expect("it is there");
        index.rename(node, Index::ROOT, b"#b");
        let node = index.lookup(b"#a").expect("it is there");
        index.rename(node, Index::ROOT, b"a");
        let node = index.lookup(b"d").expect("it is there");
        index.remove(node);
        let found: Vec<String> = names(&index);
        assert_eq!(found, ["#b"]);
    }
}
