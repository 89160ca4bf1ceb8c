//! Where client and daemon meet: the directories, socket and locks of one user, and the checks
//! that make them trustworthy. Knows nothing of what is said there.
//!
//! `BD_HOME=DIR` puts everything under DIR; otherwise the XDG directories are used (on macOS
//! their counterparts under `~/Library`).

use nix::unistd::geteuid;
use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

/// Longest socket path, in bytes: what the smallest `sun_path` among the supported systems holds.
pub const SOCKET_PATH_MAX_BYTES: usize = 103;

const OTHERS_MAY_WRITE: u32 = 0o022;
const OTHERS_MAY_ANYTHING: u32 = 0o077;

/// The files and directories of one user's daemon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Home {
    /// The directory given by `BD_HOME`, where it was given.
    base: Option<PathBuf>,
    /// Socket and locks; mode 0700.
    runtime: PathBuf,
    /// The store and the output of builds.
    state: PathBuf,
    /// The daemon's own log.
    logs: PathBuf,
    /// `config.toml`, which need not exist.
    config: PathBuf,
}

/// Why there is no directory that can be trusted.
#[derive(Debug)]
pub enum HomeError {
    /// Neither `BD_HOME` nor a home directory is known.
    Unknown,
    /// `BD_HOME` is not an absolute path.
    Relative(PathBuf),
    /// The path of the socket is longer than the system allows.
    SocketPathTooLong(PathBuf),
    /// The path is a symbolic link, or not a directory.
    NotADirectory(PathBuf),
    /// The directory belongs to another user.
    ForeignOwner {
        /// The directory.
        path: PathBuf,
        /// User id of its owner.
        owner: u32,
    },
    /// Group or others may write to the directory, or may enter where nobody else should.
    TooOpen {
        /// The directory.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// A system call failed.
    Io {
        /// What failed: "create", "access".
        operation: &'static str,
        /// The path.
        path: PathBuf,
        /// The error of the system.
        source: io::Error,
    },
}

impl std::fmt::Display for HomeError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unknown => f.write_str("no home directory is known"),
            Self::Relative(path) => {
                write!(f, "BD_HOME is not an absolute path: {}", path.display())
            }
            Self::SocketPathTooLong(path) => write!(
                f,
                "the socket path {} is longer than {SOCKET_PATH_MAX_BYTES} bytes",
                path.display()
            ),
            Self::NotADirectory(path) => {
                write!(f, "{} is not a directory but a link or a file", path.display())
            }
            Self::ForeignOwner { path, owner } => {
                write!(f, "{} belongs to another user (uid {owner})", path.display())
            }
            Self::TooOpen { path, mode } => {
                write!(f, "{} is open to other users (mode {mode:04o})", path.display())
            }
            Self::Io { operation, path, source } => {
                write!(f, "cannot {operation} {}: {source}", path.display())
            }
        }
    }
}

impl std::error::Error for HomeError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io { source, .. } => Some(source),
            _ => None,
        }
    }
}

impl HomeError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::Unknown => "set HOME, or BD_HOME to a directory of your own".into(),
            Self::Relative(_) => "give BD_HOME as an absolute path".into(),
            Self::SocketPathTooLong(_) => "set BD_HOME to a shorter path".into(),
            Self::NotADirectory(path) => {
                format!("remove {} or set BD_HOME to a directory of your own", path.display())
            }
            Self::ForeignOwner { .. } => "set BD_HOME to a directory of your own".into(),
            Self::TooOpen { path, .. } => format!(
                "if you trust its contents, run chmod 700 {}; otherwise set BD_HOME to another directory",
                path.display()
            ),
            Self::Io { .. } => "check the path and its permissions, or set BD_HOME".into(),
        }
    }
}

impl Home {
    /// The home that the environment names. Changes nothing; reads only `XDG_RUNTIME_DIR`.
    ///
    /// # Errors
    ///
    /// [`HomeError::Unknown`], [`HomeError::Relative`] or [`HomeError::SocketPathTooLong`].
    pub fn from_env() -> Result<Self, HomeError> {
        let home = match std::env::var_os("BD_HOME").filter(|home| !home.is_empty()) {
            Some(base) => Self::under(PathBuf::from(base))?,
            None => Self::of_user()?,
        };
        if home.socket().as_os_str().len() > SOCKET_PATH_MAX_BYTES {
            return Err(HomeError::SocketPathTooLong(home.socket()));
        }
        Ok(home)
    }

    /// Everything under one directory, as `BD_HOME` has it.
    ///
    /// # Errors
    ///
    /// [`HomeError::Relative`].
    pub fn under(base: PathBuf) -> Result<Self, HomeError> {
        if !base.is_absolute() {
            return Err(HomeError::Relative(base));
        }
        Ok(Self {
            runtime: base.join("run"),
            state: base.join("state"),
            logs: base.join("logs"),
            config: base.join("config.toml"),
            base: Some(base),
        })
    }

    fn of_user() -> Result<Self, HomeError> {
        let dirs = directories::ProjectDirs::from("", "", "bd").ok_or(HomeError::Unknown)?;
        let state = dirs.state_dir().unwrap_or_else(|| dirs.data_local_dir()).to_path_buf();
        // A runtime directory that others may enter is not used.
        let runtime = dirs
            .runtime_dir()
            .filter(|bd| {
                bd.parent().is_some_and(|parent| verify(parent, OTHERS_MAY_ANYTHING).is_ok())
            })
            .map_or_else(|| dirs.cache_dir().join("run"), Path::to_path_buf);
        Ok(Self {
            base: None,
            runtime,
            logs: state.join("logs"),
            state,
            config: dirs.config_dir().join("config.toml"),
        })
    }

    /// The socket of the daemon.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.runtime.join("bdd.sock")
    }

    /// The lock that the daemon holds while it runs. Held means running; nothing else does.
    #[must_use]
    pub fn daemon_lock(&self) -> PathBuf {
        self.runtime.join("bdd.lock")
    }

    /// The lock of the process that starts the daemon.
    #[must_use]
    pub fn start_lock(&self) -> PathBuf {
        self.runtime.join("start.lock")
    }

    /// Directory of socket and locks.
    #[must_use]
    pub fn runtime_dir(&self) -> &Path {
        &self.runtime
    }

    /// Directory of the store and of the output of builds.
    #[must_use]
    pub fn state_dir(&self) -> &Path {
        &self.state
    }

    /// Directory of the daemon's own log.
    #[must_use]
    pub fn log_dir(&self) -> &Path {
        &self.logs
    }

    /// Where the daemon's standard error goes until its log is open, and its panics.
    #[must_use]
    pub fn stderr_file(&self) -> PathBuf {
        self.logs.join("bdd.stderr")
    }

    /// The configuration file, which need not exist.
    #[must_use]
    pub fn config_file(&self) -> &Path {
        &self.config
    }

    /// Checks the directories that hold the socket, without creating anything. A directory that
    /// does not exist is no error: no daemon is running.
    ///
    /// # Errors
    ///
    /// [`HomeError`] if a link, a directory of another user or one that is open to others is in the
    /// path of the socket.
    pub fn verify(&self) -> Result<(), HomeError> {
        let checks =
            [(self.base.as_deref(), OTHERS_MAY_WRITE), (Some(&*self.runtime), OTHERS_MAY_ANYTHING)];
        for (path, forbidden) in checks {
            let Some(path) = path else { continue };
            match verify(path, forbidden) {
                Err(HomeError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                    return Ok(());
                }
                other => other?,
            }
        }
        Ok(())
    }

    /// Creates the directories that do not exist, readable by their owner only, and checks them.
    ///
    /// # Errors
    ///
    /// As [`Self::verify`], and [`HomeError::Io`] when a directory can not be created.
    pub fn prepare(&self) -> Result<(), HomeError> {
        if let Some(base) = &self.base {
            create(base)?;
            verify(base, OTHERS_MAY_WRITE)?;
        }
        create(&self.runtime)?;
        verify(&self.runtime, OTHERS_MAY_ANYTHING)?;
        for path in [&self.state, &self.logs] {
            create(path)?;
            verify(path, OTHERS_MAY_WRITE)?;
        }
        Ok(())
    }
}

/// `lstat`, so that a link is seen as what it is.
fn verify(path: &Path, forbidden: u32) -> Result<(), HomeError> {
    let found = fs::symlink_metadata(path).map_err(|source| HomeError::Io {
        operation: "access",
        path: path.to_path_buf(),
        source,
    })?;
    let (path, mode) = (path.to_path_buf(), found.mode() & 0o7777);
    if !found.is_dir() {
        return Err(HomeError::NotADirectory(path));
    }
    if found.uid() != geteuid().as_raw() {
        return Err(HomeError::ForeignOwner { path, owner: found.uid() });
    }
    if mode & forbidden != 0 {
        return Err(HomeError::TooOpen { path, mode });
    }
    Ok(())
}

fn create(path: &Path) -> Result<(), HomeError> {
    // An existing one is left as it is, link or not: `verify` decides.
    if fs::symlink_metadata(path).is_ok() {
        return Ok(());
    }
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(|source| HomeError::Io {
        operation: "create",
        path: path.to_path_buf(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    fn home() -> (tempfile::TempDir, Home) {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let home = Home::under(dir.path().join("home")).expect("an absolute path");
        (dir, home)
    }

    #[test]
    fn a_new_home_is_private() {
        let (_dir, home) = home();
        home.verify().expect("nothing there is no error");
        home.prepare().expect("created");
        home.verify().expect("verified");
        let mode = fs::metadata(home.runtime_dir()).expect("runtime directory").mode();
        assert_eq!(mode & 0o777, 0o700);
    }

    #[test]
    fn open_linked_and_false_directories_are_refused() {
        for (name, mode) in [("home", 0o777), ("home", 0o770), ("home/run", 0o755)] {
            let (dir, home) = home();
            home.prepare().expect("created");
            fs::set_permissions(dir.path().join(name), fs::Permissions::from_mode(mode))
                .expect("chmod");
            assert!(matches!(home.verify(), Err(HomeError::TooOpen { .. })), "{name} {mode:o}");
            assert!(matches!(home.prepare(), Err(HomeError::TooOpen { .. })), "{name} {mode:o}");
        }
        for name in ["home", "home/run"] {
            let (dir, home) = home();
            home.prepare().expect("created");
            fs::rename(dir.path().join(name), dir.path().join("moved")).expect("rename");
            symlink(dir.path().join("moved"), dir.path().join(name)).expect("symlink");
            assert!(matches!(home.verify(), Err(HomeError::NotADirectory(_))), "{name}");
            assert!(matches!(home.prepare(), Err(HomeError::NotADirectory(_))), "{name}");
        }
    }
}
