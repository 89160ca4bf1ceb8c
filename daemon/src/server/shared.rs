//! What all connections share, and what they ask of the rest of the daemon.

use super::memory::Memory;
use super::wire::Frames;
use crate::model::{BuildId, BuildView, ClientId};
use crate::runtime::event_loop::EngineStopped;
use crate::runtime::{Engine, Question};
use crate::store::Query;
use bd_protocol::Session;
use bd_protocol::failure::{Failure, codes};
use std::collections::HashMap;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

/// Most connections at once: a client has two, and a thousand clients are served.
pub(super) const MOST_CONNECTIONS: usize = 4096;

/// What the server is made from.
#[derive(Debug)]
pub struct ServerParts {
    /// The way to the engine.
    pub engine: Engine,
    /// When the daemon started, in milliseconds since 1970.
    pub started_ms: u64,
    /// Most executions at once, for `status`.
    pub max_executions: u32,
    /// Where events channels are served, apart from requests, so that a gigabyte of output
    /// delays no answer.
    pub streams: tokio::runtime::Handle,
    /// Told when a client asks the daemon to end.
    pub shutdown: mpsc::Sender<()>,
}

/// What all connections share.
#[derive(Debug)]
pub struct Server {
    pub(super) parts: ServerParts,
    pub(super) begun: Instant,
    pub(super) memory: Memory,
    /// Ends of pipes into builds that read from their clients, until the client comes for them.
    pub(super) inputs: Mutex<HashMap<BuildId, OwnedFd>>,
    pub(super) connections: Arc<Semaphore>,
    pub(super) next: AtomicU64,
    /// Events channels that are open.
    pub(super) following: AtomicUsize,
    /// When somebody last came or went.
    active: Mutex<Instant>,
}

/// A channel that was opened, behind the hello.
pub(super) struct Opened {
    pub(super) frames: Frames,
    pub(super) session: Session,
    pub(super) client: ClientId,
    /// Given back when the connection ends.
    pub(super) place: OwnedSemaphorePermit,
}

impl Server {
    /// A server with these parts.
    #[must_use]
    pub fn new(parts: ServerParts) -> Arc<Self> {
        Arc::new(Self {
            parts,
            begun: Instant::now(),
            memory: Memory::default(),
            inputs: Mutex::default(),
            connections: Arc::new(Semaphore::new(MOST_CONNECTIONS)),
            next: AtomicU64::new(1),
            following: AtomicUsize::new(0),
            active: Mutex::new(Instant::now()),
        })
    }

    /// Connections that are open.
    #[must_use]
    pub fn connections(&self) -> usize {
        MOST_CONNECTIONS - self.connections.available_permits()
    }

    /// Events channels that are open.
    #[must_use]
    pub fn following(&self) -> usize {
        self.following.load(Ordering::Relaxed)
    }

    /// Notes that somebody is there.
    pub fn touch(&self) {
        *self.active.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    /// For how long nobody has been there.
    #[must_use]
    pub fn quiet_for(&self) -> Duration {
        self.active.lock().unwrap_or_else(PoisonError::into_inner).elapsed()
    }

    /// The pipe into a build, once.
    pub(super) fn take_input(&self, build: BuildId) -> Option<OwnedFd> {
        self.inputs.lock().unwrap_or_else(PoisonError::into_inner).remove(&build)
    }

    pub(super) fn keep_input(&self, build: BuildId, pipe: OwnedFd) {
        self.inputs.lock().unwrap_or_else(PoisonError::into_inner).insert(build, pipe);
    }

    pub(super) async fn ask<T>(
        &self,
        question: impl FnOnce(oneshot::Sender<T>) -> Question,
    ) -> Result<T, Failure> {
        let (send, receive) = oneshot::channel();
        self.parts.engine.question(question(send)).await.map_err(gone)?;
        receive.await.map_err(|_| gone(EngineStopped))
    }

    /// The build with this id, which may be abbreviated: from memory, else from the store.
    pub(super) async fn find(&self, id: &str) -> Result<Arc<BuildView>, Failure> {
        let unknown = || {
            Failure::user(codes::NOT_FOUND, format!("there is no build '{id}'"))
                .hint("bdctl history lists them")
        };
        let (from, to) = BuildId::range(id).ok_or_else(unknown)?;
        let mut found = self.parts.engine.between(from, to).await.map_err(gone)?;
        if found.is_empty() || from != to {
            let query = Query::Between(from, to);
            let stored = self.ask(|reply| Question::History(query, reply)).await?;
            // Without a store, what is in memory is all there is.
            let stored = stored.unwrap_or_default().into_iter().map(Arc::new);
            found.extend(
                stored.filter(|old| found.iter().all(|view| view.id != old.id)).collect::<Vec<_>>(),
            );
        }
        match &found[..] {
            [] => Err(unknown()),
            [one] => Ok(one.clone()),
            [first, second, ..] => Err(Failure::user(
                codes::AMBIGUOUS,
                format!("'{id}' fits several builds: {}, {}", first.id, second.id),
            )
            .hint("give more of the id")),
        }
    }
}

pub(super) fn gone(gone: EngineStopped) -> Failure {
    Failure::environment(codes::DRAINING, gone.to_string())
        .hint("ask again; a new daemon is started")
}
