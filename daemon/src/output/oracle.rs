//! An oracle for logs: keeps everything that was appended in memory, and checks what readers get
//! against it.

use super::record::RecordHeader;
use super::*;
use futures_util::FutureExt as _;
use std::path::Path;

/// A sequence of numbers that depends on the seed alone (SplitMix64).
pub(super) struct Rng(pub(super) u64);

impl Rng {
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound
    }
}

/// Everything that was appended: kind and byte at each position.
#[derive(Default)]
pub(super) struct Oracle(pub(super) Vec<(u8, u8)>);

impl Oracle {
    pub(super) fn append(&mut self, writer: &mut Writer, kind: StreamKind, bytes: &[u8]) {
        writer.append(kind, bytes);
        self.0.extend(bytes.iter().map(|&byte| (kind as u8, byte)));
    }

    pub(super) fn random(&mut self, writer: &mut Writer, rng: &mut Rng, bound: u64) {
        let kind = if rng.below(3) == 0 { StreamKind::Stderr } else { StreamKind::Stdout };
        let bytes: Vec<u8> =
            (0..=rng.below(bound)).map(|_| rng.below(256).to_le_bytes()[0]).collect();
        self.append(writer, kind, &bytes);
    }

    /// Checks the records of a frame, of which the first is at `from`; returns the position after.
    pub(super) fn check(&self, frame: &[u8], from: u64) -> u64 {
        let (mut rest, mut at) = (frame, from);
        while !rest.is_empty() {
            let header = RecordHeader::parse(rest, at).expect("records without gaps");
            let (record, others) = rest.split_at(usize::try_from(header.whole()).expect("small"));
            let payload = record[HEADER_BYTES..].iter().map(|&byte| (record[4], byte));
            let at_oracle = usize::try_from(at).expect("small");
            let expected = &self.0[at_oracle..at_oracle + header.len as usize];
            assert!(payload.eq(expected.iter().copied()), "bytes at {at}");
            (rest, at) = (others, header.end());
        }
        assert!(at > from, "an empty frame");
        at
    }

    pub(super) fn end(&self) -> u64 {
        self.0.len() as u64
    }
}

/// What the reader comes to without waiting; none when it would wait.
pub(super) fn step(reader: &mut Reader, oracle: &Oracle) -> Option<Next> {
    let mut frame = vec![9; 3];
    let from = reader.position();
    let next = reader.next(&mut frame).now_or_never()?.expect("a readable log");
    match next {
        Next::Records => assert_eq!(oracle.check(&frame, from), reader.position()),
        Next::Gap { from: gap, to, .. } => {
            assert_eq!((gap, to), (from, reader.position()));
            assert!(from < to && to <= oracle.end());
        }
        // A loss is reported when something comes after it, or the end.
        Next::CaughtUp => assert!(from + reader.lost_bytes() >= oracle.end()),
        Next::End => assert!(from >= oracle.end()),
    }
    Some(next)
}

/// Reads to the end; returns the gaps.
pub(super) fn read_all(log: &Log, from: u64, oracle: &Oracle) -> Vec<(u64, u64, GapReason)> {
    let mut reader = log.reader(from);
    let mut gaps = Vec::new();
    loop {
        match step(&mut reader, oracle) {
            Some(Next::Gap { from, to, reason }) => gaps.push((from, to, reason)),
            Some(Next::End) => return gaps,
            Some(Next::Records) => {}
            other => panic!("the log has ended: {other:?}"),
        }
    }
}

pub(super) fn limits(segment: u64, kept: u64, live: u64) -> LogLimits {
    LogLimits { segment_bytes: segment, kept_bytes: kept, live_bytes: live }
}

pub(super) const AMPLE: u64 = 1 << 40;

pub(super) fn files(dir: &Path) -> Vec<String> {
    let mut names: Vec<_> = std::fs::read_dir(dir)
        .expect("dir")
        .map(|entry| entry.expect("entry").file_name().into_string().expect("name"))
        .collect();
    names.sort();
    names
}
