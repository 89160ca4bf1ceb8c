//! What all connections share: the handles that own the answers to requests, and the state of the
//! server itself.

use super::cgroups::Cgroups;
use super::frame_codec::FrameBudget;
use super::memory::Memory;
use super::peers::Peers;
use super::wire::Frames;
use crate::model::{BuildId, BuildView, ClientId, Reach};
use crate::output::OutputStore;
use crate::runtime::{Engine, Warnings};
use crate::store::{HistoryReader, StoreHealth};
use crate::watch::WorkspaceRegistry;
use bd_protocol::Session;
use nix::sys::resource::{Resource, getrlimit};
use std::collections::HashMap;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};

/// Most connections at once: a client has two, and a thousand clients are served.
const MOST_CONNECTIONS: usize = 4096;

/// Connections beyond those, on which a user sees what goes on and ends it.
const RESERVED_CONNECTIONS: usize = 32;

/// Limit of open files below which no connections are kept back: whoever finds no descriptor waits.
const LEAST_LIMIT: u64 = 256;

/// What the server is made from.
#[derive(Debug)]
pub struct ServerParts {
    /// The engine, which decides about builds and triggers.
    pub engine: Engine,
    /// The workspaces.
    pub registry: WorkspaceRegistry,
    /// The builds of the past.
    pub history: HistoryReader,
    /// Whether what happens is saved.
    pub health: StoreHealth,
    /// The output of builds.
    pub output: OutputStore,
    /// Warnings for the operator.
    pub warnings: Warnings,
    /// When the daemon started, in milliseconds since 1970.
    pub started_ms: u64,
    /// What of a client's own state commands can be given.
    pub reach: Reach,
    /// Most executions at once, for `status`.
    pub max_executions: u32,
    /// Further variables that make no difference, as names or as `PREFIX_*`.
    pub ignored_environment: Vec<String>,
    /// Where events channels are served, apart from requests, so that a gigabyte of output
    /// delays no answer.
    pub streams: tokio::runtime::Handle,
    /// Receives a message when a client asks the daemon to end.
    pub shutdown: mpsc::Sender<()>,
}

/// What all connections share.
#[derive(Debug)]
pub struct Server {
    pub(super) parts: ServerParts,
    pub(super) begun: Instant,
    pub(super) memory: Memory,
    pub(super) peers: Peers,
    pub(super) cgroups: Cgroups,
    /// Write ends of the pipes into builds that read from their clients, until the client opens its
    /// input channel.
    stdin_pipes: Mutex<HashMap<BuildId, OwnedFd>>,
    pub(super) slots: ConnectionSlots,
    pub(super) frames: FrameBudget,
    pub(super) next: AtomicU64,
    /// Events channels that are open.
    pub(super) following: AtomicUsize,
    /// When a connection was last opened or closed.
    active: Mutex<Instant>,
}

/// How many connections there may be.
#[derive(Debug)]
pub(super) struct ConnectionSlots {
    pub(super) all: Arc<Semaphore>,
    /// Those kept back for a user's own control.
    pub(super) reserved: Arc<Semaphore>,
    /// How many there may be, without the reserved ones.
    pub(super) most: usize,
}

/// A channel after its hello.
pub(super) struct OpenChannel {
    pub(super) frames: Frames,
    pub(super) session: Session,
    /// The process at the other end.
    pub(super) process: Option<i32>,
    pub(super) client: ClientId,
    /// Released when the connection ends.
    pub(super) permit: OwnedSemaphorePermit,
}

impl Server {
    /// A server with these parts.
    #[must_use]
    pub fn new(parts: ServerParts) -> Arc<Self> {
        let most = most_connections();
        Arc::new(Self {
            parts,
            begun: Instant::now(),
            memory: Memory::default(),
            peers: Peers::new(),
            cgroups: Cgroups::new(),
            stdin_pipes: Mutex::default(),
            slots: ConnectionSlots {
                all: Arc::new(Semaphore::new(most)),
                reserved: Arc::new(Semaphore::new(RESERVED_CONNECTIONS)),
                most,
            },
            frames: FrameBudget::default(),
            next: AtomicU64::new(1),
            following: AtomicUsize::new(0),
            active: Mutex::new(Instant::now()),
        })
    }

    /// Connections that are open.
    #[must_use]
    pub fn connections(&self) -> usize {
        let slots = &self.slots;
        let reserved = RESERVED_CONNECTIONS - slots.reserved.available_permits();
        slots.most - slots.all.available_permits() + reserved
    }

    /// Events channels that are open.
    #[must_use]
    pub fn following(&self) -> usize {
        self.following.load(Ordering::Relaxed)
    }

    /// Notes that a client is connected.
    pub fn touch(&self) {
        *self.active.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    /// For how long no client has been connected.
    #[must_use]
    pub fn quiet_for(&self) -> Duration {
        self.active.lock().unwrap_or_else(PoisonError::into_inner).elapsed()
    }

    /// Takes the pipe into a build; there is one.
    pub(super) fn take_stdin(&self, build: BuildId) -> Option<OwnedFd> {
        self.stdin_pipes.lock().unwrap_or_else(PoisonError::into_inner).remove(&build)
    }

    pub(super) fn keep_stdin(&self, build: BuildId, pipe: OwnedFd) {
        self.stdin_pipes.lock().unwrap_or_else(PoisonError::into_inner).insert(build, pipe);
    }
}

/// Connections for which there are descriptors: the system refuses one that finds none, whoever asks,
/// and builds and workspaces need some as well.
fn most_connections() -> usize {
    let limit = getrlimit(Resource::RLIMIT_NOFILE).map_or(u64::MAX, |(soft, _)| soft);
    if limit < LEAST_LIMIT {
        return MOST_CONNECTIONS;
    }
    let three_quarters = usize::try_from(limit / 4 * 3).unwrap_or(usize::MAX);
    three_quarters.saturating_sub(RESERVED_CONNECTIONS).min(MOST_CONNECTIONS)
}

/// Waits for the end of a build, or of the daemon.
pub(super) async fn wait_for_end(follower: &mut watch::Receiver<Arc<BuildView>>) {
    // The sender is dropped with either; the last value stays readable.
    let _ = follower.wait_for(|view| view.outcome().is_some()).await;
}
