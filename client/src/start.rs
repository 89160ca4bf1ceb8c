//! Starts a daemon when none is running, and exactly one for any number of clients: the client that
//! holds the start lock binds the socket and passes it to the new process; the others wait in the
//! backlog of the socket. Knows nothing of what crosses a connection.

use crate::connect::connect;
use crate::{ClientError, StartError};
use bd_protocol::living::Holder;
use bd_protocol::rendezvous::Home;
use std::fs::{self, File, OpenOptions, Permissions, TryLockError};
use std::io::{ErrorKind, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long another client may take to start a daemon, and a daemon to end.
const START_PATIENCE: Duration = Duration::from_secs(10);
/// The exit code of a daemon that says what is wrong.
const DAEMON_FAILED: i32 = 125;
/// Between two checks of a daemon that is running and does not listen (yet, or any more).
const CHECK_EVERY: Duration = Duration::from_millis(5);
/// Lines of the output of a failed daemon that are shown.
const TAIL_LINES: usize = 10;
/// Most bytes of it that are read.
const TAIL_MAX_BYTES: u64 = 64 * 1024;

/// A daemon that this process started.
#[derive(Debug)]
pub(crate) struct Started {
    program: PathBuf,
    child: Child,
    stderr: PathBuf,
    /// Length of `stderr` before the start.
    offset: u64,
}

/// Connects to a daemon; starts one if there is none.
pub(crate) fn start(home: &Home) -> Result<(UnixStream, Option<Started>), ClientError> {
    home.prepare()?;
    let deadline = Instant::now() + START_PATIENCE;
    // Released at the end of this function, when the connection exists.
    let _start_lock = hold(&home.start_lock(), deadline)?;
    let daemon_lock = open_lock(&home.daemon_lock())?;
    let socket = home.socket();
    loop {
        if let Some(stream) = connect(&socket, deadline)? {
            return Ok((stream, None));
        }
        // Held means running: it was started by hand and does not listen yet, or it drains, or binds
        // its socket again.
        let store_lock = home.store_lock();
        let of_store = Holder::of(&store_lock).map_err(StartError::io("check", &store_lock))?;
        if of_store.is_none() && try_lock(&daemon_lock, &home.daemon_lock())? {
            break;
        }
        let elsewhere = of_store.and_then(|holder| holder.socket).filter(|at| *at != socket);
        if let Some(elsewhere) = elsewhere
            && let Some(stream) = connect(&elsewhere, deadline)?
        {
            return Ok((stream, None));
        }
        if Instant::now() >= deadline {
            return Err(StartError::Deaf { path: home.daemon_lock() }.into());
        }
        std::thread::sleep(CHECK_EVERY);
    }
    drop(daemon_lock);

    let program = find_program()?;
    let listener = bind(&socket)?;
    // This copy is kept until the connection is in the backlog: then it cannot be refused.
    let kept = listener.try_clone().map_err(StartError::io("bind", &socket))?;
    let started = spawn(program, listener, home)?;
    let stream = connect(&socket, deadline)?;
    drop(kept);
    match stream {
        Some(stream) => Ok((stream, Some(started))),
        None => Err(started.died().into()),
    }
}

/// What is wrong with the configuration, as the program that would be started says; `None` where it
/// can be used, or the program is too old to say.
///
/// # Errors
///
/// [`StartError::NoProgram`], or [`StartError::Io`] when it does not run.
pub fn check_configuration() -> Result<Option<String>, StartError> {
    let program = find_program()?;
    let output = Command::new(&program)
        .arg("--check-configuration")
        .stdin(Stdio::null())
        .output()
        .map_err(StartError::io("run", &program))?;
    let said = String::from_utf8_lossy(&output.stderr);
    let said = said.lines().next().unwrap_or_default().trim_start_matches("bdd: ");
    Ok((output.status.code() == Some(DAEMON_FAILED)).then(|| said.to_owned()))
}

impl Started {
    /// Why it has ended.
    pub(crate) fn died(mut self) -> StartError {
        // The socket shows its end a moment before `wait` does.
        let until = Instant::now() + Duration::from_millis(500);
        let status = loop {
            match self.child.try_wait() {
                Ok(None) if Instant::now() < until => std::thread::sleep(CHECK_EVERY),
                waited => break waited.ok().flatten(),
            }
        };
        let log_tail = tail(&self.stderr, self.offset);
        if log_tail.is_empty()
            && let Err(source) = OpenOptions::new()
                .append(true)
                .open(&self.stderr)
                .and_then(|mut file| file.write_all(b"\n"))
        {
            // What keeps this process from writing there kept the daemon from saying why.
            return StartError::Io { operation: "write to", path: self.stderr, source };
        }
        StartError::Died { program: self.program, status, log_tail }
    }
}

/// Opens a lock file, creating it for its owner only.
fn open_lock(path: &Path) -> Result<File, StartError> {
    OpenOptions::new()
        .create(true)
        .truncate(false)
        .read(true)
        .write(true)
        .mode(0o600)
        .open(path)
        .map_err(StartError::io("open", path))
}

fn try_lock(file: &File, path: &Path) -> Result<bool, StartError> {
    match file.try_lock() {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(source)) => Err(StartError::io("lock", path)(source)),
    }
}

fn hold(path: &Path, deadline: Instant) -> Result<File, StartError> {
    let file = open_lock(path)?;
    let mut pause = Duration::from_millis(1);
    while !try_lock(&file, path)? {
        if Instant::now() >= deadline {
            return Err(StartError::LockHeld { path: path.to_path_buf() });
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(20));
    }
    Ok(file)
}

/// `$BD_DAEMON`, else beside this program, else from `PATH`.
fn find_program() -> Result<PathBuf, StartError> {
    const NAME: &str = "bdd";
    if let Some(given) = std::env::var_os("BD_DAEMON").filter(|given| !given.is_empty()) {
        let given = PathBuf::from(given);
        return if given.is_file() {
            Ok(given)
        } else {
            Err(StartError::NoProgram { tried: vec![format!("BD_DAEMON={}", given.display())] })
        };
    }
    let mut tried = Vec::new();
    let own = std::env::current_exe().and_then(fs::canonicalize);
    if let Ok(own) = own {
        let beside = own.with_file_name(NAME);
        if beside.is_file() {
            return Ok(beside);
        }
        tried.push(beside.display().to_string());
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path)
        .filter(|dir| dir.is_absolute())
        .map(|dir| dir.join(NAME))
        .find(|candidate| candidate.is_file());
    tried.push("PATH".to_owned());
    found.ok_or(StartError::NoProgram { tried })
}

/// Binds a new socket in place of a stale one. Only called with the start lock held, after the daemon
/// lock was found free.
fn bind(socket: &Path) -> Result<UnixListener, StartError> {
    match fs::remove_file(socket) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            return Err(StartError::io("remove", socket)(error));
        }
        _ => {}
    }
    let listener = UnixListener::bind(socket).map_err(StartError::io("bind", socket))?;
    // Whatever the umask of this process: the directory keeps others out, and so does the socket.
    fs::set_permissions(socket, Permissions::from_mode(0o600))
        .map_err(StartError::io("protect", socket))?;
    Ok(listener)
}

fn spawn(program: PathBuf, listener: UnixListener, home: &Home) -> Result<Started, StartError> {
    let path = home.stderr_file();
    let stderr = OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(&path)
        .map_err(StartError::io("open", &path))?;
    let offset = stderr.metadata().map_or(0, |meta| meta.len());
    let mut command = Command::new(&program);
    command
        .arg("--socket-from-stdin")
        .stdin(Stdio::from(OwnedFd::from(listener)))
        .stdout(Stdio::null())
        // With a pipe, whoever reads the output of bdctl would wait for the end of the daemon.
        .stderr(stderr)
        .current_dir("/")
        // These belong to one client; the daemon serves all.
        .env_remove("BD_SESSION")
        .env_remove("BD_BUILD");
    apart(&mut command);
    let child = command.spawn().map_err(StartError::io("run", &program))?;
    Ok(Started { program, child, stderr: path, offset })
}

/// Gives the new process a session of its own, before it can be reached by Ctrl-C or the end of this
/// terminal.
#[expect(unsafe_code, reason = "a session can only be set after the fork")]
fn apart(command: &mut Command) {
    // SAFETY: a plain system call, and no memory is touched.
    unsafe {
        command.pre_exec(|| nix::unistd::setsid().map(drop).map_err(std::io::Error::from));
    }
}

fn tail(path: &Path, offset: u64) -> Vec<String> {
    let read = || -> std::io::Result<Vec<u8>> {
        let mut file = File::open(path)?;
        let from = file.metadata()?.len().saturating_sub(TAIL_MAX_BYTES).max(offset);
        file.seek(SeekFrom::Start(from))?;
        let mut bytes = Vec::new();
        file.take(TAIL_MAX_BYTES).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let bytes = read().unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<_> = text.lines().map(str::to_owned).collect();
    lines[lines.len().saturating_sub(TAIL_LINES)..].to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_end_of_what_a_failed_daemon_wrote_is_shown() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("bdd.stderr");
        fs::write(&path, "from an earlier life\n").unwrap();
        let offset = fs::metadata(&path).unwrap().len();
        assert!(tail(&path, offset).is_empty());
        let new: String = (0..20).map(|n| format!("line {n}\n")).collect();
        fs::write(&path, format!("from an earlier life\n{new}")).unwrap();
        let shown = tail(&path, offset);
        assert_eq!((shown.len(), &*shown[0], &*shown[9]), (10, "line 10", "line 19"));
    }

    #[test]
    fn whoever_lives_without_listening_is_waited_for_and_a_listener_is_found() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::under(dir.path().join("h")).unwrap();
        home.prepare().unwrap();
        let lock = open_lock(&home.daemon_lock()).unwrap();
        assert!(try_lock(&lock, &home.daemon_lock()).unwrap());
        let socket = home.socket();
        let late = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(50));
            UnixListener::bind(socket).unwrap()
        });
        let (_stream, started) = start(&home).expect("connected to the late listener");
        assert!(started.is_none());
        drop(late.join().unwrap());
    }

    #[test]
    fn a_start_lock_that_is_never_released_is_an_error_not_a_hang() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("start.lock");
        let _held = hold(&path, Instant::now()).unwrap();
        let error = hold(&path, Instant::now() + Duration::from_millis(30)).unwrap_err();
        assert!(matches!(error, StartError::LockHeld { .. }));
    }
}
