//! Random operations on files, with so few names that they meet. An operation that another worker
//! has made impossible is skipped.

use crate::git::try_git;
use crate::mapped_file::MappedFile;
use crate::oracle::{Listing, TAG};
use crate::rng::Rng;
use std::fs::{self, File, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{FileExt as _, PermissionsExt as _, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

/// Most workers at once.
pub const MAX_WORKERS: u64 = 4;

/// One worker's part of a burst of operations.
#[derive(Clone, Copy, Debug)]
pub struct Burst {
    /// Decides the operations, together with what other workers do.
    pub seed: u64,
    /// Operations that succeed, unless fewer do.
    pub count: u64,
    /// Which ones.
    pub kinds: OpKinds,
}

/// Which operations there are in a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpKinds {
    /// Those on single files, without another name for any.
    Files = 0,
    /// All but hard links.
    All = 1,
    /// All.
    Linked = 2,
}

impl From<u64> for OpKinds {
    fn from(number: u64) -> Self {
        match number {
            0 => Self::Files,
            1 => Self::All,
            2 => Self::Linked,
            _ => panic!("BUG: {number}"),
        }
    }
}

const DIRS: [&str; 3] = ["a", "b", ".dots"];
const FILES: [&str; 8] = ["f0", "f1", "f2", "f3", "x.log", "y.tmp", "new\nline", "caf\u{e9}"];
const LISTS: [&str; 3] = [".gitignore", ".ignore", ".bdignore"];
const PATTERNS: [&str; 10] =
    ["*.log", "*.tmp", "!x.log", "/b/a", "a/b/", "f1", "!f1", "b/f2", "**/a/b", "# nothing"];
const TARGETS: [&str; 6] = ["f0", "a", "../b", ".", "nowhere", "../f1"];

/// Operations tried for one that finds what it needs.
const TRIES: u64 = 10;

/// How names of mapped files begin.
const MAPPED: &str = "mapped";

/// How the further names begin that workers give to files.
const LINK: &str = "link";

/// Entries copied by one operation at most.
const COPIED: usize = 40;

/// One of those that work on a tree at once.
#[derive(Debug)]
pub struct FsWorker {
    root: PathBuf,
    outside: PathBuf,
    /// A file name that no other worker writes to: a mapped file must not get shorter.
    mapped: String,
    /// A name in the root that it gives to a file in each burst. It stays to the end of the burst:
    /// for a name that is made, written through and removed before anybody looks, no system reports
    /// which file it was.
    link: PathBuf,
}

impl FsWorker {
    /// A worker in `root` that moves things out to `outside`. Its number, below [`MAX_WORKERS`], is
    /// its own.
    #[must_use]
    pub fn new(root: &Path, outside: &Path, number: u64) -> Self {
        Self {
            root: root.into(),
            outside: outside.into(),
            mapped: format!("{MAPPED}{number}"),
            link: root.join(format!("{LINK}{number}")),
        }
    }

    /// Runs the operations, and returns what was done.
    #[must_use]
    pub fn run(&self, burst: Burst) -> Vec<String> {
        let mut rng = Rng::new(burst.seed.wrapping_mul(0x9e37_79b9));
        let (mut report, mut has_linked) = (Vec::new(), false);
        for _ in 0..burst.count * TRIES {
            let mut said = String::new();
            let done = match burst.kinds {
                OpKinds::Files => self.file(&mut rng, &mut said),
                OpKinds::All | OpKinds::Linked if rng.below(10) < 6 => {
                    self.file(&mut rng, &mut said)
                }
                OpKinds::Linked if rng.one_in(4) => {
                    self.hard_link(&mut rng, &mut said, &mut has_linked)
                }
                OpKinds::All | OpKinds::Linked => self.tree(&mut rng, &mut said),
            };
            // A failed operation may have been done in part.
            match done {
                Ok(()) => report.push(said),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => report.push(format!("({said}: {})", error.kind())),
            }
            if report.len() as u64 == burst.count {
                break;
            }
        }
        report
    }

    fn dir(&self, rng: &mut Rng, deepest: u64) -> PathBuf {
        (0..rng.below(deepest + 1)).filter_map(|_| rng.pick(&DIRS)).collect()
    }

    fn path(&self, rng: &mut Rng) -> PathBuf {
        self.dir(rng, 3).join(rng.pick(&FILES).expect("names"))
    }

    /// Something with a single file.
    fn file(&self, rng: &mut Rng, said: &mut String) -> io::Result<()> {
        let (short, text) = (self.path(rng), format!("{:04x}", rng.below(0x10000)));
        let path = self.root.join(&short);
        let mut say = |what: &str| *said = format!("{what} {}", short.display());
        match rng.below(13) {
            0..=2 => {
                say("write");
                fs::write(&path, text)
            }
            3 => {
                say("append");
                File::options().append(true).open(&path)?.write_all(text.as_bytes())
            }
            4 => {
                say("truncate");
                File::options().write(true).open(&path)?.set_len(rng.below(6))
            }
            5 => {
                say("edit in place and set the time back");
                let file = File::options().write(true).open(&path)?;
                let time = file.metadata()?.modified()?;
                file.write_at(&text.as_bytes()[..1], 0)?;
                file.set_modified(time)
            }
            6 => {
                let path = path.with_file_name(&self.mapped);
                *said = format!("map {}", path.display());
                if !path.exists() {
                    fs::write(&path, "mapped")?;
                }
                let mut mapped = MappedFile::try_open(&path).ok_or(io::ErrorKind::NotFound)?;
                mapped.store(0, text.as_bytes()[0]);
                mapped.store(1, text.as_bytes()[1]);
                Ok(())
            }
            7 | 8 => {
                say("save atomically");
                let temporary = path.with_file_name(format!(".save-{}", self.mapped));
                fs::write(&temporary, text)?;
                fs::rename(&temporary, &path).inspect_err(|_| drop(fs::remove_file(&temporary)))
            }
            9 => {
                let to = self.path(rng);
                say(&format!("rename to {}:", to.display()));
                if path.is_dir() {
                    return Ok(());
                }
                fs::rename(&path, self.root.join(to))
            }
            10 => {
                let mode = [0o644, 0o755, 0o600][rng.below(3) as usize];
                say(&format!("mode {mode:o}"));
                fs::set_permissions(&path, Permissions::from_mode(mode))
            }
            11 => {
                say("remove");
                fs::remove_file(&path)
            }
            _ => {
                say("touch");
                File::options().write(true).open(&path)?.set_modified(std::time::UNIX_EPOCH)
            }
        }
    }

    /// Something with directories, links, or what is ignored.
    fn tree(&self, rng: &mut Rng, said: &mut String) -> io::Result<()> {
        let (one, two) = (self.dir(rng, 3), self.dir(rng, 3));
        let (a, b) = (self.root.join(&one), self.root.join(&two));
        let stored = self.outside.join(format!("{}", rng.below(6)));
        let mut say = |what: &str| *said = format!("{what} {}", one.display());
        if [&one, &two].contains(&&PathBuf::new()) {
            // Not the root: a link that leads out of it would put something else in its place.
            return self.list(rng, said);
        }
        match rng.below(100) {
            0..20 => {
                say("make");
                fs::create_dir_all(&a)?;
                fs::write(a.join("f0"), "made")
            }
            20..35 => {
                say(&format!("rename to {}:", two.display()));
                fs::rename(&a, &b)
            }
            35..43 => {
                say(&format!("exchange with {}:", two.display()));
                exchange(&a, &b)
            }
            43..50 => {
                say("remove with all in it");
                fs::remove_dir_all(&a)
            }
            50..57 => {
                say(&format!("move out to {}:", stored.display()));
                fs::rename(&a, &stored)
            }
            57..65 => {
                say(&format!("move in from {}:", stored.display()));
                fs::rename(&stored, &a)
            }
            65..75 => {
                let (path, target) = (self.path(rng), rng.pick(&TARGETS).expect("targets"));
                *said = format!("link {} to {target}", path.display());
                replace(&self.root.join(path), |path| symlink(target, path))
            }
            75..80 => {
                let target = rng.pick(&TARGETS).expect("targets");
                say(&format!("link to {target} instead of"));
                replace(&a, |path| symlink(target, path))
            }
            80..85 => {
                say("file instead of");
                replace(&a, |path| fs::write(path, "was a directory"))
            }
            85..90 => {
                say(&format!("copy to {}:", two.display()));
                copy(&a, &b, &mut COPIED.clone())
            }
            90..92 => {
                // No pipe: whoever wrote to it through a link would wait.
                say("socket instead of");
                replace(&a, |path| UnixListener::bind(path).map(drop))
            }
            92..98 => self.list(rng, said),
            _ => {
                let branch = ["one", "two"][rng.below(2) as usize];
                *said = format!("git checkout {branch}");
                try_git(&self.root, &["checkout", "-q", "-f", branch])
            }
        }
    }

    /// Something with what is ignored.
    fn list(&self, rng: &mut Rng, said: &mut String) -> io::Result<()> {
        let dir = self.dir(rng, 2);
        let text: String = (0..rng.below(3))
            .filter_map(|_| rng.pick(&PATTERNS))
            .map(|p| format!("{p}\n"))
            .collect();
        let name = *rng.pick(&LISTS).expect("names");
        let (path, exclude) = (dir.join(name), Path::new(".git/info/exclude"));
        let (path, what) = match rng.below(10) {
            0..4 => (path, "write"),
            4..7 => (path, "remove"),
            7 => (exclude.to_path_buf(), "write"),
            8 => (dir.join("CACHEDIR.TAG"), "tag"),
            _ => (dir.join("CACHEDIR.TAG"), "remove"),
        };
        *said = format!("{what} {} {text:?}", path.display());
        let path = self.root.join(path);
        match what {
            "write" => fs::write(path, text),
            "tag" => fs::write(path, TAG),
            _ => fs::remove_file(path),
        }
    }

    fn hard_link(&self, rng: &mut Rng, said: &mut String, done: &mut bool) -> io::Result<()> {
        if *done {
            let path = self.root.join(format!("{LINK}{}", rng.below(MAX_WORKERS)));
            *said = format!("append {}", path.display());
            return File::options().append(true).open(path)?.write_all(b"more");
        }
        let from = self.path(rng);
        *said = format!("hard link {} as {}", from.display(), self.link.display());
        // The link of the burst before has been seen.
        let _ = fs::remove_file(&self.link);
        fs::hard_link(self.root.join(from), &self.link)?;
        *done = true;
        Ok(())
    }

    /// Gives a further name to some file, among names that are `known`.
    pub fn hard_link_between(&self, rng: &mut Rng, known: &Listing) -> Option<PathBuf> {
        let (from, to) = (self.path(rng), self.path(rng));
        let known = |path: &Path| path == Path::new("") || known.entries.contains_key(path);
        let both = known(from.parent()?) && known(to.parent()?);
        let link = || fs::hard_link(self.root.join(&from), self.root.join(&to));
        (both && link().is_ok()).then_some(to)
    }
}

#[cfg(target_os = "linux")]
fn exchange(a: &Path, b: &Path) -> io::Result<()> {
    use nix::fcntl::{AT_FDCWD, RenameFlags, renameat2};
    Ok(renameat2(AT_FDCWD, a, AT_FDCWD, b, RenameFlags::RENAME_EXCHANGE)?)
}

#[cfg(not(target_os = "linux"))]
fn exchange(_: &Path, _: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

fn replace(path: &Path, make: impl FnOnce(&Path) -> io::Result<()>) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Ok(at) if at.is_dir() => fs::remove_dir_all(path)?,
        Ok(_) => fs::remove_file(path)?,
        Err(_) => {}
    }
    make(path)
}

fn copy(from: &Path, to: &Path, left: &mut usize) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)?.flatten() {
        if entry.file_name().as_encoded_bytes().starts_with(MAPPED.as_bytes()) {
            // The file may be mapped by its worker, and would get shorter.
            continue;
        }
        let Some(less) = left.checked_sub(1) else { return Ok(()) };
        *left = less;
        let (to, kind) = (to.join(entry.file_name()), entry.file_type()?);
        // A failure does not end it: other workers are here, too.
        let _ = match kind {
            kind if kind.is_dir() => copy(&entry.path(), &to, left),
            kind if kind.is_symlink() => fs::read_link(entry.path()).and_then(|t| symlink(t, &to)),
            kind if kind.is_file() => fs::copy(entry.path(), &to).map(drop),
            _ => Ok(()),
        };
    }
    Ok(())
}
