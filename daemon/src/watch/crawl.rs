//! Lists a workspace: walks it by the rules of `.gitignore`, and reads what changed since the
//! last listing.

use crate::changes::{Entry, Kind, Signature, Tree};
use crate::model::Digest;
use ignore::{WalkBuilder, WalkState};
use std::fs::{self, File, Metadata};
use std::io::{self, Read as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::{SystemTime, UNIX_EPOCH};

/// Most entries of a workspace. A million files are more than the largest repositories have
/// checked out; more than that is somebody's home directory.
const MOST_ENTRIES: usize = 1_000_000;

/// How long before it was read a file must have been left alone for its signature to be trusted:
/// several ticks of the coarsest clock that file systems in use take their times from.
const RACY_NS: i128 = 50_000_000;

/// Attempts to read a file that changes while it is read.
const TRIES: usize = 3;

/// Files read by one thread before another one is worth its start.
const FILES_A_THREAD: usize = 64;

/// Version control keeps its own state here; none of it is an input.
const NEVER: &[&str] = &[".git", ".jj", ".hg", ".sl"];

/// Caches of interpreters that lie among the sources and are no input.
const CACHES: &[&str] = &["__pycache__"];

/// File by which tools mark a directory as one that can be made again, and how it begins (the
/// Cache Directory Tagging Specification, <https://bford.info/cachedir/>). Cargo marks its target
/// directory so; without the mark, builds of a project without `.gitignore` would change their own
/// inputs.
const CACHE_TAG: (&str, &[u8]) = ("CACHEDIR.TAG", b"Signature: 8a477f597d28d172789f06886806bc55");

/// Why there is no listing.
#[derive(Debug, thiserror::Error)]
pub enum CrawlError {
    /// The root can not be read.
    #[error("cannot read {}: {source}", path.display())]
    Unreadable {
        /// Where.
        path: PathBuf,
        /// The system's own words.
        source: io::Error,
    },
    /// More entries than a workspace can have.
    #[error("more than {MOST_ENTRIES} files under {}", .0.display())]
    TooLarge(PathBuf),
    /// A file was being written each time it was read.
    #[error("{} keeps changing", .0.display())]
    Unstable(PathBuf),
}

struct Found {
    path: PathBuf,
    metadata: Metadata,
}

/// Lists `root`. Contents are read only where `previous` does not vouch for them. Nothing below
/// `excluded` is listed: the daemon's own files are no inputs.
///
/// Every change made before the call is seen.
///
/// # Errors
///
/// [`CrawlError`]; a file that vanishes meanwhile is no error.
pub fn crawl(
    root: &Path,
    excluded: &[PathBuf],
    previous: Option<&Tree>,
) -> Result<Tree, CrawlError> {
    let found = walk(root, excluded)?;
    let entries = read_all(root, found, previous)?;
    Ok(Tree::new(entries))
}

fn walk(root: &Path, excluded: &[PathBuf]) -> Result<Vec<Found>, CrawlError> {
    fs::read_dir(root)
        .map_err(|source| CrawlError::Unreadable { path: root.to_path_buf(), source })?;
    let excluded = excluded.to_vec();
    let walker = WalkBuilder::new(root)
        .hidden(false)
        .parents(false)
        .require_git(false)
        .add_custom_ignore_filename(".bdignore")
        .filter_entry(move |entry| {
            let name = entry.file_name();
            let is_dir = entry.file_type().is_some_and(|kind| kind.is_dir());
            let never = NEVER.iter().chain(CACHES).any(|never| name == *never)
                || excluded.iter().any(|path| entry.path() == path);
            let cache = is_dir && entry.depth() > 0 && is_cache(entry.path());
            !(never || cache)
        })
        .threads(threads())
        .build_parallel();
    let (send, receive) = mpsc::channel();
    walker.run(|| {
        let send = send.clone();
        Box::new(move |entry| {
            // What can not be read is not there for a build either; what vanished is gone.
            let Ok(entry) = entry else { return WalkState::Continue };
            let Ok(metadata) = entry.metadata() else { return WalkState::Continue };
            let Ok(path) = entry.path().strip_prefix(root) else { return WalkState::Continue };
            if path.as_os_str().is_empty() {
                return WalkState::Continue;
            }
            match send.send(Found { path: path.to_path_buf(), metadata }) {
                Ok(()) => WalkState::Continue,
                Err(_) => WalkState::Quit,
            }
        })
    });
    drop(send);
    let found: Vec<_> = receive.into_iter().take(MOST_ENTRIES + 1).collect();
    if found.len() > MOST_ENTRIES {
        return Err(CrawlError::TooLarge(root.to_path_buf()));
    }
    Ok(found)
}

fn is_cache(dir: &Path) -> bool {
    let (name, signature) = CACHE_TAG;
    let mut start = vec![0; signature.len()];
    File::open(dir.join(name)).and_then(|mut tag| tag.read_exact(&mut start)).is_ok()
        && start == signature
}

fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from).min(8)
}

/// Reads the contents that `previous` does not vouch for, in parallel where it pays.
fn read_all(
    root: &Path,
    found: Vec<Found>,
    previous: Option<&Tree>,
) -> Result<Vec<Entry>, CrawlError> {
    let known = |found: &Found| {
        let before = previous?.get(&found.path)?;
        let same = before.signature == signature(&found.metadata) && !before.racy;
        same.then(|| before.clone())
    };
    let (mut entries, mut unread) = (Vec::with_capacity(found.len()), Vec::new());
    for found in found {
        match known(&found) {
            Some(entry) => entries.push(entry),
            None => unread.push(found),
        }
    }
    let next = AtomicUsize::new(0);
    let work = || -> Result<Vec<Entry>, CrawlError> {
        let (mut read, mut buffer) = (Vec::new(), vec![0; 64 * 1024]);
        while let Some(found) = unread.get(next.fetch_add(1, Ordering::Relaxed)) {
            read.extend(self::read(root, found, &mut buffer)?);
        }
        Ok(read)
    };
    let helpers = (unread.len() / FILES_A_THREAD).min(threads() - 1);
    let batches = std::thread::scope(|scope| {
        let others: Vec<_> = (0..helpers).map(|_| scope.spawn(work)).collect();
        let mut batches = vec![work()];
        batches.extend(others.into_iter().map(|other| match other.join() {
            Ok(batch) => batch,
            Err(panic) => std::panic::resume_unwind(panic),
        }));
        batches
    });
    for batch in batches {
        entries.extend(batch?);
    }
    Ok(entries)
}

/// One entry with its content; `None` when it vanished.
fn read(root: &Path, found: &Found, buffer: &mut [u8]) -> Result<Option<Entry>, CrawlError> {
    let path = root.join(&found.path);
    let mut metadata = found.metadata.clone();
    for _ in 0..TRIES {
        let signature = signature(&metadata);
        let racy = is_racy(&signature);
        let content = match content(&path, &metadata, buffer) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            // It can not be read, so its content can not matter, but its coming and going can.
            Err(_) => Digest([0xff; 32]),
            Ok(content) => content,
        };
        match fs::symlink_metadata(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Ok(after) if self::signature(&after) != signature && !after.is_dir() => {
                metadata = after;
            }
            Ok(_) | Err(_) => {
                let path = found.path.clone();
                return Ok(Some(Entry { path, kind: kind(&metadata), signature, content, racy }));
            }
        }
    }
    Err(CrawlError::Unstable(found.path.clone()))
}

fn content(path: &Path, metadata: &Metadata, buffer: &mut [u8]) -> io::Result<Digest> {
    if metadata.is_symlink() {
        let target = fs::read_link(path)?;
        return Ok(Digest(*blake3::hash(target.as_os_str().as_bytes()).as_bytes()));
    }
    if !metadata.is_file() {
        return Ok(Digest([0; 32]));
    }
    // Should a pipe have taken the file's place, opening it must not wait for a writer.
    let mut file = File::options().read(true).custom_flags(nix::libc::O_NONBLOCK).open(path)?;
    let mut hasher = blake3::Hasher::new();
    loop {
        match file.read(buffer) {
            Ok(0) => return Ok(Digest(*hasher.finalize().as_bytes())),
            Ok(n) => hasher.update(&buffer[..n]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
    }
}

fn signature(metadata: &Metadata) -> Signature {
    let ns = |seconds: i64, ns: i64| i128::from(seconds) * 1_000_000_000 + i128::from(ns);
    Signature {
        size: metadata.size(),
        mtime_ns: ns(metadata.mtime(), metadata.mtime_nsec()),
        ctime_ns: ns(metadata.ctime(), metadata.ctime_nsec()),
        inode: metadata.ino(),
        mode: metadata.mode(),
    }
}

fn kind(metadata: &Metadata) -> Kind {
    let kind = metadata.file_type();
    if kind.is_dir() {
        Kind::Dir
    } else if kind.is_symlink() {
        Kind::Symlink
    } else if kind.is_fifo() || kind.is_socket() || kind.is_block_device() || kind.is_char_device()
    {
        Kind::Other
    } else {
        Kind::File { executable: metadata.mode() & 0o100 != 0 }
    }
}

/// Asked before the content is read: a later write then has a later time.
fn is_racy(signature: &Signature) -> bool {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_nanos());
    let youngest = signature.mtime_ns.max(signature.ctime_ns);
    i128::try_from(now).unwrap_or(i128::MAX) - youngest < RACY_NS
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn tree(dir: &Path) -> Tree {
        crawl(dir, &[], None).expect("a listing")
    }

    fn workspace(files: &[(&str, &str)]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().expect("a temporary directory");
        for (path, content) in files {
            let path = dir.path().join(path);
            fs::create_dir_all(path.parent().expect("a parent")).expect("create");
            fs::write(path, content).expect("write");
        }
        dir
    }

    #[test]
    fn ignored_files_and_version_control_are_not_listed() {
        let dir = workspace(&[
            (".gitignore", "/target\n*.log\n!keep.log\n"),
            (".bdignore", "secret\n"),
            (".git/HEAD", "x"),
            ("target/a", "x"),
            ("sub/.gitignore", "local\n"),
            ("sub/local", "x"),
            ("sub/main.rs", "x"),
            ("x.log", "x"),
            ("keep.log", "x"),
            ("secret", "x"),
            ("bd/home", "x"),
            ("out/CACHEDIR.TAG", "Signature: 8a477f597d28d172789f06886806bc55\n# by a tool"),
            ("out/object", "x"),
            ("notes/CACHEDIR.TAG", "not a tag"),
            ("py/__pycache__/a.pyc", "x"),
        ]);
        let tree = crawl(dir.path(), &[dir.path().join("bd")], None).expect("a listing");
        let listed = ["sub", "sub/main.rs", "keep.log", ".gitignore", ".bdignore", "notes", "py"];
        for path in listed {
            assert!(tree.get(Path::new(path)).is_some(), "{path} is missing");
        }
        let unlisted =
            [".git", "target", "sub/local", "x.log", "secret", "bd", "out", "py/__pycache__"];
        for path in unlisted {
            assert!(tree.get(Path::new(path)).is_none(), "{path} is listed");
        }
    }

    #[test]
    fn equal_trees_have_equal_digests_on_any_path() {
        let files = [("a/b", "1"), ("c", "2")];
        let (one, two) = (workspace(&files), workspace(&files));
        assert_eq!(tree(one.path()).digest(), tree(two.path()).digest());
    }

    #[test]
    fn a_same_size_edit_with_its_time_set_back_is_seen() {
        let dir = workspace(&[("a", "one")]);
        let path = dir.path().join("a");
        let before = tree(dir.path());
        let time = fs::metadata(&path).and_then(|m| m.modified()).expect("a time");
        fs::write(&path, "two").expect("write");
        File::options().write(true).open(&path).and_then(|f| f.set_modified(time)).expect("utime");
        let after = crawl(dir.path(), &[], Some(&before)).expect("a listing");
        assert_eq!(after.moved_since(&before), [PathBuf::from("a")]);
        assert_ne!(after.digest(), before.digest());
    }

    #[test]
    fn what_has_not_changed_is_vouched_for_and_not_read() {
        let dir = workspace(&[("a", "one")]);
        let honest = tree(dir.path());
        let lie = Entry {
            content: Digest([9; 32]),
            racy: false,
            ..honest.get(Path::new("a")).expect("listed").clone()
        };
        let trusted = crawl(dir.path(), &[], Some(&Tree::new(vec![lie.clone()])));
        assert_eq!(trusted.expect("a listing").get(Path::new("a")), Some(&lie));
        let racy = Entry { racy: true, ..lie };
        let doubted = crawl(dir.path(), &[], Some(&Tree::new(vec![racy])));
        assert_eq!(doubted.expect("a listing").digest(), honest.digest());
    }

    #[test]
    fn links_are_read_as_links_and_pipes_are_not_read() {
        let dir = workspace(&[("real/a", "x")]);
        symlink("real", dir.path().join("link")).expect("symlink");
        symlink(".", dir.path().join("loop")).expect("symlink");
        nix::unistd::mkfifo(&dir.path().join("pipe"), nix::sys::stat::Mode::S_IRWXU).expect("fifo");
        let before = tree(dir.path());
        assert_eq!(before.get(Path::new("link")).map(|e| e.kind), Some(Kind::Symlink));
        assert!(before.get(Path::new("link/a")).is_none());
        assert_eq!(before.get(Path::new("pipe")).map(|e| e.kind), Some(Kind::Other));
        fs::remove_file(dir.path().join("link")).expect("unlink");
        symlink("other", dir.path().join("link")).expect("symlink");
        assert_ne!(tree(dir.path()).digest(), before.digest());
    }

    #[test]
    fn a_missing_root_is_an_error_that_names_it() {
        let error = crawl(Path::new("/no/such/place"), &[], None).expect_err("nothing there");
        assert!(error.to_string().contains("/no/such/place"), "{error}");
    }
}
