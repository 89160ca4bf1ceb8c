//! The header in front of every piece of output, in the file as on the wire.

/// Bytes of a record's header: length of the payload (big-endian `u32`), stream, three zero bytes,
/// position (big-endian `u64`).
pub const HEADER_BYTES: usize = 16;

/// Largest payload of a record, in bytes: two of them do not fit in a frame of the wire, one does.
pub const RECORD_BYTES: usize = 256 * 1024;

/// Which stream a record's payload came from; the number is that of the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum StreamKind {
    /// Standard output, or the terminal.
    Stdout = 1,
    /// Standard error.
    Stderr = 2,
    /// Either: both were one pipe.
    Both = 3,
}

/// The header of a record with `len` bytes of payload at `position`.
#[must_use]
pub fn header(kind: StreamKind, position: u64, len: u32) -> [u8; HEADER_BYTES] {
    with_kind(kind as u8, position, len)
}

fn with_kind(kind: u8, position: u64, len: u32) -> [u8; HEADER_BYTES] {
    let mut header = [0; HEADER_BYTES];
    header[..4].copy_from_slice(&len.to_be_bytes());
    header[4] = kind;
    header[8..].copy_from_slice(&position.to_be_bytes());
    header
}

/// A record's header as it was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RecordHeader {
    kind: u8,
    pub(super) position: u64,
    /// Bytes of payload.
    pub(super) len: u32,
}

impl RecordHeader {
    /// Parses the header of the record at `position`. Nothing else passes for one: neither the
    /// remains of an older file nor a header that was not written to its end.
    pub(super) fn parse(bytes: &[u8], position: u64) -> Option<Self> {
        let (&[l0, l1, l2, l3, kind, 0, 0, 0, ref found @ ..], _) =
            bytes.split_first_chunk::<HEADER_BYTES>()?
        else {
            return None;
        };
        let len = u32::from_be_bytes([l0, l1, l2, l3]);
        let known = (StreamKind::Stdout as u8..=StreamKind::Both as u8).contains(&kind);
        let fits = (1..=RECORD_BYTES).contains(&(len as usize));
        (known && fits && *found == position.to_be_bytes()).then_some(Self { kind, position, len })
    }

    /// Bytes of header and payload.
    pub(super) fn whole(self) -> u64 {
        HEADER_BYTES as u64 + u64::from(self.len)
    }

    /// Position after the record.
    pub(super) fn end(self) -> u64 {
        self.position + u64::from(self.len)
    }

    /// The header of the record's part before `position`.
    pub(super) fn until(self, position: u64) -> [u8; HEADER_BYTES] {
        let len = u32::try_from(position - self.position).expect("BUG: not a part of the record");
        with_kind(self.kind, self.position, len)
    }

    /// The header of the record's part from `position` on.
    pub(super) fn from(self, position: u64) -> [u8; HEADER_BYTES] {
        let left = u32::try_from(self.end() - position).expect("BUG: not a part of the record");
        with_kind(self.kind, position, left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_header_of_its_position_is_one() {
        let good = header(StreamKind::Stderr, 7, 5);
        let record = RecordHeader::parse(&good, 7).expect("a header");
        assert_eq!((record.len, record.whole(), record.end()), (5, 21, 12));
        assert_eq!(RecordHeader::parse(&record.from(9), 9).map(|part| part.end()), Some(12));
        assert_eq!(RecordHeader::parse(&good, 8), None);
        assert_eq!(RecordHeader::parse(&good[..15], 7), None);
        assert_eq!(RecordHeader::parse(&[0; 16], 0), None, "a hole");
        assert_eq!(RecordHeader::parse(&header(StreamKind::Stdout, 7, 0), 7), None);
        assert_eq!(RecordHeader::parse(&header(StreamKind::Stdout, 7, u32::MAX), 7), None);
        for byte in 4..8 {
            let mut bad = good;
            bad[byte] = 9;
            assert_eq!(RecordHeader::parse(&bad, 7), None, "byte {byte}");
        }
    }
}
