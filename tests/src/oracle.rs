//! What is really on disk: a full walk that reads every file and remembers nothing. Shares no
//! code with the daemon's index but the hasher of fields; it is what the index is judged by.

use bd_daemon::index::EntryType;
use bd_daemon::model::Digest;
use bd_daemon::model::digest::FieldHasher;
use ignore::WalkBuilder;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, Metadata};
use std::io::{self, Read as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Never part of a workspace, at any depth.
const NEVER: [&str; 5] = [".git", ".jj", ".hg", ".sl", "__pycache__"];

/// How a valid `CACHEDIR.TAG` begins.
pub const TAG: &[u8] = b"Signature: 8a477f597d28d172789f06886806bc55";

/// What an entry is, as far as it counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A regular file.
    File,
    /// One that its owner may execute.
    Executable,
    /// A directory.
    Dir,
    /// A symbolic link.
    Symlink,
    /// A socket, pipe or device.
    Other,
}

/// What the system says of an entry without its being read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stat {
    /// Inode, and when it was made: a number alone is given out again.
    pub identity: (u64, Option<SystemTime>),
    /// Size, modification, change, mode.
    pub signature: (u64, i64, i64, i64, i64, u32),
}

/// One entry of a [`Listing`].
#[derive(Clone, Debug)]
pub struct Entry {
    /// What it is.
    pub kind: Kind,
    /// Digest of its content; of a directory, of all that is in it.
    pub content: Digest,
    /// What the system says of it.
    pub stat: Stat,
}

/// All that is not ignored below a root.
#[derive(Clone, Debug)]
pub struct Listing {
    /// By path relative to the root.
    pub entries: BTreeMap<PathBuf, Entry>,
    /// The root's digest.
    pub digest: Digest,
    /// Files, links and others.
    pub files: u64,
    /// Directories, without the root.
    pub dirs: u64,
    /// Bytes in regular files.
    pub bytes: u64,
}

impl Kind {
    fn of(metadata: &Metadata) -> Self {
        match metadata.file_type() {
            kind if kind.is_dir() => Self::Dir,
            kind if kind.is_symlink() => Self::Symlink,
            kind if kind.is_file() && metadata.mode() & 0o100 != 0 => Self::Executable,
            kind if kind.is_file() => Self::File,
            _ => Self::Other,
        }
    }

    /// As changes name it.
    #[must_use]
    pub fn entry_type(self) -> EntryType {
        match self {
            Self::File | Self::Executable | Self::Other => EntryType::File,
            Self::Dir => EntryType::Dir,
            Self::Symlink => EntryType::Symlink,
        }
    }
}

/// Walks `root` and reads everything in it but what is below `excluded`.
///
/// # Errors
///
/// When the root is no directory that can be read.
pub fn walk(root: &Path, excluded: &[PathBuf]) -> io::Result<Listing> {
    fs::read_dir(root)?;
    let excluded = excluded.to_vec();
    let walker = WalkBuilder::new(root)
        .hidden(false)
        .parents(false)
        .require_git(false)
        .add_custom_ignore_filename(".bdignore")
        .filter_entry(move |entry| {
            let is_dir = entry.file_type().is_some_and(|kind| kind.is_dir());
            let never = NEVER.iter().any(|never| entry.file_name() == *never);
            let tagged = is_dir && entry.depth() > 0 && is_tagged(entry.path());
            !never && !tagged && !excluded.iter().any(|path| path == entry.path())
        })
        .build();
    let mut entries = BTreeMap::new();
    // What can not be read is not there.
    for entry in walker.flatten().filter(|entry| entry.depth() > 0) {
        let Ok(metadata) = fs::symlink_metadata(entry.path()) else { continue };
        let kind = Kind::of(&metadata);
        let path = entry.path().strip_prefix(root).expect("a path below the root");
        let content = content(entry.path(), kind);
        entries.insert(path.to_path_buf(), Entry { kind, content, stat: Stat::of(&metadata) });
    }
    // Of a tree that is being changed, what has no place any more.
    let mut dirs = BTreeSet::from([PathBuf::new()]);
    entries.retain(|path, entry| {
        let placed = path.parent().is_some_and(|parent| dirs.contains(parent));
        if placed && entry.kind == Kind::Dir {
            dirs.insert(path.clone());
        }
        placed
    });
    Ok(Listing::of(entries))
}

fn is_tagged(dir: &Path) -> bool {
    let mut start = Vec::new();
    let tag = File::open(dir.join("CACHEDIR.TAG"));
    tag.and_then(|tag| tag.take(TAG.len() as u64).read_to_end(&mut start)).is_ok() && start == TAG
}

fn content(path: &Path, kind: Kind) -> Digest {
    let bytes = match kind {
        Kind::File | Kind::Executable => fs::read(path),
        Kind::Symlink => fs::read_link(path).map(|target| target.as_os_str().as_bytes().to_vec()),
        Kind::Dir | Kind::Other => return Digest([0; 32]),
    };
    bytes.map_or(Digest([0xff; 32]), |bytes| Digest(*blake3::hash(&bytes).as_bytes()))
}

impl Stat {
    fn of(at: &Metadata) -> Self {
        Self {
            identity: (at.ino(), at.created().ok()),
            signature: (
                at.size(),
                at.mtime(),
                at.mtime_nsec(),
                at.ctime(),
                at.ctime_nsec(),
                at.mode(),
            ),
        }
    }
}

impl Listing {
    fn of(mut entries: BTreeMap<PathBuf, Entry>) -> Self {
        let (mut files, mut dirs, mut bytes) = (0, 0, 0);
        let mut children: BTreeMap<PathBuf, Vec<(PathBuf, Kind, Digest)>> = BTreeMap::new();
        // Whatever is in a directory comes behind it, so from behind it is complete.
        for (path, entry) in entries.iter_mut().rev() {
            match entry.kind {
                Kind::Dir => {
                    dirs += 1;
                    entry.content = digest(children.remove(path).unwrap_or_default());
                }
                Kind::File | Kind::Executable => (files, bytes) = (files + 1, bytes + entry.size()),
                Kind::Symlink | Kind::Other => files += 1,
            }
            let parent = path.parent().expect("BUG: the root is no entry").to_path_buf();
            children.entry(parent).or_default().push((path.clone(), entry.kind, entry.content));
        }
        let digest = digest(children.remove(Path::new("")).unwrap_or_default());
        assert!(children.is_empty(), "BUG: entries without a parent: {children:?}");
        Self { entries, digest, files, dirs, bytes }
    }
}

impl Entry {
    fn size(&self) -> u64 {
        self.stat.signature.0
    }
}

fn digest(mut children: Vec<(PathBuf, Kind, Digest)>) -> Digest {
    let name = |path: &PathBuf| path.file_name().map(|name| name.as_bytes().to_vec());
    children.sort_by_key(|(path, ..)| name(path));
    let mut hasher = FieldHasher::new("bd 2026 dir v1");
    for (path, kind, content) in &children {
        let name = name(path).expect("BUG: an entry without a name");
        hasher.field(&name).number(*kind as u64).field(&content.0);
    }
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Worked out by hand, so that the oracle is not only what it is.
    #[test]
    fn the_digest_is_the_documented_one() {
        let dir = tempfile::tempdir().expect("a directory");
        fs::create_dir(dir.path().join("d")).expect("a directory");
        fs::write(dir.path().join("d/x"), "one").expect("a file");
        std::os::unix::fs::symlink("d", dir.path().join("c")).expect("a link");
        fs::create_dir(dir.path().join(".git")).expect("a directory");
        let content = |text: &str| *blake3::hash(text.as_bytes()).as_bytes();
        let mut inner = FieldHasher::new("bd 2026 dir v1");
        inner.field(b"x").number(0).field(&content("one"));
        let mut outer = FieldHasher::new("bd 2026 dir v1");
        outer.field(b"c").number(3).field(&content("d"));
        outer.field(b"d").number(2).field(&inner.finish().0);
        let listing = walk(dir.path(), &[]).expect("a listing");
        assert_eq!(listing.digest, outer.finish());
        assert_eq!((listing.files, listing.dirs, listing.bytes), (2, 1, 3));
    }
}
