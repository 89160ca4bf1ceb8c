//! Reads contents, on as many threads as it pays, away from the thread that reads events.

use super::crawl::{self, signature};
use super::ignore_files::is_resource_exhausted;
use super::wake_pipe::Waker;
use crate::index::{Kind, NodeId, Signature};
use crate::model::Digest;
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Bytes read at once.
const BUFFER_BYTES: usize = 128 << 10;

/// Threads that read. More than there are cores: on a cold cache each waits for the disk most of
/// the time.
const MOST_THREADS: usize = 8;

/// Files that wait before it pays to start another thread.
const FILES_A_THREAD: usize = 16;

/// Results handed over at once, at least, while there are more to come.
const BATCH: usize = 64;

/// Something to be read.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) node: NodeId,
    pub(super) generation: u32,
    pub(super) path: PathBuf,
    pub(super) signature: Signature,
    /// Set when nobody wants the result any more.
    pub(super) superseded: Arc<AtomicBool>,
}

/// What came of it.
#[derive(Debug)]
pub(super) struct Done {
    pub(super) node: NodeId,
    pub(super) generation: u32,
    pub(super) result: Reading,
}

/// What reading one entry came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reading {
    /// This is its content. `racy`: it changed so shortly before that another change might show
    /// the same signature.
    Content { digest: Digest, racy: bool },
    /// It can not be read.
    Unreadable,
    /// The system has no means left to read it.
    NotNow(Errno),
    /// Something else is there, or it changed while it was read: look again.
    Moved,
    /// Nobody wanted it any more.
    Superseded,
}

#[derive(Debug, Default)]
struct Queue {
    jobs: VecDeque<Job>,
    threads: usize,
    done: Vec<Done>,
}

/// Threads that read. They end when there is nothing to do.
#[derive(Clone, Debug)]
pub(super) struct Readers {
    queue: Arc<Mutex<Queue>>,
}

impl Readers {
    pub(super) fn new() -> Self {
        Self { queue: Arc::default() }
    }

    /// Takes jobs. `waker` wakes whoever takes the results when there are some.
    pub(super) fn read(&self, jobs: Vec<Job>, waker: &Waker) {
        let mut queue = self.lock();
        queue.jobs.extend(jobs);
        while queue.threads < MOST_THREADS && queue.jobs.len() > queue.threads * FILES_A_THREAD {
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
    pub(super) fn take(&self) -> Vec<Done> {
        std::mem::take(&mut self.lock().done)
    }

    fn work(&self, waker: &Waker) {
        let (mut buffer, mut batch) = (vec![0; BUFFER_BYTES], Vec::new());
        loop {
            let mut queue = self.lock();
            let job = queue.jobs.pop_front();
            if job.is_none() || batch.len() >= BATCH {
                queue.done.append(&mut batch);
                waker.wake();
            }
            let Some(job) = job else {
                queue.threads -= 1;
                return;
            };
            drop(queue);
            batch.push(job.done(&mut buffer));
        }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Job {
    /// Does it.
    pub(super) fn done(&self, buffer: &mut [u8]) -> Done {
        let result = self.reading(buffer).unwrap_or_else(|error| self.failed(&error));
        Done { node: self.node, generation: self.generation, result }
    }

    /// Tells an entry that can not be read from a path that led elsewhere for a moment.
    fn failed(&self, error: &io::Error) -> Reading {
        match Errno::from_io_error(error) {
            Some(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => Reading::Moved,
            Some(error) if is_resource_exhausted(error) => Reading::NotNow(error),
            _ if self.is_there() => Reading::Unreadable,
            _ => Reading::Moved,
        }
    }

    fn is_there(&self) -> bool {
        rustix::fs::lstat(&self.path).is_ok_and(|stat| signature(&stat) == self.signature)
    }

    /// Looks, reads, and looks again: what is read belongs to the signature or is not used.
    fn reading(&self, buffer: &mut [u8]) -> io::Result<Reading> {
        if self.superseded.load(Ordering::Relaxed) {
            return Ok(Reading::Superseded);
        }
        // Asked before the content is read: a later write then has a later time.
        let racy = self.signature.is_racy_at(crawl::now_ns());
        let hash = match self.signature.kind() {
            Kind::Symlink => {
                let target = std::fs::read_link(&self.path)?;
                blake3::hash(target.as_os_str().as_bytes())
            }
            _ => match self.hash_file(buffer)? {
                Ok(hash) => hash,
                Err(instead) => return Ok(instead),
            },
        };
        let digest = Digest(*hash.as_bytes());
        Ok(if self.is_there() { Reading::Content { digest, racy } } else { Reading::Moved })
    }

    fn hash_file(&self, buffer: &mut [u8]) -> io::Result<Result<blake3::Hash, Reading>> {
        // Should a pipe have taken the file's place, opening it must not wait for a writer.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = match rustix::fs::open(&self.path, flags, Mode::empty()) {
            Err(Errno::LOOP | Errno::NXIO) => return Ok(Err(Reading::Moved)),
            file => file?,
        };
        if signature(&rustix::fs::fstat(&file)?) != self.signature {
            return Ok(Err(Reading::Moved));
        }
        let (mut file, mut hasher) = (File::from(file), blake3::Hasher::new());
        loop {
            match file.read(buffer) {
                Ok(0) => return Ok(Ok(hasher.finalize())),
                Ok(count) => hasher.update(&buffer[..count]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            if self.superseded.load(Ordering::Relaxed) {
                return Ok(Err(Reading::Superseded));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::{Evidence, Index, Instance};
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    use std::path::Path;

    fn job(path: &Path, signature: Signature) -> Job {
        let mut index = Index::new(Instance(1), Signature { mode: 0o040_755, ..signature });
        let (node, _) = index.upsert(Index::ROOT, b"file", signature, Evidence::Stat);
        Job { node, generation: 0, path: path.into(), signature, superseded: Arc::default() }
    }

    #[test]
    fn only_what_is_there_and_can_not_be_read_is_unreadable() {
        let dir = tempfile::tempdir().expect("a directory");
        let at = |path: &str| dir.path().join(path);
        std::fs::write(at("file"), "x").expect("a file");
        std::fs::write(at("other"), "x").expect("a file");
        symlink("loop", at("loop")).expect("a link");
        let signature = signature(&rustix::fs::lstat(at("file")).expect("there"));
        let read = |path: &str| job(&at(path), signature).done(&mut [0; 64]).result;
        assert!(matches!(read("file"), Reading::Content { .. }));
        // The directory above was something else for a moment.
        for path in ["missing", "file/file", "loop/file", "loop", "other", "."] {
            assert!(matches!(read(path), Reading::Moved), "{path}: {:?}", read(path));
        }
        std::fs::set_permissions(at("file"), std::fs::Permissions::from_mode(0o000))
            .expect("a mode");
        let denied = crawl::signature(&rustix::fs::lstat(at("file")).expect("there"));
        let read = job(&at("file"), denied).done(&mut [0; 64]).result;
        match nix::unistd::geteuid().is_root() {
            true => assert!(matches!(read, Reading::Content { .. }), "{read:?}"),
            false => assert!(matches!(read, Reading::Unreadable), "{read:?}"),
        }
    }
}
