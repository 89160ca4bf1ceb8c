//! An index as bytes, page by page, so that saving it costs what changed; and back again. Knows no
//! store. What is read back is checked: it may come from anywhere.

use super::arena::PAGE;
use super::index::{CHECKSUM_BYTES, Index};
use super::node::{Content, NO_DIR, Node, NodeId, Totals};
use crate::index::change::EntryType;
use crate::index::clock::{Clock, Instance};
use crate::index::entry::Signature;
use crate::index::history::History;
use crate::index::log::{Log, LogEntry};
use crate::model::Digest;
use std::collections::{BTreeMap, BTreeSet};

/// Version of this layout; another one is not read.
const VERSION: u8 = 1;

/// Entries of the log that are saved: what happened last, for clients that come back.
const MAX_LOGGED: usize = 4096;

/// Earlier instances whose clocks are still known.
const MAX_INSTANCES: usize = 8;

/// What is known of a content, in a page.
const UNREAD: u8 = 0;
const READ: u8 = 1;
const SUSPECT: u8 = 2;
const RACY_UNREAD: u8 = 3;

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
        for (number, page) in &pages {
            self.pages.checksums[*number as usize] = checksum(page);
        }
        (self.pages.changed.is_empty().then(|| self.header()), pages)
    }

    /// Whether there is anything to save.
    #[must_use]
    pub fn has_changed_pages(&self) -> bool {
        !self.pages.changed.is_empty()
    }

    fn header(&self) -> Vec<u8> {
        let mut out = Writer::default();
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
        let from = (page * PAGE).min(self.nodes.len());
        let to = (from + PAGE).min(self.nodes.len());
        for node in &self.nodes[from..to] {
            let free = node.name.is_empty() && node.parent != Self::ROOT;
            out.0.push(u8::from(free));
            if !free {
                out.node(node, now);
            }
        }
        out.sealed()
    }

    /// The index that was saved, as a new instance that knows the clocks of the old ones. `None`
    /// if it does not make sense.
    #[must_use]
    pub fn restore(
        instance: Instance,
        header: &[u8],
        pages: &BTreeMap<u32, Vec<u8>>,
    ) -> Option<Self> {
        let mut head = Reader::unsealed(header)?;
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
        let tick = past.last()?.tick;
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
        index.history = History::restored(instance, past, tick, log);
        (index.pages.checksums, index.pages.changed) = (page_sums, BTreeSet::new());
        index.fill(nodes)?;
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

#[derive(Default)]
struct Writer(Vec<u8>);

impl Writer {
    fn number(&mut self, number: u64) -> &mut Self {
        self.0.extend_from_slice(&number.to_le_bytes());
        self
    }

    fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.extend_from_slice(&u32::try_from(bytes.len()).unwrap_or(0).to_le_bytes());
        self.0.extend_from_slice(bytes);
        self
    }

    fn node(&mut self, node: &Node, now: i64) {
        let signature = node.signature;
        self.0.extend_from_slice(&node.parent.0.to_le_bytes());
        self.0.extend_from_slice(&signature.mode.to_le_bytes());
        self.bytes(&node.name).number(signature.inode);
        if !signature.is_dir() {
            let times = (signature.mtime_ns, signature.ctime_ns);
            self.number(signature.size)
                .number(times.0.cast_unsigned())
                .number(times.1.cast_unsigned());
            self.0.push(match node.content {
                // When nobody watches, it may change without a trace (rule 11).
                Content::Racy | Content::Suspect => SUSPECT,
                Content::Unread if signature.is_racy_at(now) => RACY_UNREAD,
                Content::Unread => UNREAD,
                Content::Read => READ,
            });
            if node.content != Content::Unread {
                self.0.extend_from_slice(&node.digest.0);
            }
        }
    }

    fn entry(&mut self, entry: Option<EntryType>) -> &mut Self {
        self.0.push(match entry {
            None => 0,
            Some(EntryType::File) => 1,
            Some(EntryType::Dir) => 2,
            Some(EntryType::Symlink) => 3,
        });
        self
    }

    fn happened(&mut self, happened: &LogEntry) {
        match happened {
            LogEntry::Changed { path, before, after } => {
                self.0.push(0);
                self.bytes(path).entry(*before).entry(*after);
            }
            LogEntry::Moved { from, to, entry, replaced } => {
                self.0.push(1);
                self.bytes(from).bytes(to).entry(Some(*entry)).entry(*replaced);
            }
        }
    }

    fn sealed(self) -> Vec<u8> {
        let sum = checksum(&self.0);
        [&[VERSION][..], &sum, &self.0].concat()
    }
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn unsealed(bytes: &'a [u8]) -> Option<Self> {
        let (version, rest) = bytes.split_first()?;
        let (sum, rest) = rest.split_first_chunk::<CHECKSUM_BYTES>()?;
        (*version == VERSION && *sum == checksum(rest)).then_some(Self(rest))
    }

    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*taken)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take::<1>().map(|[byte]| byte)
    }

    fn number(&mut self) -> Option<u64> {
        self.take().map(u64::from_le_bytes)
    }

    fn bytes(&mut self) -> Option<Box<[u8]>> {
        let length = u32::from_le_bytes(self.take()?) as usize;
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken.into())
    }

    fn node(&mut self) -> Option<Node> {
        let mut node = Node::free();
        node.parent = NodeId(u32::from_le_bytes(self.take()?));
        node.signature.mode = u32::from_le_bytes(self.take()?);
        node.name = self.bytes()?;
        node.signature.inode = self.number()?;
        node.content = Content::Unread;
        if !node.signature.is_dir() {
            node.signature.size = self.number()?;
            node.signature.mtime_ns = self.number()?.cast_signed();
            node.signature.ctime_ns = self.number()?.cast_signed();
            let known = self.byte()?;
            node.content = match known {
                UNREAD => Content::Unread,
                READ => Content::Read,
                SUSPECT | RACY_UNREAD => Content::Suspect,
                _ => return None,
            };
            if known == READ || known == SUSPECT {
                node.digest = Digest(self.take()?);
            }
        }
        Some(node)
    }

    fn entry(&mut self) -> Option<Option<EntryType>> {
        Some(match self.byte()? {
            0 => None,
            1 => Some(EntryType::File),
            2 => Some(EntryType::Dir),
            3 => Some(EntryType::Symlink),
            _ => return None,
        })
    }

    fn happened(&mut self) -> Option<LogEntry> {
        match self.byte()? {
            0 => Some(LogEntry::Changed {
                path: self.bytes()?,
                before: self.entry()?,
                after: self.entry()?,
            }),
            1 => {
                let (from, to, entry) = (self.bytes()?, self.bytes()?, self.entry()??);
                Some(LogEntry::Moved { from, to, entry, replaced: self.entry()? })
            }
            _ => None,
        }
    }
}

fn checksum(bytes: &[u8]) -> [u8; CHECKSUM_BYTES] {
    let [a, b, c, d, e, f, g, h, ..] = *blake3::hash(bytes).as_bytes();
    [a, b, c, d, e, f, g, h]
}
