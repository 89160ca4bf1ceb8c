//! What is stored of an execution's output: its length, and a digest of each piece that is kept.
//! The output itself is elsewhere.

use crate::model::{Digest, OutputSeal, SealedSegment};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct OutputRecord {
    end: u64,
    segments: Vec<SegmentRecord>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct SegmentRecord {
    first: u64,
    end: u64,
    bytes: u64,
    after_loss: bool,
    /// BLAKE3, in hexadecimal digits.
    digest: String,
}

impl OutputRecord {
    pub(super) fn of(seal: &OutputSeal) -> Self {
        let segment = |sealed: &SealedSegment| SegmentRecord {
            first: sealed.first,
            end: sealed.end,
            bytes: sealed.bytes,
            after_loss: sealed.after_loss,
            digest: sealed.digest.to_string(),
        };
        Self { end: seal.end, segments: seal.segments.iter().map(segment).collect() }
    }

    /// `None` when a digest is none.
    pub(super) fn into_seal(self) -> Option<OutputSeal> {
        let segment = |record: SegmentRecord| {
            Some(SealedSegment {
                first: record.first,
                end: record.end,
                bytes: record.bytes,
                after_loss: record.after_loss,
                digest: Digest(*blake3::Hash::from_hex(record.digest).ok()?.as_bytes()),
            })
        };
        let segments = self.segments.into_iter().map(segment).collect::<Option<_>>()?;
        Some(OutputSeal { end: self.end, segments })
    }
}

#[cfg(test)]
mod tests {
    use super::super::record::{ExecutionRecord, Raw};
    use super::*;
    use std::path::Path;

    /// An execution as the first version of the layout wrote it.
    const WITHOUT: &str = r#"{"id":77,"build":5,"root":"/ws","started_ms":11}"#;

    const WITH: &str = r#"{"id":77,"build":5,"root":"/ws","started_ms":11,"output":{"end":9,
        "segments":[{"first":0,"end":9,"bytes":25,"after_loss":false,
        "digest":"0707070707070707070707070707070707070707070707070707070707070707"}]}}"#;

    fn sealed() -> OutputSeal {
        let digest = Digest([7; 32]);
        let segment = SealedSegment { first: 0, end: 9, bytes: 25, after_loss: false, digest };
        OutputSeal { end: 9, segments: vec![segment] }
    }

    fn execution(output: Option<OutputRecord>) -> ExecutionRecord {
        let root = Raw::from_path(Path::new("/ws"));
        ExecutionRecord { id: 77, build: 5, root, started_ms: 11, output }
    }

    #[test]
    fn an_execution_is_read_with_and_without_its_output() {
        let read: ExecutionRecord = serde_json::from_str(WITHOUT).expect("a record");
        assert_eq!(read, execution(None));
        let read: ExecutionRecord = serde_json::from_str(WITH).expect("a record");
        assert_eq!(read, execution(Some(OutputRecord::of(&sealed()))));
        assert_eq!(read.output.and_then(OutputRecord::into_seal), Some(sealed()));
    }

    #[test]
    fn a_reader_of_before_reads_what_is_written_today() {
        /// The record as it was before it knew of output.
        #[derive(Debug, PartialEq, Deserialize)]
        struct Before {
            id: u64,
            build: u64,
            root: Raw,
            started_ms: u64,
        }
        let before: Before = serde_json::from_str(WITHOUT).expect("a record");
        for output in [None, Some(OutputRecord::of(&sealed()))] {
            let today = serde_json::to_string(&execution(output)).expect("JSON");
            assert_eq!(serde_json::from_str::<Before>(&today).expect("a record"), before);
        }
    }

    #[test]
    fn a_seal_with_a_digest_that_is_none_is_no_seal() {
        let mut record = OutputRecord::of(&sealed());
        record.segments[0].digest.pop();
        assert_eq!(record.into_seal(), None);
    }
}
