//! Which contents of a workspace are being read, and what becomes of them.

use crate::index::{Index, NodeId};
use crate::watch::error::WorkspaceError;
use crate::watch::scan::{ReadJob, ReadOutcome, ReadResult, Readers};
use crate::watch::source::Waker;
use crate::watch::sync::Synchronizer;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Jobs handed to readers at once: enough to keep them busy, few enough to cost no memory.
const MOST_JOBS: usize = 2048;

/// So many files, and bytes in them, are read on the spot: sooner than a thread is started.
const ON_THE_SPOT: (usize, u64) = (16, 1 << 20);

/// Files of more bytes can be given up while they are read.
const LARGE_BYTES: u64 = 4 << 20;

/// Contents that are wanted and not there yet.
#[derive(Debug)]
pub(super) struct Contents {
    readers: Readers,
    waker: Waker,
    /// Generation of each entry that is being read, and how to stop that.
    under_way: HashMap<NodeId, (u32, Arc<AtomicBool>)>,
    never: Arc<AtomicBool>,
    buffer: Vec<u8>,
}

/// What is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// What is needed to know what changed.
    Suspect,
    /// Everything.
    All,
}

impl Contents {
    pub(super) fn new(waker: Waker) -> Self {
        Self {
            readers: Readers::new(),
            waker,
            under_way: HashMap::new(),
            never: Arc::default(),
            buffer: Vec::new(),
        }
    }

    /// Takes what was read since the last call.
    pub(super) fn take(&mut self, synchronizer: &mut Synchronizer) -> Result<(), WorkspaceError> {
        // Each is taken, even behind one that failed: it is waited for.
        let done = self.readers.take().into_iter().map(|done| self.done(synchronizer, &done));
        done.fold(Ok(()), Result::and)
    }

    /// Sees to it that what is wanted is read. Returns whether it is all there.
    pub(super) fn want(
        &mut self,
        synchronizer: &mut Synchronizer,
        wanted: Wanted,
    ) -> Result<bool, WorkspaceError> {
        if is_there(&synchronizer.index, wanted) {
            return Ok(true);
        }
        self.stop_superseded(&synchronizer.index);
        let jobs = self.jobs(synchronizer, wanted);
        let bytes: u64 = jobs.iter().map(|job| job.signature.size).sum();
        if jobs.len() > ON_THE_SPOT.0 || bytes > ON_THE_SPOT.1 {
            self.readers.read(jobs, &self.waker);
            return Ok(false);
        }
        self.buffer.resize(128 << 10, 0);
        let mut result = Ok(());
        for job in jobs {
            let done = job.run(&mut self.buffer);
            result = result.and(self.done(synchronizer, &done));
        }
        result?;
        Ok(is_there(&synchronizer.index, wanted))
    }

    fn jobs(&mut self, synchronizer: &mut Synchronizer, wanted: Wanted) -> Vec<ReadJob> {
        let unread = synchronizer.index.unread();
        let index = &synchronizer.index;
        let room = MOST_JOBS.saturating_sub(self.under_way.len());
        let mut jobs = Vec::new();
        for (node, generation) in unread {
            if jobs.len() == room {
                break;
            }
            let other = wanted == Wanted::Suspect && !index.is_suspect(node);
            if other || self.under_way.contains_key(&node) {
                continue;
            }
            let signature = index.signature(node);
            let superseded = match signature.size > LARGE_BYTES {
                true => Arc::default(),
                false => self.never.clone(),
            };
            self.under_way.insert(node, (generation, superseded.clone()));
            let path = index.path_under(synchronizer.root(), node);
            jobs.push(ReadJob { node, generation, path, signature, superseded });
        }
        jobs
    }

    fn stop_superseded(&self, index: &Index) {
        for (node, (generation, superseded)) in &self.under_way {
            if !index.is_current(*node, *generation) && !Arc::ptr_eq(superseded, &self.never) {
                superseded.store(true, Ordering::Relaxed);
            }
        }
    }

    fn done(
        &mut self,
        synchronizer: &mut Synchronizer,
        done: &ReadOutcome,
    ) -> Result<(), WorkspaceError> {
        self.under_way.remove(&done.node);
        if !synchronizer.index.is_current(done.node, done.generation) {
            return Ok(());
        }
        match done.result {
            ReadResult::Content { digest, racy } => {
                synchronizer.index.read(done.node, done.generation, Some(digest), racy);
            }
            ReadResult::Unreadable => {
                synchronizer.index.read(done.node, done.generation, None, true)
            }
            ReadResult::Changed => synchronizer.restat(done.node)?,
            ReadResult::Superseded => {}
            ReadResult::ResourceExhausted(error) => {
                let path = synchronizer.index.path_under(synchronizer.root(), done.node);
                return Err(WorkspaceError::exhausted(path, error));
            }
        }
        synchronizer.index.seal();
        Ok(())
    }
}

fn is_there(index: &Index, wanted: Wanted) -> bool {
    match wanted {
        Wanted::Suspect => !index.has_suspects(),
        Wanted::All => index.all_read(),
    }
}
