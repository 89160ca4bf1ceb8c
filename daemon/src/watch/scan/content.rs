//! Reads the content of one entry. Knows its path and signature, not what it is for.

use crate::files::{Fault, ForeignFile};
use crate::index::{Kind, NodeId, Signature};
use crate::model::Digest;
use crate::watch::stat::{now_ns, signature};
use crate::workspace::is_resource_exhausted;
use rustix::io::Errno;
use std::io::{self, Read as _};
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Bytes of the buffer that [`ReadJob::run`] is best given: as many as are read at once.
pub(in crate::watch) const READ_BUFFER_BYTES: usize = 128 << 10;

/// Something to be read.
#[derive(Debug)]
pub(in crate::watch) struct ReadJob {
    pub(in crate::watch) node: NodeId,
    pub(in crate::watch) generation: u32,
    pub(in crate::watch) path: PathBuf,
    pub(in crate::watch) signature: Signature,
    /// Set when nobody wants the result any more.
    pub(in crate::watch) superseded: Arc<AtomicBool>,
}

/// What came of it.
#[derive(Debug)]
pub(in crate::watch) struct ReadOutcome {
    pub(in crate::watch) node: NodeId,
    pub(in crate::watch) generation: u32,
    pub(in crate::watch) result: ReadResult,
}

/// What reading one entry came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::watch) enum ReadResult {
    /// This is its content. `racy`: it changed so shortly before that another change might show
    /// the same signature.
    Content { digest: Digest, racy: bool },
    /// It can not be read.
    Unreadable,
    /// The system has no descriptor or memory left to read it.
    ResourceExhausted(Errno),
    /// Something else is there, or it changed while it was read: it has to be checked again.
    Changed,
    /// Nobody wants it any more.
    Superseded,
}

impl ReadJob {
    /// Reads it.
    pub(in crate::watch) fn run(&self, buffer: &mut [u8]) -> ReadOutcome {
        let result = self.read(buffer).unwrap_or_else(|error| self.failed(&error));
        ReadOutcome { node: self.node, generation: self.generation, result }
    }

    /// Distinguishes an entry that can not be read from a path that led elsewhere for a moment.
    fn failed(&self, error: &io::Error) -> ReadResult {
        match Errno::from_io_error(error) {
            Some(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => ReadResult::Changed,
            Some(error) if is_resource_exhausted(error) => ReadResult::ResourceExhausted(error),
            _ if self.is_there() => ReadResult::Unreadable,
            _ => ReadResult::Changed,
        }
    }

    fn is_there(&self) -> bool {
        rustix::fs::lstat(&self.path).is_ok_and(|stat| signature(&stat) == self.signature)
    }

    /// Checks, reads, and checks again: what is read belongs to the signature or is not used (rule 11).
    fn read(&self, buffer: &mut [u8]) -> io::Result<ReadResult> {
        if self.superseded.load(Ordering::Relaxed) {
            return Ok(ReadResult::Superseded);
        }
        // Checked before the content is read: a later write then has a later time.
        let racy = self.signature.is_racy_at(now_ns());
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
        Ok(if self.is_there() { ReadResult::Content { digest, racy } } else { ReadResult::Changed })
    }

    fn hash_file(&self, buffer: &mut [u8]) -> io::Result<Result<blake3::Hash, ReadResult>> {
        let mut file = match ForeignFile::at(&self.path).no_link().open() {
            Err(Fault::System(error)) => return Err(error.into()),
            Err(_) => return Ok(Err(ReadResult::Changed)),
            Ok(file) => file,
        };
        if signature(&rustix::fs::fstat(&file)?) != self.signature {
            return Ok(Err(ReadResult::Changed));
        }
        let (mut hasher, mut left) = (blake3::Hasher::new(), self.signature.size);
        loop {
            match file.read(buffer) {
                Ok(0) => return Ok(Ok(hasher.finalize())),
                Ok(count) => {
                    hasher.update(&buffer[..count]);
                    // It may grow as fast as it is read, or have no size at all.
                    let Some(rest) = left.checked_sub(count as u64) else {
                        let is_as_it_was = signature(&rustix::fs::fstat(&file)?) == self.signature;
                        return Ok(Err(match is_as_it_was {
                            true => ReadResult::Unreadable,
                            false => ReadResult::Changed,
                        }));
                    };
                    left = rest;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            }
            if self.superseded.load(Ordering::Relaxed) {
                return Ok(Err(ReadResult::Superseded));
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

    fn job(path: &Path, signature: Signature) -> ReadJob {
        let mut index = Index::new(Instance(1), Signature { mode: 0o040_755, ..signature });
        let (node, _) = index.upsert(Index::ROOT, b"file", signature, Evidence::Stat);
        ReadJob { node, generation: 0, path: path.into(), signature, superseded: Arc::default() }
    }

    #[test]
    fn only_what_is_there_and_can_not_be_read_is_unreadable() {
        let dir = tempfile::tempdir().expect("a directory");
        let at = |path: &str| dir.path().join(path);
        std::fs::write(at("file"), "x").expect("a file");
        std::fs::write(at("other"), "x").expect("a file");
        symlink("loop", at("loop")).expect("a link");
        let signature = signature(&rustix::fs::lstat(at("file")).expect("there"));
        let read = |path: &str| job(&at(path), signature).run(&mut [0; 64]).result;
        assert!(matches!(read("file"), ReadResult::Content { .. }));
        // The directory above was something else for a moment.
        for path in ["missing", "file/file", "loop/file", "loop", "other", "."] {
            assert!(matches!(read(path), ReadResult::Changed), "{path}: {:?}", read(path));
        }
        std::fs::set_permissions(at("file"), std::fs::Permissions::from_mode(0o000))
            .expect("a mode");
        let denied = super::signature(&rustix::fs::lstat(at("file")).expect("there"));
        let read = job(&at("file"), denied).run(&mut [0; 64]).result;
        match nix::unistd::geteuid().is_root() {
            true => assert!(matches!(read, ReadResult::Content { .. }), "{read:?}"),
            false => assert!(matches!(read, ReadResult::Unreadable), "{read:?}"),
        }
    }
}
