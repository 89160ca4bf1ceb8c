//! A comparison of the index with the disk, which another thread reads, so that everybody else is
//! answered meanwhile.

use super::request::{Answer, Request};
use crate::watch::error::WorkspaceError;
use crate::watch::source::Waker;
use crate::watch::sync::{Comparison, Synchronizer, Verified, Walk, Walked};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError, channel};

/// One that has begun.
pub(super) struct Verifying {
    comparison: Comparison,
    walked: Receiver<Result<Walked, WorkspaceError>>,
    repair: bool,
    answer: Answer<Verified>,
}

impl Verifying {
    /// Begins one; all contents are known. Refuses where there is no thread to be had.
    pub(super) fn begin(
        synchronizer: &mut Synchronizer,
        waker: &Waker,
        repair: bool,
        answer: Answer<Verified>,
    ) -> Option<Self> {
        let (comparison, walk) = Comparison::begin(synchronizer);
        match start(walk, waker.clone()) {
            Ok(walked) => Some(Self { comparison, walked, repair, answer }),
            Err(source) => {
                let root = synchronizer.root().to_path_buf();
                answer(Err(WorkspaceError::Unobservable { root, source: Arc::new(source) }));
                None
            }
        }
    }

    /// Answers, if the disk has been read; returns whether the index was found wrong and is to be
    /// given up. `Err` gives it back where it has not.
    pub(super) fn end(self, synchronizer: &mut Synchronizer) -> Result<bool, Self> {
        let walked = match self.walked.try_recv() {
            Err(TryRecvError::Empty) => return Err(self),
            Err(TryRecvError::Disconnected) => panic!("BUG: a walk ended without a result"),
            Ok(walked) => walked,
        };
        let verified =
            walked.and_then(|walked| self.comparison.end(synchronizer, walked, self.repair));
        let is_repaired = verified.as_ref().is_ok_and(|verified| verified.repaired);
        (self.answer)(verified);
        Ok(is_repaired)
    }

    /// The request, for whoever begins anew.
    pub(super) fn into_request(self) -> Request {
        Request::Verify(self.repair, self.answer)
    }
}

fn start(walk: Walk, waker: Waker) -> std::io::Result<Receiver<Result<Walked, WorkspaceError>>> {
    let (send, walked) = channel();
    std::thread::Builder::new().name("verify".into()).spawn(move || {
        // Nobody may want it any more.
        let _ = send.send(walk.run());
        waker.wake();
    })?;
    Ok(walked)
}
