//! The life of a daemon: puts the rooms together, waits for a reason to end, drains, and exits.

#[cfg(target_os = "linux")]
use super::clean_start::take_defaults;
#[cfg(not(target_os = "linux"))]
use super::clean_start_elsewhere::take_defaults;
use super::config::Config;
use super::daemon_mark::DaemonMark;
use super::lock::DaemonLock;
use super::log;
use super::meeting_place::{MeetingPlace, News};
use super::start_error::StartError;
use super::started::CleanStart;
use crate::engine::{Core, Input, Limits};
use crate::output::{LogLimits, OutputStore, OutputSync, Retention};
use crate::process;
use crate::runtime::{
    AttemptSettings, Engine, EventSender, Report, Runtime, RuntimeParts, StoredSnapshots, Warnings,
    channels, keep_synced, machine,
};
use crate::scheduler::PriorityScheduler;
use crate::server::{Server, ServerParts, listen};
use crate::store::StoreHandle;
use crate::watch::WorkspaceRegistry;
use crate::workspace::OnChangeRules;
use bd_protocol::rendezvous::Home;
use interprocess::local_socket::tokio::Listener;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, oneshot};

/// From the request to end until the process ends, whatever is left: `bdctl daemon stop` promises
/// five seconds.
const DRAIN_MOST: Duration = Duration::from_secs(4);

/// How long the last events may take to reach their clients.
const FLUSH_MOST: Duration = Duration::from_millis(300);

/// Where the listening socket comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// The daemon binds it itself.
    Bind,
    /// A client has bound it and passes it as standard input.
    SocketFromStdin,
}

/// Reads the configuration as [`run`] does, and does nothing else.
///
/// # Errors
///
/// [`StartError`] where a daemon would not start with it.
pub fn check_configuration() -> Result<(), StartError> {
    let home = Home::from_env()?;
    Config::read(home.config_file())?;
    Ok(())
}

/// Runs a daemon until a signal, a client or idleness ends it.
///
/// # Errors
///
/// [`StartError`], before any client was served.
pub fn run(start: Start) -> Result<(), StartError> {
    let clean = take_defaults(start == Start::SocketFromStdin);
    let home = Home::from_env()?;
    home.prepare()?;
    let config = Config::read(home.config_file())?;
    let (lock, socket) = take_lock_and_socket(&home, start)?;
    log::open(&home)?;
    let main = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(StartError::io("start the runtime"))?;
    main.block_on(serve(&home, &config, lock, socket, clean))
}

/// Takes the lock and the socket. A client that starts the daemon holds the start lock meanwhile; a
/// daemon started by hand takes it itself, so that the two never replace each other's socket.
fn take_lock_and_socket(home: &Home, start: Start) -> Result<(DaemonLock, OwnedFd), StartError> {
    match start {
        Start::SocketFromStdin => {
            let socket = io::stdin()
                .as_fd()
                .try_clone_to_owned()
                .map_err(StartError::io("take over the socket"))?;
            let null = File::open("/dev/null").map_err(StartError::io("open /dev/null"))?;
            nix::unistd::dup2_stdin(null)
                .map_err(|e| StartError::io("leave the socket")(e.into()))?;
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
                .map_err(StartError::io("take the start lock"))?;
            let lock = DaemonLock::take(home)?;
            let socket = listen::bind(home).map_err(StartError::io("bind the socket"))?;
            drop(starting);
            Ok((lock, socket))
        }
    }
}

async fn serve(
    home: &Home,
    config: &Config,
    lock: DaemonLock,
    socket: OwnedFd,
    clean: CleanStart,
) -> Result<(), StartError> {
    let listener = listen::adopt(socket).map_err(StartError::io("listen"))?;
    let mut terminate =
        signal(SignalKind::terminate()).map_err(StartError::io("handle SIGTERM"))?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(StartError::io("handle SIGINT"))?;
    let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let started_ms = u64::try_from(wall.as_millis()).unwrap_or(u64::MAX);
    let mark = DaemonMark::new(home, started_ms);
    if lock.unclean {
        mark.kill_orphans_of_others();
    }
    let (drained, when_drained) = oneshot::channel();
    let supervisor =
        process::own_program().map_err(StartError::io("find the program of the daemon"))?;
    let output = OutputStore::new(
        home.state_dir().join("output"),
        LogLimits { kept_bytes: config.output_per_build, ..LogLimits::default() },
        Retention { total_bytes: config.output_total, max_age: config.output_age },
    );
    let output_sync = output.sync();
    let warnings = Warnings::default();
    let CleanStart { kept, reach, open_files } = clean;
    if !kept.is_empty() {
        warnings.push(started_with(&kept));
    }
    let (engine, inbox) = channels();
    let reports = engine.reports();
    let store = home.state_dir().join("store");
    let recovered = engine.reports();
    let store = StoreHandle::open(store, started_ms, move |facts| {
        recovered.send(Report::Recovered(facts));
    });
    keep_synced(output.sync(), store.sync()).map_err(StartError::io("start the disk's thread"))?;
    let registry = registry(home, &store, engine.reports());
    let (history, health) = (store.history(), store.health());
    let parts = RuntimeParts {
        registry: registry.clone(),
        output: output.clone(),
        attempts: AttemptSettings { supervisor, mark: mark.prefix.clone(), open_files },
        store,
        warnings: warnings.clone(),
        drained,
    };
    let limits = Limits { builds: config.max_builds, stop_grace_ms: ms(config.stop_grace) };
    let core = Core::new(limits, Box::new(PriorityScheduler::new(config.max_executions)));
    engine.tell(Input::LoadSampled(machine::sample()));
    let mut engine_task = tokio::spawn(inbox.run(core, Runtime::new(parts, reports)));
    let (shutdown, mut stop_requested) = mpsc::channel(1);
    let streams = streams_runtime().map_err(StartError::io("start the streams runtime"))?;
    let server = Server::new(ServerParts {
        engine: engine.clone(),
        registry,
        history,
        health,
        output,
        warnings,
        started_ms,
        reach,
        max_executions: config.max_executions,
        ignored_environment: config.ignore_env.clone(),
        streams: streams.clone(),
        shutdown,
    });
    let (moved, news) = mpsc::unbounded_channel();
    let lock = Arc::new(lock);
    let mut serving = tokio::spawn(serve_sockets(server.clone(), listener, news));
    MeetingPlace::new(home, lock.clone()).watch(moved);
    tracing::info!(version = bd_protocol::hello::PRODUCT_VERSION, "bdd is up");
    tokio::select! {
        _ = terminate.recv() => tracing::info!("SIGTERM"),
        _ = interrupt.recv() => tracing::info!("SIGINT"),
        _ = stop_requested.recv() => tracing::info!("a client stops the daemon"),
        () = until_idle(&server, &engine, config.idle_exit) => tracing::info!("idle"),
        failed = &mut serving => tracing::error!(?failed, "the socket failed"),
        failed = &mut engine_task => {
            // Its supervisors kill every build as soon as this process is gone.
            tracing::error!(?failed, "the engine failed");
            std::process::exit(70);
        }
    }
    let clean = drain(&server, &engine, config.drain_grace, when_drained, output_sync).await;
    // The socket goes before the lock: no client may find a daemon that has ended.
    serving.abort();
    if !serving.is_finished() {
        let _ = (&mut serving).await;
    }
    tracing::info!(clean, "bdd ends");
    if clean {
        lock.mark_clean();
    }
    // What still runs, if anything, ends with this process.
    std::process::exit(0);
}

/// Serves the connections of a socket, and of those that take its place. Ends the process when its home
/// is gone: nothing could be written, and a new home has nothing to do with this daemon. Its
/// supervisors kill every build then.
async fn serve_sockets(
    server: Arc<Server>,
    mut listener: Listener,
    mut news: mpsc::UnboundedReceiver<News>,
) -> io::Result<()> {
    loop {
        tokio::select! {
            ended = server.clone().run(listener) => return ended,
            Some(news) = news.recv() => match news {
                News::Bound(socket) => listener = listen::adopt(socket)?,
                News::Gone(why) => {
                    tracing::error!(why, "the home is gone, and bdd ends");
                    std::process::exit(0);
                }
            },
        }
    }
}

/// Ends the builds and closes the store. Returns whether that was done in time.
async fn drain(
    server: &Arc<Server>,
    engine: &Engine,
    grace: Duration,
    when_drained: oneshot::Receiver<StoreHandle>,
    output: OutputSync,
) -> bool {
    // The core refuses new work from now on, and clients wait for the next daemon.
    engine.tell(Input::Drain { grace_ms: ms(grace.min(DRAIN_MOST / 2)) });
    match tokio::time::timeout(DRAIN_MOST, when_drained).await {
        Ok(Ok(store)) => {
            flush_followers(server).await;
            let close = move || {
                // What fails was said where it was written.
                let _ = output.sync();
                store.close()
            };
            tokio::task::spawn_blocking(close).await.unwrap_or(false)
        }
        _ => false,
    }
}

/// What a starter has left of itself, in a sentence.
fn started_with(kept: &[String]) -> String {
    let kept = kept.join(", ");
    format!(
        "the daemon was started with {kept}, and may not change that; `bdctl daemon restart` from an \
         ordinary shell starts it without"
    )
}

fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn registry(home: &Home, store: &StoreHandle, reports: EventSender<Report>) -> WorkspaceRegistry {
    let on_rules = move |root: &Path, rules: Option<&OnChangeRules>| {
        reports.send(Report::Rules(root.to_path_buf(), rules.cloned()));
    };
    WorkspaceRegistry::new(private_dirs(home))
        .with_snapshots(Arc::new(StoredSnapshots(store.snapshots())))
        .with_rules_listener(Arc::new(on_rules))
}

/// The daemon's own files are inputs of no build.
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

/// Returns when no client was connected and no build ran for `limit`.
async fn until_idle(server: &Arc<Server>, engine: &Engine, limit: Option<Duration>) {
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

/// Waits, not for long, until the followers of builds have got the end.
async fn flush_followers(server: &Arc<Server>) {
    let until = Instant::now() + FLUSH_MOST;
    while server.following() > 0 && Instant::now() < until {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}
