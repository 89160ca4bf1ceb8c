//! A daemon from its first to its last moment.

use super::config::{Config, ConfigError};
use super::lock::{DaemonLock, LockError};
use super::log;
use crate::engine::{Core, Input, Limits};
use crate::output::{LogLimits, OutputStore, Retention};
use crate::process;
use crate::runtime::{
    AttemptSettings, Engine, EventSender, Report, Runtime, RuntimeParts, StoredSnapshots, Warnings,
    channels, machine,
};
use crate::scheduler::PriorityScheduler;
use crate::server::{Server, ServerParts, listen};
use crate::store::StoreHandle;
use crate::watch::WorkspaceRegistry;
use crate::workspace::OnChange;
use bd_protocol::rendezvous::{Home, HomeError};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, oneshot};

/// From the request to end until the process ends whatever is left: `bdctl daemon stop` promises
/// five seconds.
const DRAIN_MOST: Duration = Duration::from_secs(4);

/// How long the last answers may take to reach their clients.
const FAREWELL: Duration = Duration::from_millis(300);

/// Where the listening socket comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// The daemon binds it itself.
    Bind,
    /// A client has bound it and hands it over as standard input.
    SocketFromStdin,
}

/// Why the daemon did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Its directories are not to be trusted.
    #[error("{source}\nhint: {}", source.hint())]
    Home {
        /// What is wrong with them.
        #[from]
        source: HomeError,
    },
    /// Its configuration is wrong.
    #[error("{0}\nhint: mend or remove the file")]
    Config(#[from] ConfigError),
    /// Another one lives.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The system said no.
    #[error("cannot {operation}: {source}")]
    Io {
        /// What was tried.
        operation: &'static str,
        /// The system's own words.
        source: io::Error,
    },
    /// There is no log.
    #[error("{0}\nhint: make room, or set BD_HOME to another disk")]
    Log(String),
}

fn io(operation: &'static str) -> impl Fn(io::Error) -> StartError {
    move |source| StartError::Io { operation, source }
}

/// Runs a daemon until it is asked to end, by a signal, a client, or having nothing to do.
///
/// # Errors
///
/// [`StartError`], before anybody was served.
pub fn run(start: Start) -> Result<(), StartError> {
    let home = Home::from_env()?;
    home.prepare()?;
    let config = Config::read(home.config_file())?;
    let (lock, socket) = meet(&home, start)?;
    log::open(&home).map_err(StartError::Log)?;
    let open_files = raise_open_files();
    let main = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(io("start the runtime"))?;
    main.block_on(live(&home, &config, lock, socket, open_files))
}

/// Takes the lock and the socket. A client that starts us holds the start lock meanwhile; on our
/// own we take it ourselves, so that the two never replace each other's socket.
fn meet(home: &Home, start: Start) -> Result<(DaemonLock, OwnedFd), StartError> {
    match start {
        Start::SocketFromStdin => {
            // We are no group leader, having just been started; if we are, there is no terminal.
            let _ = nix::unistd::setsid();
            let socket =
                io::stdin().as_fd().try_clone_to_owned().map_err(io("take over the socket"))?;
            let null = File::open("/dev/null").map_err(io("open /dev/null"))?;
            nix::unistd::dup2_stdin(null).map_err(|e| io("leave the socket")(e.into()))?;
            Ok((DaemonLock::take(home)?, socket))
        }
        Start::Bind => {
            let starting = File::options()
                .write(true)
                .create(true)
                .truncate(false)
                .mode(0o600)
                .open(home.start_lock())
                .and_then(|file| file.lock().map(|()| file))
                .map_err(io("take the start lock"))?;
            let lock = DaemonLock::take(home)?;
            let socket = listen::bind(home).map_err(io("bind the socket"))?;
            drop(starting);
            Ok((lock, socket))
        }
    }
}

/// Raises the limit of open files to what is allowed: a thousand clients have two connections
/// each. Builds get the limit that the daemon was started with.
fn raise_open_files() -> Option<(u64, u64)> {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).ok()?;
    // Some systems call a limit allowed that they do not grant; then it stays as it is.
    let _ = setrlimit(Resource::RLIMIT_NOFILE, hard, hard);
    Some((soft, hard))
}

async fn live(
    home: &Home,
    config: &Config,
    lock: DaemonLock,
    socket: OwnedFd,
    open_files: Option<(u64, u64)>,
) -> Result<(), StartError> {
    let listener = listen::adopt(socket).map_err(io("listen"))?;
    let mut terminate = signal(SignalKind::terminate()).map_err(io("handle SIGTERM"))?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(io("handle SIGINT"))?;
    let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let started_ms = u64::try_from(wall.as_millis()).unwrap_or(u64::MAX);
    let mark = Mark::new(home, started_ms);
    if lock.unclean {
        mark.sweep_strangers();
    }
    let (drained, when_drained) = oneshot::channel();
    let supervisor = process::own_program().map_err(io("find the program of the daemon"))?;
    let output = OutputStore::new(
        home.state_dir().join("output"),
        LogLimits { kept_bytes: config.output_per_build, ..LogLimits::default() },
        Retention { total_bytes: config.output_total, max_age: config.output_age },
    );
    let warnings = Warnings::default();
    let (engine, inbox) = channels();
    let reports = engine.reports();
    let store = home.state_dir().join("store");
    let recovered = engine.reports();
    let store = StoreHandle::open(store, started_ms, move |facts| {
        recovered.send(Report::Recovered(facts));
    });
    let registry = registry(home, &store, engine.reports());
    let history = store.history();
    let parts = RuntimeParts {
        registry: registry.clone(),
        output: output.clone(),
        attempts: AttemptSettings { supervisor, mark: mark.ours.clone(), open_files },
        store,
        warnings: warnings.clone(),
        drained,
    };
    let limits = Limits { builds: config.max_builds, stop_grace_ms: ms(config.stop_grace) };
    let core = Core::new(limits, Box::new(PriorityScheduler::new(config.max_executions)));
    engine.tell(Input::LoadSampled(machine::sample()));
    let mut engine_task = tokio::spawn(inbox.run(core, Runtime::new(parts, reports)));
    let (shutdown, mut asked_to_end) = mpsc::channel(1);
    let streams = streams_runtime().map_err(io("start the streams runtime"))?;
    let server = Server::new(ServerParts {
        engine: engine.clone(),
        registry,
        history,
        output,
        warnings,
        started_ms,
        max_executions: config.max_executions,
        streams: streams.clone(),
        shutdown,
    });
    let mut serving = tokio::spawn(server.clone().run(listener));
    tracing::info!(version = bd_protocol::hello::PRODUCT_VERSION, "bdd is up");
    tokio::select! {
        _ = terminate.recv() => tracing::info!("SIGTERM"),
        _ = interrupt.recv() => tracing::info!("SIGINT"),
        _ = asked_to_end.recv() => tracing::info!("asked to end"),
        () = idle(&server, &engine, config.idle_exit) => tracing::info!("idle"),
        failed = &mut serving => tracing::error!(?failed, "the socket failed"),
        failed = &mut engine_task => {
            // Its supervisors kill every build as soon as we are gone.
            tracing::error!(?failed, "the engine failed");
            std::process::exit(70);
        }
    }
    // Whoever comes from now on is refused by the core, and waits for the next daemon.
    engine.tell(Input::Drain { grace_ms: ms(config.drain_grace.min(DRAIN_MOST / 2)) });
    let ended = tokio::time::timeout(DRAIN_MOST, when_drained).await;
    let clean = match ended {
        Ok(Ok(store)) => {
            farewell(&server).await;
            tokio::task::spawn_blocking(move || store.close()).await.unwrap_or(false)
        }
        _ => false,
    };
    // The socket goes before the lock: nobody shall find a daemon that is none any more.
    serving.abort();
    if !serving.is_finished() {
        let _ = (&mut serving).await;
    }
    tracing::info!(clean, "bdd ends");
    if clean {
        lock.mark_clean();
    }
    // What still runs, if anything, ends with us.
    std::process::exit(0);
}

fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn registry(home: &Home, store: &StoreHandle, reports: EventSender<Report>) -> WorkspaceRegistry {
    let tell = move |root: &Path, rules: &[OnChange]| {
        reports.send(Report::Rules(root.to_path_buf(), rules.to_vec()));
    };
    WorkspaceRegistry::new(private_dirs(home))
        .with_snapshots(Arc::new(StoredSnapshots(store.snapshots())))
        .with_rules_listener(Arc::new(tell))
}

/// The daemon's own files are nobody's inputs.
fn private_dirs(home: &Home) -> Vec<PathBuf> {
    [home.runtime_dir(), home.state_dir(), home.log_dir()].map(Path::to_path_buf).to_vec()
}

/// One thread for all events channels, apart from the requests.
fn streams_runtime() -> io::Result<tokio::runtime::Handle> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let handle = runtime.handle().clone();
    std::thread::Builder::new()
        .name("streams".into())
        .spawn(move || runtime.block_on(std::future::pending::<()>()))?;
    Ok(handle)
}

/// Returns when nobody was connected and nothing ran for `limit`.
async fn idle(server: &Arc<Server>, engine: &Engine, limit: Option<Duration>) {
    let Some(limit) = limit else { return std::future::pending().await };
    loop {
        tokio::time::sleep(limit.saturating_sub(server.quiet_for())).await;
        let busy = server.connections() > 0 || !engine.is_idle().await.unwrap_or(true);
        if !busy && server.quiet_for() >= limit {
            return;
        }
        if busy {
            server.touch();
        }
    }
}

/// Waits, not for long, until those who follow builds have been told the end.
async fn farewell(server: &Arc<Server>) {
    let until = Instant::now() + FAREWELL;
    while server.following() > 0 && Instant::now() < until {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// What every process of a build has in its environment: which home, which daemon, which attempt.
struct Mark {
    home: String,
    ours: String,
}

impl Mark {
    fn new(home: &Home, started_ms: u64) -> Self {
        let path = home.runtime_dir().as_os_str().as_encoded_bytes();
        let home = blake3::hash(path).to_hex()[..16].to_owned();
        let ours = format!("{home}.{}-{started_ms}.", std::process::id());
        Self { home, ours }
    }

    /// Kills what a killed daemon's builds have left. Its supervisors have done so already, unless
    /// they were killed as well. Not waited for: it reads the environment of every process.
    fn sweep_strangers(&self) {
        let (home, ours) = (format!("{}.", self.home), self.ours.clone());
        let sweep = move || {
            let killed =
                process::kill_orphans(|mark| mark.starts_with(&home) && !mark.starts_with(&ours));
            if killed > 0 {
                tracing::warn!(killed, "killed what an earlier daemon's builds had left");
            }
        };
        // Without a thread, what is left stays: the daemon is more use than none.
        let _ = std::thread::Builder::new().name("sweep".into()).spawn(sweep);
    }
}
