//! A directory under watch, and short words for what tests do in it.

use bd_tests::Watched;
use std::fs::{self, File};
use std::ops::{Deref, DerefMut};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};
use tempfile::TempDir;

/// Longer ago than this, no clock of a file system is too coarse to distinguish a write from the next.
const CALM: Duration = Duration::from_millis(150);

/// See the [module](self). The root is one below a directory of the test's own.
pub(crate) struct Fixture {
    pub(crate) watched: Watched,
    dir: TempDir,
}

impl Fixture {
    /// A root with these files, which hold their own names.
    pub(crate) fn with(files: &[&str]) -> Self {
        let dir = tempfile::Builder::new().prefix("bd").tempdir().expect("a directory");
        let root = dir.path().join("root");
        fs::create_dir(&root).expect("a root");
        for file in files {
            write(&root.join(file), file);
        }
        Self { watched: Watched::new(&root), dir }
    }

    /// A path beside the root.
    pub(crate) fn outside(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }
}

impl Deref for Fixture {
    type Target = Watched;

    fn deref(&self) -> &Watched {
        &self.watched
    }
}

impl DerefMut for Fixture {
    fn deref_mut(&mut self) -> &mut Watched {
        &mut self.watched
    }
}

/// Writes a file, with the directories above it.
#[track_caller]
pub(crate) fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
    fs::write(path, text).expect("a file");
}

#[track_caller]
pub(crate) fn rename(from: impl AsRef<Path>, to: impl AsRef<Path>) {
    fs::rename(from, to).expect("a rename");
}

#[track_caller]
pub(crate) fn link(target: &str, at: impl AsRef<Path>) {
    symlink(target, at).expect("a link");
}

/// Runs shell text in a directory.
#[track_caller]
pub(crate) fn sh(dir: &Path, text: &str) {
    let output = Command::new("sh").args(["-ec", text]).current_dir(dir).output();
    let output = output.expect("sh starts");
    assert!(output.status.success(), "{text}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Waits until a file has been left alone so long that its times show its next write.
pub(crate) fn calm(path: &Path) {
    loop {
        let at = fs::symlink_metadata(path).expect("a file");
        let changed = SystemTime::UNIX_EPOCH
            + Duration::new(
                u64::try_from(std::os::unix::fs::MetadataExt::ctime(&at)).expect("after 1970"),
                u32::try_from(std::os::unix::fs::MetadataExt::ctime_nsec(&at)).expect("a part"),
            );
        match changed.elapsed() {
            Ok(age) if age >= CALM => return,
            _ => std::thread::sleep(Duration::from_millis(10)),
        }
    }
}

/// Gives a file back the modification time it had.
#[track_caller]
pub(crate) fn set_modified(path: &Path, time: SystemTime) {
    let file = File::options().write(true).open(path).expect("a file");
    file.set_modified(time).expect("a time");
}
