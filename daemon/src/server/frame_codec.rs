//! The frames of all connections, of which large ones take from one budget: what is unfinished of them
//! lies in memory. Small ones always come through, so that a user can see and end what takes the memory.
//! Knows not what is in a frame.

use bytes::{Bytes, BytesMut};
use std::io;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::codec::{Decoder, Encoder, LengthDelimitedCodec};

/// Frames up to this size are small, in bytes: a submission with the variables of a usual shell is some
/// ten kibibytes.
const SMALL_BYTES: usize = 256 << 10;

/// What unfinished large frames may take together, in KiB.
const BUDGET_KIB: usize = 256 << 10;

/// What large frames of all connections take together. All clones are one.
#[derive(Clone, Debug)]
pub(super) struct FrameBudget(Arc<Semaphore>);

impl Default for FrameBudget {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(BUDGET_KIB)))
    }
}

/// See the [module](self).
#[derive(Debug)]
pub(super) struct FrameCodec {
    inner: LengthDelimitedCodec,
    budget: FrameBudget,
    /// Whether the length of a frame was read that is not whole yet.
    is_begun: bool,
    /// What that takes of the budget.
    _held: Option<OwnedSemaphorePermit>,
}

impl FrameCodec {
    /// Frames of at most `most` bytes.
    pub(super) fn new(most: usize, budget: FrameBudget) -> Self {
        let mut inner = LengthDelimitedCodec::new();
        inner.set_max_frame_length(most);
        Self { inner, budget, is_begun: false, _held: None }
    }

    pub(super) fn set_max_frame_length(&mut self, most: usize) {
        self.inner.set_max_frame_length(most);
    }

    /// Takes from the budget what a frame needs that begins here.
    fn begin(&mut self, from: &[u8]) -> io::Result<()> {
        let Some(length) = from.first_chunk() else { return Ok(()) };
        self.is_begun = true;
        let length = u32::from_be_bytes(*length) as usize;
        if length <= SMALL_BYTES || length > self.inner.max_frame_length() {
            return Ok(());
        }
        let kib = u32::try_from(length.div_ceil(1024)).unwrap_or(u32::MAX);
        let held = self.budget.0.clone().try_acquire_many_owned(kib);
        self._held = Some(held.map_err(|_| io::Error::other("too many large requests at once"))?);
        Ok(())
    }
}

impl Decoder for FrameCodec {
    type Item = BytesMut;
    type Error = io::Error;

    fn decode(&mut self, from: &mut BytesMut) -> io::Result<Option<BytesMut>> {
        if !self.is_begun {
            self.begin(from)?;
        }
        let frame = self.inner.decode(from)?;
        if frame.is_some() {
            (self.is_begun, self._held) = (false, None);
        }
        Ok(frame)
    }
}

impl Encoder<Bytes> for FrameCodec {
    type Error = io::Error;

    fn encode(&mut self, frame: Bytes, to: &mut BytesMut) -> io::Result<()> {
        self.inner.encode(frame, to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LARGE: usize = 8 << 20;

    fn frame(length: usize) -> BytesMut {
        let mut bytes = BytesMut::from(&u32::try_from(length).expect("a length").to_be_bytes()[..]);
        bytes.resize(4 + length, b'x');
        bytes
    }

    #[test]
    fn large_frames_share_one_budget_and_small_ones_need_none() {
        let budget = FrameBudget::default();
        let mut begun = Vec::new();
        let mut refused = None;
        while refused.is_none() {
            let mut codec = FrameCodec::new(LARGE, budget.clone());
            match codec.decode(&mut frame(LARGE).split_to(100)) {
                Ok(whole) => assert_eq!(whole, None),
                Err(error) => refused = Some(error),
            }
            begun.push(codec);
        }
        assert_eq!(begun.len(), (BUDGET_KIB << 10) / LARGE + 1);
        let mut other = FrameCodec::new(LARGE, budget.clone());
        for length in [0, 1, SMALL_BYTES] {
            let whole = other.decode(&mut frame(length)).expect("a frame").expect("all of it");
            assert_eq!(whole.len(), length);
        }
        assert!(other.decode(&mut frame(LARGE)).is_err());
        // One that is whole, and one whose connection has ended, give back what they took.
        begun.truncate(1);
        let mut next = FrameCodec::new(LARGE, budget);
        for _ in 0..100 {
            let mut bytes = frame(LARGE);
            let mut part = bytes.split_to(10);
            assert_eq!(next.decode(&mut part).expect("a part"), None);
            part.unsplit(bytes);
            assert!(next.decode(&mut part).expect("a frame").is_some());
        }
    }
}
