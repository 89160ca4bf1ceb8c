//! Entries of an index, and of its log, as bytes with a checksum, and back again. What is read back is
//! checked: it may come from anywhere.

use super::index::CHECKSUM_BYTES;
use super::node::{Content, Node, NodeId};
use crate::index::change::EntryType;
use crate::index::log::LogEntry;
use crate::model::Digest;

/// Version of this layout; another one is not read.
const VERSION: u8 = 2;

/// What is known of a content, in a page.
const UNREAD: u8 = 0;
const READ: u8 = 1;
const SUSPECT: u8 = 2;
const RACY_UNREAD: u8 = 3;

#[derive(Default)]
pub(super) struct Writer(pub(super) Vec<u8>);

impl Writer {
    pub(super) fn number(&mut self, number: u64) -> &mut Self {
        self.0.extend_from_slice(&number.to_le_bytes());
        self
    }

    fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.extend_from_slice(&u32::try_from(bytes.len()).unwrap_or(0).to_le_bytes());
        self.0.extend_from_slice(bytes);
        self
    }

    pub(super) fn node(&mut self, node: &Node, now: i64) {
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
                Content::Unread if node.is_racy_unread(now) => RACY_UNREAD,
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

    pub(super) fn happened(&mut self, happened: &LogEntry) {
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

    pub(super) fn sealed(self) -> Vec<u8> {
        let sum = checksum(&self.0);
        [&[VERSION][..], &sum, &self.0].concat()
    }
}

pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn unsealed(bytes: &'a [u8]) -> Option<Self> {
        let (version, rest) = bytes.split_first()?;
        let (sum, rest) = rest.split_first_chunk::<CHECKSUM_BYTES>()?;
        (*version == VERSION && *sum == checksum(rest)).then_some(Self(rest))
    }

    pub(super) fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*taken)
    }

    pub(super) fn byte(&mut self) -> Option<u8> {
        self.take::<1>().map(|[byte]| byte)
    }

    pub(super) fn number(&mut self) -> Option<u64> {
        self.take().map(u64::from_le_bytes)
    }

    fn bytes(&mut self) -> Option<Box<[u8]>> {
        let length = u32::from_le_bytes(self.take()?) as usize;
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken.into())
    }

    pub(super) fn node(&mut self) -> Option<Node> {
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

    pub(super) fn happened(&mut self) -> Option<LogEntry> {
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

pub(super) fn checksum(bytes: &[u8]) -> [u8; CHECKSUM_BYTES] {
    let [a, b, c, d, e, f, g, h, ..] = *blake3::hash(bytes).as_bytes();
    [a, b, c, d, e, f, g, h]
}
