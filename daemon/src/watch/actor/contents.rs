//! Which contents of a workspace are being read, and what becomes of them. Knows no requests.

use crate::index::{Index, NodeId};
use crate::watch::error::WorkspaceError;
use crate::watch::scan::{READ_BUFFER_BYTES, ReadJob, ReadOutcome, ReadResult, Readers};
use crate::watch::source::Waker;
use crate::watch::sync::Synchronizer;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Jobs handed to readers at once: enough to keep them busy, few enough to cost no memory.
const MAX_JOBS: usize = 2048;

/// So many files, and bytes in them, are read on the thread that wants them: sooner than another
/// is started.
const MAX_INLINE_FILES: usize = 16;
const MAX_INLINE_BYTES: u64 = 1 << 20;

/// Reading files of more bytes can be cancelled.
const LARGE_BYTES: u64 = 4 << 20;

/// Contents that are wanted and not known yet.
#[derive(Debug)]
pub(super) struct Contents {
    readers: Readers,
    waker: Waker,
    /// Generation of each entry that is being read, and how to stop that.
    in_progress: HashMap<NodeId, (u32, Arc<AtomicBool>)>,
    /// Of what is read whatever happens.
    never_superseded: Arc<AtomicBool>,
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
            in_progress: HashMap::new(),
            never_superseded: Arc::default(),
            buffer: Vec::new(),
        }
    }

    /// Takes what was read since the last call.
    pub(super) fn take(&mut self, synchronizer: &mut Synchronizer) -> Result<(), WorkspaceError> {
        // Each is taken, even behind one that failed: it is waited for.
        let outcomes = self.readers.take().into_iter();
        outcomes.map(|outcome| self.record(synchronizer, &outcome)).fold(Ok(()), Result::and)
    }

    /// Has read what is wanted. Returns whether all of it is known.
    pub(super) fn want(
        &mut self,
        synchronizer: &mut Synchronizer,
        wanted: Wanted,
    ) -> Result<bool, WorkspaceError> {
        if is_known(synchronizer.index(), wanted) {
            return Ok(true);
        }
        self.cancel_superseded(synchronizer.index());
        let jobs = self.jobs(synchronizer, wanted);
        let bytes: u64 = jobs.iter().map(|job| job.signature.size).sum();
        if jobs.len() > MAX_INLINE_FILES || bytes > MAX_INLINE_BYTES {
            self.readers.read(jobs, &self.waker);
            return Ok(false);
        }
        self.buffer.resize(READ_BUFFER_BYTES, 0);
        let mut result = Ok(());
        for job in jobs {
            let outcome = job.run(&mut self.buffer);
            result = result.and(self.record(synchronizer, &outcome));
        }
        result?;
        Ok(is_known(synchronizer.index(), wanted))
    }

    fn jobs(&mut self, synchronizer: &mut Synchronizer, wanted: Wanted) -> Vec<ReadJob> {
        let unread = synchronizer.index_mut().unread();
        let index = synchronizer.index();
        let room = MAX_JOBS.saturating_sub(self.in_progress.len());
        let mut jobs = Vec::new();
        for (node, generation) in unread {
            if jobs.len() == room {
                break;
            }
            let other = wanted == Wanted::Suspect && !index.is_suspect(node);
            if other || self.in_progress.contains_key(&node) {
                continue;
            }
            let signature = index.signature(node);
            let superseded = match signature.size > LARGE_BYTES {
                true => Arc::default(),
                false => self.never_superseded.clone(),
            };
            self.in_progress.insert(node, (generation, superseded.clone()));
            let path = synchronizer.path_of(node);
            jobs.push(ReadJob { node, generation, path, signature, superseded });
        }
        jobs
    }

    fn cancel_superseded(&self, index: &Index) {
        for (node, (generation, superseded)) in &self.in_progress {
            if !index.is_current(*node, *generation)
                && !Arc::ptr_eq(superseded, &self.never_superseded)
            {
                superseded.store(true, Ordering::Relaxed);
            }
        }
    }

    /// Tells the index what was read.
    fn record(
        &mut self,
        synchronizer: &mut Synchronizer,
        outcome: &ReadOutcome,
    ) -> Result<(), WorkspaceError> {
        let ReadOutcome { node, generation, result } = *outcome;
        self.in_progress.remove(&node);
        if !synchronizer.index().is_current(node, generation) {
            return Ok(());
        }
        match result {
            ReadResult::Content { digest, racy } => {
                synchronizer.index_mut().record_content(node, generation, Some(digest), racy);
            }
            ReadResult::Unreadable => {
                synchronizer.index_mut().record_content(node, generation, None, true)
            }
            ReadResult::Changed => synchronizer.restat(node)?,
            ReadResult::Superseded => {}
            ReadResult::ResourceExhausted(error) => {
                return Err(WorkspaceError::exhausted(synchronizer.path_of(node), error));
            }
        }
        synchronizer.index_mut().seal();
        Ok(())
    }
}

fn is_known(index: &Index, wanted: Wanted) -> bool {
    match wanted {
        Wanted::Suspect => !index.has_suspects(),
        Wanted::All => index.all_read(),
    }
}
