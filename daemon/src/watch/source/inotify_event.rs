//! Events as Linux lays them out in memory: `struct inotify_event` and a name padded with zeros.

use super::change_source::{FsEvent, NameChange, WatchId};
use rustix::fs::inotify::ReadFlags;

/// Bytes of an event before its name: watch, mask, cookie, length of the name.
const HEADER_BYTES: usize = 16;

/// Hands over the events in what was read.
pub(super) fn parse(mut bytes: &[u8], mut take: impl FnMut(FsEvent)) {
    while let Some((header, rest)) = bytes.split_first_chunk::<HEADER_BYTES>() {
        let number = |at: usize| {
            u32::from_ne_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]])
        };
        let (watch, mask, cookie) = (number(0), number(4), number(8));
        let length = (number(12) as usize).min(rest.len());
        let (name, rest) = rest.split_at(length);
        bytes = rest;
        let mask = ReadFlags::from_bits_retain(mask);
        let watch = WatchId(u64::from(watch));
        let end = name.iter().position(|byte| *byte == 0).unwrap_or(name.len());
        if mask.contains(ReadFlags::QUEUE_OVERFLOW) {
            take(FsEvent::Overflow);
        } else if mask.contains(ReadFlags::IGNORED) {
            take(FsEvent::WatchEnded(watch));
        } else {
            let left = ReadFlags::DELETE | ReadFlags::MOVED_FROM;
            if mask.contains(ReadFlags::ISDIR) && mask.intersects(left) {
                take(FsEvent::DirectoryLeft { watch, name: name[..end].into() });
            }
            if let Some(event) = event(watch, mask, cookie, &name[..end]) {
                take(event);
            }
        }
    }
}

fn event(watch: WatchId, mask: ReadFlags, cookie: u32, name: &[u8]) -> Option<FsEvent> {
    let gone = ReadFlags::DELETE_SELF | ReadFlags::UNMOUNT;
    if mask.intersects(gone) {
        return Some(FsEvent::DirectoryGone(watch));
    }
    if name.is_empty() {
        // Of the directory itself; the directory above reports it as well.
        return None;
    }
    let change = if mask.contains(ReadFlags::MOVED_FROM) {
        NameChange::MovedFrom(cookie)
    } else if mask.contains(ReadFlags::MOVED_TO) {
        NameChange::MovedTo(cookie)
    } else if mask.contains(ReadFlags::CLOSE_WRITE) {
        NameChange::ClosedAfterWrite
    } else if mask.contains(ReadFlags::CREATE) {
        NameChange::Created
    } else if mask.contains(ReadFlags::DELETE) {
        NameChange::Removed
    } else if mask.contains(ReadFlags::MODIFY) {
        NameChange::Modified
    } else {
        NameChange::Attributes
    };
    Some(FsEvent::Name { watch, name: name.into(), change })
}
