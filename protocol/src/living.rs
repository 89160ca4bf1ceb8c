//! Whether a daemon lives, by the locks that it holds, and what it has written into them: its process
//! id, and into that of its store the socket as well. Knows nothing of connections.

use std::fs::{self, File, TryLockError};
use std::io::{self, Seek as _, Write as _};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

/// The holder of a lock, as far as it has said who it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Holder {
    /// Its process id.
    pub pid: Option<u32>,
    /// Where it listens.
    pub socket: Option<PathBuf>,
}

impl std::fmt::Display for Holder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.pid {
            Some(pid) => write!(f, "the daemon with process id {pid}")?,
            None => f.write_str("another daemon")?,
        }
        match &self.socket {
            Some(socket) => write!(f, ", which listens on {}", socket.display()),
            None => Ok(()),
        }
    }
}

impl Holder {
    /// Writes who holds a lock, instead of what was there.
    ///
    /// # Errors
    ///
    /// That of the system.
    pub fn write(&self, mut lock: &File) -> io::Result<()> {
        let mut text = Vec::new();
        if let Some(pid) = self.pid {
            text.extend_from_slice(format!("{pid}\n").as_bytes());
        }
        if let Some(socket) = &self.socket {
            text.extend_from_slice(socket.as_os_str().as_bytes());
            text.push(b'\n');
        }
        lock.set_len(0)?;
        lock.rewind()?;
        lock.write_all(&text)
    }

    /// What is written in a lock.
    #[must_use]
    pub fn read(lock: &Path) -> Self {
        let text = fs::read(lock).unwrap_or_default();
        let mut lines = text.split(|byte| *byte == b'\n');
        let pid = lines.next().and_then(|line| std::str::from_utf8(line).ok()?.trim().parse().ok());
        let socket = lines.next().filter(|line| line.starts_with(b"/"));
        let socket = socket.map(|line| std::ffi::OsString::from_vec(line.to_vec()).into());
        Self { pid, socket }
    }

    /// Who holds a lock; `None` when nobody does, or there is none.
    ///
    /// # Errors
    ///
    /// That of the system, if the lock cannot be tried.
    pub fn of(lock: &Path) -> io::Result<Option<Self>> {
        let file = match File::open(lock) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        match file.try_lock_shared() {
            Ok(()) => Ok(None),
            Err(TryLockError::WouldBlock) => Ok(Some(Self::read(lock))),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_holds_a_lock_is_known_from_what_is_written_in_it() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("lock");
        assert_eq!(Holder::of(&path).expect("nothing there"), None);
        let file = File::create(&path).expect("a file");
        let holder = Holder { pid: Some(7), socket: Some("/run/x y".into()) };
        holder.write(&file).expect("written");
        assert_eq!(Holder::of(&path).expect("free"), None);
        file.lock().expect("locked");
        assert_eq!(Holder::of(&path).expect("held"), Some(holder.clone()));
        assert!(
            holder.to_string().contains("process id 7") && holder.to_string().contains("/run/x y")
        );
        Holder { pid: Some(8), socket: None }.write(&file).expect("written");
        assert_eq!(Holder::of(&path).expect("held").expect("held").pid, Some(8));
        file.set_len(0).expect("emptied");
        assert_eq!(Holder::of(&path).expect("held"), Some(Holder::default()));
    }
}
