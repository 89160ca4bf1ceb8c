//! Makes commands wait until the test lets them go on: a gate for commands that wait now, and a
//! flag for those that come later as well.

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

    /// Lets through the commands that wait, and waits for one if there is none yet.
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

/// A file that commands poll for. Unlike a [`Gate`], it lets through every command once it is up,
/// so it is for commands whose number or arrival the test does not know.
#[derive(Debug)]
pub struct Flag {
    path: PathBuf,
}

impl Flag {
    /// A flag that is down, in `dir`.
    #[must_use]
    pub fn new(dir: &Path, name: &str) -> Self {
        Self { path: dir.join(name) }
    }

    /// Shell text that waits until the flag is up.
    #[must_use]
    pub fn pass(&self) -> String {
        format!("until [ -e '{}' ]; do sleep 0.02; done", self.path.display())
    }

    /// Shell text that raises it.
    #[must_use]
    pub fn raise_in_shell(&self) -> String {
        format!("touch '{}'", self.path.display())
    }

    /// Raises it.
    ///
    /// # Panics
    ///
    /// When the file cannot be made.
    pub fn raise(&self) {
        File::create(&self.path).expect("a flag");
    }

    /// Whether it is up.
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.path.exists()
    }
}
