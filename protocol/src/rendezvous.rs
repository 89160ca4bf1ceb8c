//! Where client and daemon meet: the directories, socket and locks of one user, and the checks
//! that make them trustworthy. Knows nothing of what is said there.
//!
//! `BD_HOME=DIR` puts everything under DIR; otherwise the XDG directories are used (on macOS
//! their counterparts under `~/Library`). Where a user's client and daemon meet then does not depend
//! on `XDG_RUNTIME_DIR`: a terminal has it, and cron, `su` and what a service started have not.

use crate::living::Holder;
use crate::meeting_place::{LOCK, SOCKET, meeting_place};
use nix::fcntl::OFlag;
use nix::unistd::geteuid;
use std::fs::{self, DirBuilder, File, Permissions};
use std::io;
use std::os::unix::fs::{
    DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _,
};
use std::path::{Path, PathBuf};

/// Longest socket path, in bytes: what the smallest `sun_path` among the supported systems holds.
pub const SOCKET_PATH_MAX_BYTES: usize = 103;

/// Directories in that of the state.
const PARTS_OF_STATE: [&str; 3] = ["store", "journal", "output"];

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
    /// Group or others may write to the directory: nobody knows whose files are in it.
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
    /// The home that the environment names, or where a daemon lives that met its clients elsewhere.
    /// Changes nothing.
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
        let private = state.join("run");
        let usual = runtime_of_user().unwrap_or_else(|| private.clone());
        let former = dirs.runtime_dir().map(Path::to_path_buf).into_iter();
        let places = former.chain([private, dirs.cache_dir().join("run")]);
        let runtime = meeting_place(usual, places);
        Ok(Self {
            base: None,
            runtime,
            logs: state.join("logs"),
            state,
            config: dirs.config_dir().join("config.toml"),
        })
    }

    /// The lock that the daemon holds while it uses the store, and in which it says where it listens:
    /// a store has one daemon, wherever that meets its clients.
    #[must_use]
    pub fn store_lock(&self) -> PathBuf {
        self.state.join("daemon.lock")
    }

    /// Who holds the lock of this place or that of the store; `None` when no daemon lives.
    ///
    /// # Errors
    ///
    /// That of the system, if a lock cannot be tried.
    pub fn living_daemon(&self) -> io::Result<Option<Holder>> {
        match Holder::of(&self.store_lock())? {
            // The lock is held a moment before it is written.
            Some(holder) if holder.pid.is_some() => Ok(Some(holder)),
            Some(_) => Ok(Some(Holder::read(&self.daemon_lock()))),
            None => Holder::of(&self.daemon_lock()),
        }
    }

    /// The socket of the daemon.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.runtime.join(SOCKET)
    }

    /// The lock that the daemon holds while it runs. Held means running; nothing else does.
    #[must_use]
    pub fn daemon_lock(&self) -> PathBuf {
        self.runtime.join(LOCK)
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
    /// [`HomeError`] if a link, a directory of another user or one that others may write to is in the
    /// path of the socket.
    pub fn verify(&self) -> Result<(), HomeError> {
        for path in self.base.iter().chain([&self.runtime]) {
            match verify(path) {
                Err(HomeError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                    return Ok(());
                }
                other => other?,
            }
        }
        Ok(())
    }

    /// Makes the directories private: creates those that do not exist, and closes those that others may
    /// look into, with what is in them.
    ///
    /// # Errors
    ///
    /// As [`Self::verify`], for the directories in them as well, and [`HomeError::Io`] when a directory
    /// can not be created or closed. Nothing is changed then that was there.
    pub fn prepare(&self) -> Result<(), HomeError> {
        let dirs = [self.base.as_ref(), Some(&self.runtime), Some(&self.state), Some(&self.logs)];
        let dirs: Vec<_> = dirs.into_iter().flatten().collect();
        let parts = PARTS_OF_STATE.map(|name| self.state.join(name));
        // A file in the place of one is damage, which whoever owns it mends.
        let is_file =
            |path: &PathBuf| fs::symlink_metadata(path).is_ok_and(|found| found.is_file());
        let parts: Vec<_> = parts.into_iter().filter(|part| !is_file(part)).collect();
        for path in dirs.iter().copied().chain(&parts) {
            match verify(path) {
                Err(HomeError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {}
                other => other?,
            }
        }
        for path in &dirs {
            create(path)?;
            verify(path)?;
        }
        if let Some(base) = &self.base {
            // What else is in it need not be ours.
            close(base)?;
        }
        for path in [&self.runtime, &self.state, &self.logs].into_iter().chain(&parts) {
            if close(path)? {
                close_below(path);
            }
        }
        Ok(())
    }
}

/// The directory that the system gives this user, if it does.
fn runtime_of_user() -> Option<PathBuf> {
    let dir = PathBuf::from(format!("/run/user/{}", geteuid().as_raw()));
    // One that others may enter is not used.
    let is_closed =
        || fs::metadata(&dir).is_ok_and(|found| found.mode() & OTHERS_MAY_ANYTHING == 0);
    (cfg!(target_os = "linux") && verify(&dir).is_ok() && is_closed()).then(|| dir.join("bd"))
}

/// `lstat`, so that a link is seen as what it is.
fn verify(path: &Path) -> Result<(), HomeError> {
    let found = fs::symlink_metadata(path).map_err(failed("access", path))?;
    let (path, mode) = (path.to_path_buf(), found.mode() & 0o7777);
    if !found.is_dir() {
        return Err(HomeError::NotADirectory(path));
    }
    if found.uid() != geteuid().as_raw() {
        return Err(HomeError::ForeignOwner { path, owner: found.uid() });
    }
    if mode & OTHERS_MAY_WRITE != 0 {
        return Err(HomeError::TooOpen { path, mode });
    }
    Ok(())
}

fn failed(operation: &'static str, path: &Path) -> impl FnOnce(io::Error) -> HomeError {
    let path = path.to_path_buf();
    move |source| HomeError::Io { operation, path, source }
}

/// Lets nobody else look into a directory, if it is there; returns whether anybody could.
fn close(path: &Path) -> Result<bool, HomeError> {
    let flags = OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let dir = match File::options().read(true).custom_flags(flags.bits()).open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        dir => dir.map_err(failed("open", path))?,
    };
    let found = dir.metadata().map_err(failed("access", path))?;
    if found.mode() & OTHERS_MAY_ANYTHING == 0 {
        return Ok(false);
    }
    let private = Permissions::from_mode(0o700);
    dir.set_permissions(private).map_err(failed("change the mode of", path))?;
    Ok(true)
}

/// The same for everything in a directory that others could look into. What cannot be changed is out of
/// their reach all the same.
fn close_below(dir: &Path) {
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let Ok(found) = entry.metadata() else { continue };
        if found.is_symlink() {
            continue;
        }
        if found.is_dir() {
            close_below(&entry.path());
        }
        if found.mode() & OTHERS_MAY_ANYTHING != 0 {
            let private = Permissions::from_mode(found.mode() & 0o700);
            let _ = fs::set_permissions(entry.path(), private);
        }
    }
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
    use std::os::unix::fs::symlink;

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
    fn what_others_may_look_into_is_closed_with_what_is_in_it() {
        let (dir, home) = home();
        let mode = |path: &Path| fs::symlink_metadata(path).expect("there").mode() & 0o7777;
        let set = |path: &Path, mode| {
            fs::set_permissions(path, Permissions::from_mode(mode)).expect("a mode");
        };
        fs::create_dir_all(home.state_dir().join("store")).expect("directories");
        for path in ["", "run", "logs", "state", "state/store"] {
            let path = dir.path().join("home").join(path);
            fs::create_dir_all(&path).expect("a directory");
            set(&path, 0o755);
        }
        let (ours, theirs) = (home.state_dir().join("store/db"), dir.path().join("home/notes"));
        for file in [&ours, &theirs] {
            fs::write(file, "x").expect("a file");
            set(file, 0o644);
        }
        symlink(&theirs, home.log_dir().join("link")).expect("a link");
        home.verify().expect("nobody else may write");
        home.prepare().expect("closed");
        for path in ["", "run", "logs", "state", "state/store"] {
            assert_eq!(mode(&dir.path().join("home").join(path)), 0o700, "{path}");
        }
        assert_eq!((mode(&ours), mode(&theirs)), (0o600, 0o644));
    }

    #[test]
    fn open_linked_and_false_directories_are_refused() {
        for (name, mode) in [("home", 0o777), ("home", 0o770), ("home/run", 0o775)] {
            let (dir, home) = home();
            home.prepare().expect("created");
            fs::set_permissions(dir.path().join(name), fs::Permissions::from_mode(mode))
                .expect("chmod");
            assert!(matches!(home.verify(), Err(HomeError::TooOpen { .. })), "{name} {mode:o}");
            assert!(matches!(home.prepare(), Err(HomeError::TooOpen { .. })), "{name} {mode:o}");
        }
        for name in PARTS_OF_STATE {
            let (dir, home) = home();
            home.prepare().expect("created");
            symlink(dir.path(), home.state_dir().join(name)).expect("a link");
            assert!(matches!(home.prepare(), Err(HomeError::NotADirectory(_))), "{name}");
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
