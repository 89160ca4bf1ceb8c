//! An index as bytes, page by page, so that saving it costs what changed; and back again. Knows no
//! store. What is read back is checked: it may come from anywhere.

use super::arena::PAGE;
use super::bytes::{Reader, Writer, checksum};
use super::index::{CHECKSUM_BYTES, Index};
use super::node::{Content, NO_DIR, Node, NodeId, Totals};
use super::recorded::Restored;
use crate::index::clock::{Clock, Instance};
use crate::index::entry::Signature;
use crate::index::history::History;
use crate::index::log::Log;
use std::collections::{BTreeMap, BTreeSet};

/// Entries of the log that are saved: what happened last, for clients that come back.
const MAX_LOGGED: usize = 4096;

/// Earlier instances whose clocks are still known.
const MAX_INSTANCES: usize = 8;

/// What was written so long before an index was saved is on the disk, whatever happened to the system
/// afterwards: one writes back what is half a minute old.
const CERTAINLY_WRITTEN_NS: i64 = 3_600_000_000_000;

/// What is known of the time between saving an index and restoring it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Continuity {
    /// The same system with the same file system: what a file's signature shows is what happened.
    Unbroken,
    /// The power may have gone, and what was written last may have gone back to what it was before,
    /// with the signature that it had got. So no clock is known, and what was written last is read
    /// again.
    Broken,
}

impl Index {
    /// Pages that changed since they were last given, by number, at most so many; and once there
    /// are no more, a header, which fits these pages together with those of earlier calls, and no
    /// others.
    ///
    /// `now` is in nanoseconds since 1970.
    pub fn save(&mut self, most: usize, now: i64) -> (Option<Vec<u8>>, BTreeMap<u32, Vec<u8>>) {
        let rest = self.pages.changed.iter().nth(most).copied();
        let rest = rest.map(|rest| self.pages.changed.split_off(&rest)).unwrap_or_default();
        let changed = std::mem::replace(&mut self.pages.changed, rest);
        let pages: BTreeMap<_, _> =
            changed.into_iter().map(|page| (page, self.page(page as usize, now))).collect();
        self.pages.checksums.resize(self.nodes.len().div_ceil(PAGE), [0; CHECKSUM_BYTES]);
        for number in pages.keys().copied() {
            match self.has_racy_unread_in(number as usize, now) {
                true => self.pages.young.insert(number),
                false => self.pages.young.remove(&number),
            };
        }
        for (number, page) in &pages {
            self.pages.checksums[*number as usize] = checksum(page);
        }
        let is_last = self.pages.changed.is_empty();
        if is_last {
            self.recording.begin(self.history.clock(), self.history.log.added());
        }
        (is_last.then(|| self.header(now)), pages)
    }

    /// Has pages saved once more that were given when something in them, which nobody has read, was so
    /// young that it could change unseen, and is not any more: what is restored from them is doubted.
    /// `now` is in nanoseconds since 1970.
    pub fn age(&mut self, now: i64) {
        let young = std::mem::take(&mut self.pages.young);
        for page in young {
            match self.has_racy_unread_in(page as usize, now) {
                true => self.pages.young.insert(page),
                false => self.pages.changed.insert(page),
            };
        }
    }

    /// Whether pages were given that [`Self::age`] may have saved once more.
    #[must_use]
    pub fn has_young_pages(&self) -> bool {
        !self.pages.young.is_empty()
    }

    fn has_racy_unread_in(&self, page: usize, now: i64) -> bool {
        let is_file = |node: &&Node| !node.is_free() && !node.signature.is_dir();
        self.nodes_of(page).iter().filter(is_file).any(|node| node.is_racy_unread(now))
    }

    fn nodes_of(&self, page: usize) -> &[Node] {
        let from = (page * PAGE).min(self.nodes.len());
        let to = (from + PAGE).min(self.nodes.len());
        &self.nodes[from..to]
    }

    /// Whether there is anything to save.
    #[must_use]
    pub fn has_changed_pages(&self) -> bool {
        !self.pages.changed.is_empty()
    }

    /// How many pages there are to save.
    #[must_use]
    pub fn changed_pages(&self) -> usize {
        self.pages.changed.len()
    }

    fn header(&self, now: i64) -> Vec<u8> {
        let mut out = Writer::default();
        out.number(now.cast_unsigned());
        out.number(self.nodes.len() as u64);
        self.pages.checksums.iter().for_each(|sum| out.0.extend_from_slice(sum));
        let instances = self.history.past.iter().copied().chain([self.clock()]);
        let skip = (self.history.past.len() + 1).saturating_sub(MAX_INSTANCES);
        let instances: Vec<_> = instances.skip(skip).collect();
        out.number(instances.len() as u64);
        for clock in instances {
            out.number(clock.instance.0).number(clock.tick);
        }
        let (forgotten, logged) = self.history.log.newest(MAX_LOGGED);
        out.number(forgotten);
        for (tick, happened) in logged {
            out.number(*tick).happened(happened);
        }
        out.sealed()
    }

    fn page(&self, page: usize, now: i64) -> Vec<u8> {
        let mut out = Writer::default();
        for node in self.nodes_of(page) {
            out.0.push(u8::from(node.is_free()));
            if !node.is_free() {
                out.node(node, now);
            }
        }
        out.sealed()
    }

    /// The index that was saved, with what was recorded since ([`Index::record`]), as a new instance
    /// that knows the clocks of the old ones. `None` if it does not make sense.
    #[must_use]
    pub fn restore(
        instance: Instance,
        (header, pages): (&[u8], &BTreeMap<u32, Vec<u8>>),
        records: &[Vec<u8>],
        continuity: Continuity,
    ) -> Option<Self> {
        let mut head = Reader::unsealed(header)?;
        let saved_at = head.number()?.cast_signed();
        let count = usize::try_from(head.number()?).ok().filter(|count| *count > 0)?;
        let mut page_sums = Vec::new();
        for page in 0..count.div_ceil(PAGE) {
            let sum = head.take()?;
            let page = pages.get(&u32::try_from(page).ok()?)?;
            // One that is missing or of another time makes nonsense of the rest.
            if checksum(page) != sum {
                return None;
            }
            page_sums.push(sum);
        }
        let mut past = Vec::new();
        for _ in 0..head.number()?.min(MAX_INSTANCES as u64) {
            past.push(Clock { instance: Instance(head.number()?), tick: head.number()? });
        }
        past.last()?;
        let mut log = Log::starting_at(head.number()?);
        while !head.0.is_empty() {
            log.add(head.number()?, head.happened()?);
        }
        let mut nodes = Vec::new();
        for page in 0..count.div_ceil(PAGE) {
            let mut page = Reader::unsealed(pages.get(&u32::try_from(page).ok()?)?)?;
            while !page.0.is_empty() {
                nodes.push(if page.byte()? == 0 { Some(page.node()?) } else { None });
            }
        }
        if nodes.len() != count {
            return None;
        }
        let mut index = Self::new(instance, Signature::default());
        index.pages.changed = BTreeSet::new();
        if continuity == Continuity::Broken {
            let certain = saved_at.saturating_sub(CERTAINLY_WRITTEN_NS);
            nodes.iter_mut().flatten().for_each(|node| node.doubt_after(certain));
        } else {
            let mut restored = Restored { nodes, past, log, touched: BTreeSet::new() };
            restored.apply_all(records);
            let Restored { nodes: newer, past, log, touched } = restored;
            nodes = newer;
            let last = *past.last()?;
            index.recording.begin(last, log.added());
            index.history = History::restored(instance, past, last.tick, log);
            index.pages.changed = touched.into_iter().map(|node| node / PAGE as u32).collect();
        }
        index.pages.checksums = page_sums;
        index.fill(nodes)?;
        index.note_all();
        Some(index)
    }

    /// Puts entries in their places. `None` if there is one that has none.
    fn fill(&mut self, nodes: Vec<Option<Node>>) -> Option<()> {
        (self.nodes, self.dirs, self.totals) =
            (Vec::with_capacity(nodes.len()), Vec::new(), Totals::default());
        for (at, node) in nodes.into_iter().enumerate() {
            let id = NodeId(u32::try_from(at).ok()?);
            let Some(mut node) = node else {
                self.free.push(id);
                self.nodes.push(Node::free());
                continue;
            };
            if node.signature.is_dir() {
                node.dir = u32::try_from(self.dirs.len()).ok()?;
                self.dirs.push(Vec::new());
            }
            if id != Self::ROOT {
                self.count(node.signature, 1);
            }
            let lacks = node.content != Content::Read;
            if lacks && node.signature.kind().has_content() {
                self.unread.count += 1;
                self.unread.suspects += usize::from(node.content == Content::Suspect);
                self.unread.nodes.push(id);
            }
            self.nodes.push(node);
        }
        self.nodes.first().filter(|root| root.dir != NO_DIR)?;
        for at in 1..self.nodes.len() {
            let parent = self.nodes[at].parent;
            if self.nodes[at].name.is_empty() {
                continue;
            }
            let dir = self.nodes.get(parent.0 as usize)?.dir;
            let id = NodeId(u32::try_from(at).ok()?);
            self.dirs.get_mut(dir as usize)?.push(id);
        }
        let mut dirs = std::mem::take(&mut self.dirs);
        for dir in &mut dirs {
            dir.sort_unstable_by(|a, b| self.name(*a).cmp(self.name(*b)));
            if dir.windows(2).any(|pair| self.name(pair[0]) == self.name(pair[1])) {
                return None;
            }
        }
        self.dirs = dirs;
        // Whatever is not reached from the root is in a circle.
        let reached: usize =
            self.dirs_below(Self::ROOT).iter().map(|dir| self.entries(*dir).len()).sum();
        (reached + 1 + self.free.len() == self.nodes.len()).then_some(())
    }
}
