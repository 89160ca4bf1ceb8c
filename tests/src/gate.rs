//! A gate that a command waits at until the test opens it: a named pipe.

use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

/// See the [module](self). `pass` is shell text that waits; `seen` is a file that shell text can
/// write so that the test knows where the command is.
#[derive(Debug)]
pub struct Gate {
    path: PathBuf,
}

impl Gate {
    /// A closed gate in `dir`.
    ///
    /// # Panics
    ///
    /// When the pipe cannot be made.
    #[must_use]
    pub fn new(dir: &Path, name: &str) -> Self {
        let path = dir.join(name);
        mkfifo(&path, Mode::S_IRWXU).expect("a pipe");
        Self { path }
    }

    /// Shell text that waits until the gate is opened.
    #[must_use]
    pub fn pass(&self) -> String {
        format!("cat '{}' >/dev/null", self.path.display())
    }

    /// Lets through whoever waits, and waits for somebody if nobody does yet.
    ///
    /// # Panics
    ///
    /// When the pipe cannot be opened.
    pub fn open(&self) {
        drop(File::options().write(true).open(&self.path).expect("the gate opens"));
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        // It goes with its directory otherwise.
        let _ = fs::remove_file(&self.path);
    }
}
