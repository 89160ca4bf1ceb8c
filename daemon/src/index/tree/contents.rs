//! Contents and digests of an index: what has to be read, and the Merkle digest of what was.

use super::index::Index;
use super::node::{Content, NO_DIR, Node, NodeId};
use crate::index::digest::{NOTHING, UNREADABLE, of_dir};
use crate::model::Digest;

impl Index {
    /// Entries whose content is not known, each with what [`Self::record_content`] wants back; those first
    /// that keep others from knowing what changed.
    pub fn unread(&mut self) -> Vec<(NodeId, u32)> {
        let wanted = |node: &Node| matches!(node.content, Content::Unread | Content::Suspect);
        let mut unread = std::mem::take(&mut self.unread.nodes);
        unread.retain(|node| {
            wanted(self.node(*node)) && self.node(*node).signature.kind().has_content()
        });
        unread.sort_unstable();
        unread.dedup();
        self.unread.nodes = unread;
        self.unread.nodes.iter().map(|node| (*node, self.node(*node).generation)).collect()
    }

    /// Whether there is an entry that nobody has read and that might change without a trace after
    /// `now`, in nanoseconds since 1970, if nobody watched.
    pub fn has_racy_unread(&mut self, now: i64) -> bool {
        let unread = self.unread();
        let signature = |(node, _): &(NodeId, u32)| self.node(*node).signature;
        unread.iter().any(|entry| signature(entry).is_racy_at(now))
    }

    /// Whether the content of every entry is known.
    #[must_use]
    pub fn all_read(&self) -> bool {
        self.unread.count == 0
    }

    /// Whether a change may be missing from the log until some contents are read.
    #[must_use]
    pub fn has_suspects(&self) -> bool {
        self.unread.suspects > 0
    }

    /// Whether the content of one entry has to be read to know what changed.
    #[must_use]
    pub fn is_suspect(&self, node: NodeId) -> bool {
        self.node(node).content == Content::Suspect
    }

    /// Whether the entry is still what it was when it had this generation.
    #[must_use]
    pub fn is_current(&self, node: NodeId, generation: u32) -> bool {
        self.nodes.get(node.0 as usize).is_some_and(|node| node.generation == generation)
    }

    /// Takes the content of an entry: `None` where it can not be read. `racy` says that it had
    /// changed so shortly before that another change might show the same signature.
    ///
    /// Does nothing when the entry has changed since.
    pub fn record_content(
        &mut self,
        node: NodeId,
        generation: u32,
        content: Option<Digest>,
        racy: bool,
    ) {
        if !self.is_current(node, generation) {
            return;
        }
        let digest = content.unwrap_or(UNREADABLE);
        let suspect = self.node(node).content == Content::Suspect;
        if self.node(node).digest != digest {
            if suspect {
                self.log_set(node, true, true);
            }
            self.node_mut(node).digest = digest;
            self.invalidate(self.node(node).parent);
        }
        self.set_content(node, if racy { Content::Racy } else { Content::Read });
    }

    /// Has the content of an entry read before any change is reported, for it may have changed
    /// without a trace.
    pub(super) fn mark_suspect(&mut self, node: NodeId) {
        let unread = self.node(node).content == Content::Unread;
        let entry = self.node_mut(node);
        entry.generation = entry.generation.wrapping_add(1);
        if unread {
            // Whatever it turns out to be, it may be another than at a moment somebody knows.
            entry.digest = NOTHING;
        }
        self.set_content(node, Content::Suspect);
    }

    /// Has an entry that no event reports read before any change is reported, if it has changed
    /// shortly before `now`, in nanoseconds since 1970: what comes next may look the same as
    /// what is there.
    pub fn suspect_unwatched(&mut self, node: NodeId, now: i64) {
        let entry = self.node(node);
        if entry.signature.kind().has_content() && entry.is_racy_unread(now) {
            self.mark_suspect(node);
        }
    }

    /// Digest of everything; `None` while contents are unknown.
    pub fn digest(&mut self) -> Option<Digest> {
        self.all_read().then(|| self.digest_of(Self::ROOT))
    }

    pub(super) fn digest_of(&mut self, node: NodeId) -> Digest {
        let at = self.node(node).dir;
        if at == NO_DIR || self.node(node).content == Content::Read {
            return self.node(node).digest;
        }
        let is_stale = |index: &Self, node: NodeId| {
            index.is_dir(node) && index.node(node).content != Content::Read
        };
        for child in 0..self.dirs[at as usize].len() {
            let child = self.dirs[at as usize][child];
            if is_stale(self, child) {
                self.digest_of(child);
            }
        }
        let entries = self.entries(node).iter().map(|entry| {
            let entry = self.node(*entry);
            (&*entry.name, entry.signature.kind(), entry.digest)
        });
        let digest = of_dir(entries);
        // Not saved, so no page changes.
        let node = &mut self.nodes[node.0 as usize];
        (node.digest, node.content) = (digest, Content::Read);
        digest
    }

    /// The digest of a directory is that of other entries from now on, and so are those above it.
    pub(super) fn invalidate(&mut self, dir: NodeId) {
        let mut next = Some(dir);
        while let Some(dir) = next.filter(|dir| self.node(*dir).content != Content::Unread) {
            self.nodes[dir.0 as usize].content = Content::Unread;
            next = self.parent(dir);
        }
    }
}
