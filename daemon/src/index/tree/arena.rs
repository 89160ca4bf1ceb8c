//! Where the entries of an index lie: how they come and go, and what is counted of them.

use super::index::Index;
use super::node::{Content, NO_DIR, Node, NodeId};
use crate::index::change::EntryType;
use crate::index::digest::NOTHING;
use crate::index::entry::{Kind, Signature};
use crate::index::log::LogEntry;

/// Entries of a page, which is saved as a whole: some twenty kilobytes.
pub(super) const PAGE: usize = 256;

impl Index {
    pub(super) fn node(&self, node: NodeId) -> &Node {
        &self.nodes[node.0 as usize]
    }

    pub(super) fn node_mut(&mut self, node: NodeId) -> &mut Node {
        self.page_changed(node);
        &mut self.nodes[node.0 as usize]
    }

    pub(super) fn entries_mut(&mut self, dir: NodeId) -> &mut Vec<NodeId> {
        let at = self.node(dir).dir as usize;
        &mut self.dirs[at]
    }

    fn page_changed(&mut self, node: NodeId) {
        self.pages.changed.insert(node.0 / PAGE as u32);
        self.recording.touch(node);
    }

    /// Where a name is, or would be, among the entries of a directory.
    pub(super) fn position(&self, dir: NodeId, name: &[u8]) -> Result<usize, usize> {
        let entries = self.entries(dir);
        // Listings come in order: most new names are the last.
        if entries.last().is_none_or(|last| self.name(*last) < name) {
            return Err(entries.len());
        }
        entries.binary_search_by(|entry| self.name(*entry).cmp(name))
    }

    pub(super) fn insert(
        &mut self,
        parent: NodeId,
        name: &[u8],
        signature: Signature,
        at: usize,
    ) -> NodeId {
        let has_content = signature.kind().has_content();
        let dir = signature.is_dir().then(|| match self.free_dirs.pop() {
            Some(dir) => dir,
            None => {
                self.dirs.push(Vec::new());
                u32::try_from(self.dirs.len() - 1).expect("BUG: more directories than ids")
            }
        });
        let mut node = Node {
            name: name.into(),
            signature,
            digest: NOTHING,
            parent,
            generation: 0,
            dir: dir.unwrap_or(NO_DIR),
            content: if has_content || dir.is_some() { Content::Unread } else { Content::Read },
        };
        let id = match self.free.pop() {
            Some(id) => {
                node.generation = self.node(id).generation.wrapping_add(1);
                *self.node_mut(id) = node;
                id
            }
            None => {
                self.nodes.push(node);
                let at = u32::try_from(self.nodes.len() - 1).expect("BUG: more entries than ids");
                self.page_changed(NodeId(at));
                NodeId(at)
            }
        };
        if has_content {
            self.unread.count += 1;
            self.unread.nodes.push(id);
        }
        self.count(signature, 1);
        self.note(id);
        self.entries_mut(parent).insert(at, id);
        self.invalidate(parent);
        self.log_set(id, false, true);
        id
    }

    pub(super) fn remove_silently(&mut self, node: NodeId) {
        let parent = self.node(node).parent;
        if let Ok(at) = self.position(parent, &self.node(node).name) {
            self.invalidate(parent);
            self.entries_mut(parent).remove(at);
            self.release(node);
        }
    }

    /// Gives back the ids of an entry that is in no directory any more, and of all in it.
    pub(super) fn release(&mut self, node: NodeId) {
        let mut rest = vec![node];
        while let Some(node) = rest.pop() {
            self.set_content(node, Content::Read);
            self.noted.nodes.remove(&node);
            self.count(self.node(node).signature, -1);
            let at = self.node(node).dir;
            if at != NO_DIR {
                rest.append(&mut self.dirs[at as usize]);
                self.free_dirs.push(at);
                self.removed_dirs.push(node);
            }
            let free = self.node_mut(node);
            free.generation = free.generation.wrapping_add(1);
            (free.name, free.dir, free.parent) = (Box::default(), NO_DIR, NodeId(u32::MAX));
            self.free.push(node);
        }
    }

    pub(super) fn count(&mut self, signature: Signature, by: i64) {
        let totals = &mut self.totals;
        if signature.is_dir() {
            totals.dirs = totals.dirs.wrapping_add_signed(by);
        } else {
            totals.files = totals.files.wrapping_add_signed(by);
            let bytes = i64::try_from(signature.size).unwrap_or(i64::MAX);
            if matches!(signature.kind(), Kind::File { .. }) {
                totals.bytes = totals.bytes.wrapping_add_signed(by * bytes);
            }
        }
    }

    pub(super) fn set_signature(&mut self, node: NodeId, signature: Signature) {
        self.count(self.node(node).signature, -1);
        self.count(signature, 1);
        let kind = self.node(node).signature.kind();
        let entry = self.node_mut(node);
        entry.signature = signature;
        entry.generation = entry.generation.wrapping_add(1);
        if kind != signature.kind() {
            let parent = entry.parent;
            self.invalidate(parent);
        }
    }

    /// The only place where what is known of a content changes.
    pub(super) fn set_content(&mut self, node: NodeId, content: Content) {
        let before = self.node(node).content;
        if self.is_dir(node) || !self.node(node).signature.kind().has_content() {
            return;
        }
        let lacks = |content| matches!(content, Content::Unread | Content::Suspect);
        match (lacks(before), lacks(content)) {
            (false, true) => {
                self.unread.count += 1;
                self.unread.nodes.push(node);
            }
            (true, false) => self.unread.count -= 1,
            _ => {}
        }
        self.unread.suspects += usize::from(content == Content::Suspect);
        self.unread.suspects -= usize::from(before == Content::Suspect);
        self.node_mut(node).content = content;
    }

    pub(super) fn log_set(&mut self, node: NodeId, before: bool, after: bool) {
        if !self.history.logging {
            return;
        }
        let entry = self.node(node).signature.entry_type();
        let path = self.path(node).into();
        let (before, after) = (before.then_some(entry), after.then_some(entry));
        self.log(LogEntry::Changed { path, before, after });
    }

    /// What is to be logged of an entry and of all in it.
    pub(super) fn tree_log(
        &self,
        node: NodeId,
        happened: &impl Fn(Box<[u8]>, EntryType) -> LogEntry,
    ) -> Vec<LogEntry> {
        if !self.history.logging {
            return Vec::new();
        }
        let mut path = self.path(node);
        let entry = self.node(node).signature.entry_type();
        let mut all = vec![happened(path.clone().into(), entry)];
        self.walk(node, &mut path, &mut |path, node| {
            all.push(happened(path.into(), node.signature.entry_type()));
        });
        all
    }

    pub(super) fn log(&mut self, happened: LogEntry) {
        self.history.add(happened);
    }
}
