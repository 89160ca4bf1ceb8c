//! What the log of an ended execution consists of: enough to notice later that some of it is lost
//! or was changed. Knows nothing of files.

use super::Digest;

/// The whole of an ended log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OutputSeal {
    /// Bytes of output, of both streams, those that are not kept included.
    pub end: u64,
    /// What is kept, in order.
    pub segments: Vec<SealedSegment>,
}

/// One kept piece of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedSegment {
    /// Position of its first byte of output.
    pub first: u64,
    /// Position after its last one.
    pub end: u64,
    /// Bytes that it takes where it is kept.
    pub bytes: u64,
    /// The output just before it could not be kept.
    pub after_loss: bool,
    /// BLAKE3 of those bytes.
    pub digest: Digest,
}
