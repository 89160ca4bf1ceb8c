//! A home and a workspace for one test, and bdctl in them.

use crate::programs;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

/// How long anything may take before a test fails: long, because the machine may be busy; it is
/// never waited out when all is well.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// See the [module](self). Its daemon, if one was started, ends with it.
#[derive(Debug)]
pub struct Sandbox {
    dir: tempfile::TempDir,
}

/// A client that runs in the background.
#[derive(Debug)]
pub struct ClientProcess(pub Child);

impl Default for Sandbox {
    fn default() -> Self {
        Self::new()
    }
}

impl Sandbox {
    /// An empty home and an empty workspace with a `.git`, so that it is a workspace of its own.
    ///
    /// # Panics
    ///
    /// When the directories cannot be made.
    #[must_use]
    pub fn new() -> Self {
        let dir = tempfile::Builder::new().prefix("bd").tempdir().expect("a directory");
        fs::create_dir_all(dir.path().join("ws/.git")).expect("a workspace");
        Self { dir }
    }

    /// The same with a configuration.
    ///
    /// # Panics
    ///
    /// When it cannot be written.
    #[must_use]
    pub fn with_config(toml: &str) -> Self {
        let sandbox = Self::new();
        fs::create_dir(sandbox.home()).expect("a home");
        let open = std::os::unix::fs::PermissionsExt::from_mode(0o700);
        fs::set_permissions(sandbox.home(), open).expect("a private home");
        fs::write(sandbox.home().join("config.toml"), toml).expect("a configuration");
        sandbox
    }

    /// `BD_HOME`.
    #[must_use]
    pub fn home(&self) -> PathBuf {
        self.dir.path().join("home")
    }

    /// The workspace, where bdctl is run.
    #[must_use]
    pub fn workspace(&self) -> PathBuf {
        self.dir.path().join("ws")
    }

    /// A directory that is neither, for the test's own files.
    #[must_use]
    pub fn outside(&self) -> &Path {
        self.dir.path()
    }

    /// The daemon's socket.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.home().join("run/bdd.sock")
    }

    /// bdctl with these arguments, in the workspace, with little else in its environment.
    #[must_use]
    pub fn bdctl<I: AsRef<std::ffi::OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = I>,
    ) -> Command {
        let mut command = Command::new(programs::bdctl());
        command
            .args(arguments)
            .current_dir(self.workspace())
            .env_clear()
            .env("BD_HOME", self.home())
            .env("BD_DAEMON", programs::bdd())
            .env("BD_SESSION", "user:test")
            .env("HOME", self.dir.path())
            .stdin(Stdio::null());
        for kept in ["PATH", "CARGO_HOME", "RUSTUP_HOME", "LLVM_PROFILE_FILE"] {
            if let Some(value) = std::env::var_os(kept) {
                command.env(kept, value);
            }
        }
        if let Some(home) = std::env::var_os("HOME") {
            // Where cargo and rustup are found by default.
            command.env(
                "CARGO_HOME",
                std::env::var_os("CARGO_HOME")
                    .unwrap_or_else(|| Path::new(&home).join(".cargo").into()),
            );
            command.env(
                "RUSTUP_HOME",
                std::env::var_os("RUSTUP_HOME")
                    .unwrap_or_else(|| Path::new(&home).join(".rustup").into()),
            );
        }
        command
    }

    /// Runs bdctl to its end.
    ///
    /// # Panics
    ///
    /// When it does not start.
    #[must_use]
    pub fn run(&self, arguments: &[&str]) -> Output {
        self.spawn(self.bdctl(arguments)).output()
    }

    /// Runs bdctl, which must succeed, and gives its standard output.
    ///
    /// # Panics
    ///
    /// When it fails.
    #[must_use]
    pub fn ok(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(output.status.success(), "bdctl {arguments:?}: {output:?}");
        String::from_utf8(output.stdout).expect("UTF-8")
    }

    /// Runs bdctl with `--json`, which must succeed, and gives its document.
    ///
    /// # Panics
    ///
    /// When it fails or prints anything else.
    #[must_use]
    pub fn json(&self, arguments: &[&str]) -> Value {
        let text = self.ok(&[arguments, &["--json"]].concat());
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
    }

    /// Starts `bdctl run ARGUMENTS`, its output kept for later.
    ///
    /// # Panics
    ///
    /// When it does not start.
    #[must_use]
    pub fn start(&self, arguments: &[&str]) -> ClientProcess {
        self.spawn(self.bdctl([&["run"], arguments].concat()))
    }

    /// Starts a command, its output kept for later.
    ///
    /// # Panics
    ///
    /// When it does not start.
    #[must_use]
    pub fn spawn(&self, mut command: Command) -> ClientProcess {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        ClientProcess(command.spawn().expect("bdctl starts"))
    }

    /// `bdctl run --detach ARGUMENTS`; gives the id of the build.
    ///
    /// # Panics
    ///
    /// When it fails.
    #[must_use]
    pub fn detach(&self, arguments: &[&str]) -> String {
        self.ok(&[&["run", "--detach"], arguments].concat()).trim().to_owned()
    }

    /// Waits for the end of a build, and gives the build.
    ///
    /// # Panics
    ///
    /// When there is no such build.
    #[must_use]
    pub fn ended(&self, id: &str) -> Value {
        let output = self.run(&["wait", "--json", id]);
        let document: Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{error}: {output:?}"));
        assert_eq!(document["build"]["state"], "ended", "{document}");
        document["build"].clone()
    }

    /// The only build of this session, live or ended.
    ///
    /// # Panics
    ///
    /// When there is none, or more than one.
    #[must_use]
    pub fn build_of(&self, session: &str) -> Value {
        let mut builds = self.live();
        builds.extend(self.history());
        builds.retain(|build| build["session"] == session);
        builds.dedup_by(|a, b| a["id"] == b["id"]);
        assert_eq!(builds.len(), 1, "builds of {session}: {builds:?}");
        builds.remove(0)
    }

    /// Everything the daemons of this home have written to their log.
    ///
    /// # Panics
    ///
    /// When there is no log.
    #[must_use]
    pub fn daemon_log(&self) -> String {
        let files = fs::read_dir(self.home().join("logs")).expect("a directory of logs");
        let texts = files.map(|file| fs::read(file.expect("a log").path()).expect("a log"));
        texts.map(|text| String::from_utf8_lossy(&text).into_owned()).collect()
    }

    /// How many daemons this home has had.
    #[must_use]
    pub fn daemons_started(&self) -> usize {
        self.daemon_log().matches("bdd is up").count()
    }

    /// The builds that have not ended.
    #[must_use]
    pub fn live(&self) -> Vec<Value> {
        array(&self.json(&["status"]), "builds")
    }

    /// All builds, newest first.
    #[must_use]
    pub fn history(&self) -> Vec<Value> {
        array(&self.json(&["history", "--all", "--limit", "10000"]), "builds")
    }

    /// Waits until `count` builds are in this state.
    pub fn await_builds(&self, state: &str, count: usize) {
        eventually(&format!("{count} builds are {state}"), || {
            self.live().iter().filter(|build| build["state"] == state).count() == count
        });
    }

    /// The process id of the daemon.
    ///
    /// # Panics
    ///
    /// When none runs.
    #[must_use]
    pub fn daemon_pid(&self) -> Pid {
        let text = fs::read_to_string(self.home().join("run/bdd.lock")).expect("a daemon's lock");
        Pid::from_raw(text.trim().parse().unwrap_or_else(|_| panic!("no pid: {text:?}")))
    }

    /// Kills the daemon with SIGKILL.
    ///
    /// # Panics
    ///
    /// When none runs.
    pub fn kill_daemon(&self) {
        let pid = self.daemon_pid();
        kill(pid, Signal::SIGKILL).expect("a daemon to kill");
        eventually("the daemon is gone", || !alive(pid));
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        if self.home().join("run").exists() {
            let ended = self.bdctl(["daemon", "stop"]).output();
            if !std::thread::panicking() {
                let ended = ended.expect("bdctl starts");
                assert!(ended.status.success(), "the daemon does not stop: {ended:?}");
            }
        }
    }
}

impl ClientProcess {
    /// Waits for its end.
    ///
    /// # Panics
    ///
    /// When it has not ended for as long as [`PATIENCE`]; it is killed then.
    #[must_use]
    pub fn output(self) -> Output {
        let pid = self.pid();
        let (ended, waiting) = mpsc::channel::<()>();
        let watchdog = std::thread::spawn(move || {
            let in_vain = waiting.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout);
            in_vain && kill(pid, Signal::SIGKILL).is_ok()
        });
        let output = self.0.wait_with_output().expect("output");
        drop(ended);
        let killed = watchdog.join().expect("a watchdog");
        assert!(!killed, "it did not end: {output:?}");
        output
    }

    /// Reads the next line of its standard output, without the line's end.
    ///
    /// # Panics
    ///
    /// When there is none.
    pub fn line(&mut self) -> String {
        let stdout = self.0.stdout.as_mut().expect("output that is kept");
        let mut line = Vec::new();
        loop {
            let mut byte = [0];
            stdout.read_exact(&mut byte).expect("a line");
            match byte {
                [b'\n'] => return String::from_utf8(line).expect("UTF-8"),
                [byte] => line.push(byte),
            }
        }
    }

    /// Its process id.
    ///
    /// # Panics
    ///
    /// Never on the systems that bd runs on.
    #[must_use]
    pub fn pid(&self) -> Pid {
        Pid::from_raw(self.0.id().try_into().expect("a pid"))
    }

    /// Sends it a signal.
    ///
    /// # Panics
    ///
    /// When it has ended.
    pub fn signal(&self, signal: Signal) {
        kill(self.pid(), signal).expect("a client to signal");
    }
}

/// Whether a process exists and is no zombie.
#[must_use]
pub fn alive(pid: Pid) -> bool {
    match state(pid) {
        Some(state) => !state.starts_with('Z'),
        None if Path::new("/proc/self").exists() => false,
        None => kill(pid, None).is_ok(),
    }
}

/// The system's status of a process, from the letter of its state on; see `proc_pid_stat(5)`.
/// `None` when there is none, or no `/proc`.
#[must_use]
pub fn state(pid: Pid) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // It follows the name, which is in parentheses and may hold anything.
    Some(stat.rsplit_once(") ")?.1.to_owned())
}

/// Waits until a condition holds.
///
/// # Panics
///
/// When it does not within [`PATIENCE`].
pub fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < PATIENCE, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn array(document: &Value, field: &str) -> Vec<Value> {
    document[field].as_array().unwrap_or_else(|| panic!("{field} in {document}")).clone()
}
