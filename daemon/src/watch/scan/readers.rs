//! Reads contents on as many threads as pay, away from the thread that reads events. Knows jobs, not
//! what becomes of their results.

use super::content::{READ_BUFFER_BYTES, ReadJob, ReadOutcome};
use crate::watch::source::Waker;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Threads that read. More than there are cores: on a cold cache each waits for the disk most of
/// the time.
const MAX_THREADS: usize = 8;

/// Files that wait before it pays to start another thread.
const FILES_PER_THREAD: usize = 16;

/// Results handed over at once, at least, while there are more to come.
const BATCH: usize = 64;

#[derive(Debug, Default)]
struct Queue {
    jobs: VecDeque<ReadJob>,
    threads: usize,
    outcomes: Vec<ReadOutcome>,
}

/// Threads that read. They end when there is nothing to do.
#[derive(Clone, Debug)]
pub(in crate::watch) struct Readers {
    queue: Arc<Mutex<Queue>>,
}

impl Readers {
    pub(in crate::watch) fn new() -> Self {
        Self { queue: Arc::default() }
    }

    /// Takes jobs. `waker` wakes whoever takes the results when there are some.
    pub(in crate::watch) fn read(&self, jobs: Vec<ReadJob>, waker: &Waker) {
        let mut queue = self.lock();
        queue.jobs.extend(jobs);
        while queue.threads < MAX_THREADS && queue.jobs.len() > queue.threads * FILES_PER_THREAD {
            let (readers, theirs) = (self.clone(), waker.clone());
            let thread = std::thread::Builder::new().name("read".into());
            match thread.spawn(move || readers.work(&theirs)) {
                Ok(_) => queue.threads += 1,
                Err(_) if queue.threads > 0 => return,
                Err(_) => {
                    // Without a thread of its own it is slower, not wrong.
                    queue.threads += 1;
                    drop(queue);
                    return self.work(waker);
                }
            }
        }
    }

    /// Results so far.
    pub(in crate::watch) fn take(&self) -> Vec<ReadOutcome> {
        std::mem::take(&mut self.lock().outcomes)
    }

    fn work(&self, waker: &Waker) {
        let (mut buffer, mut batch) = (vec![0; READ_BUFFER_BYTES], Vec::new());
        loop {
            let mut queue = self.lock();
            let job = queue.jobs.pop_front();
            if job.is_none() || batch.len() >= BATCH {
                queue.outcomes.append(&mut batch);
                waker.wake();
            }
            let Some(job) = job else {
                queue.threads -= 1;
                return;
            };
            drop(queue);
            batch.push(job.run(&mut buffer));
        }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
