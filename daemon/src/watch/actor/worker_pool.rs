//! The threads on which the actors of all workspaces run: as many as have work at the same time, not
//! one a workspace. One thread waits for events, and does itself what comes of them; another takes its
//! place meanwhile.

use crate::watch::source::Sources;
use crate::watch::sync::MountEvents;
#[cfg(not(target_os = "linux"))]
use nix::poll::PollTimeout;
use nix::poll::{PollFd, PollFlags};
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::fmt::{self, Debug, Formatter};
use std::io::{self, Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Threads that stay, once there is work: the one that waits for events. When it works, another waits.
const MIN_THREADS: usize = 1;

/// Threads at most. Work that takes long is the first listing of a workspace, which waits for the
/// disk.
const MAX_THREADS: usize = 8;

/// How long a thread more than stay waits for work.
const IDLE_PATIENCE: Duration = Duration::from_secs(2);

/// Something that is done now and then, by one thread at a time.
pub(super) trait Task: Send + Sync {
    /// Does what there is to do.
    fn run(&self) -> NextRun;
}

/// When a task is to be run again though nobody wakes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NextRun {
    /// At that moment if there is one, and when something is mounted if that matters to it.
    At { until: Option<Instant>, sees_mounts: bool },
    /// It has ended.
    Never,
}

impl NextRun {
    /// Only when it is woken.
    pub(super) fn woken() -> Self {
        Self::At { until: None, sees_mounts: false }
    }
}

/// One task of a pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct TaskId(u64);

/// See the [module](self). Cheap to clone; all clones are the same pool.
#[derive(Clone)]
pub(super) struct WorkerPool(Arc<Shared>);

struct Shared {
    state: Mutex<PoolState>,
    sources: Arc<Sources>,
    mounts: MountEvents,
    /// Ends the wait for events: one end is written to, the other waited for.
    poke: (UnixStream, UnixStream),
}

#[derive(Default)]
struct PoolState {
    tasks: HashMap<TaskId, TaskEntry>,
    /// Those to be run now.
    queue: VecDeque<TaskId>,
    /// When others are to be run.
    due: BTreeSet<(Instant, TaskId)>,
    leader: Leader,
    threads: usize,
    /// Threads that wait for work. The last to come is the first to go, so that those who are not
    /// needed wait long enough to end.
    idle: Vec<Arc<Condvar>>,
    next: u64,
    /// Threads end when there are no tasks.
    is_closed: bool,
}

#[derive(Default)]
struct TaskEntry {
    /// `None` for one that has been announced and not handed over yet.
    task: Option<Arc<dyn Task>>,
    status: TaskStatus,
    due: Option<Instant>,
    sees_mounts: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum TaskStatus {
    #[default]
    Waiting,
    Queued,
    Running,
    /// Woken while it runs.
    RunningAgain,
}

/// The thread that waits for events and for moments.
#[derive(Clone, Copy, Debug, Default)]
enum Leader {
    /// All are at work.
    #[default]
    None,
    /// It waits until then, and for what sources share if it knew of it.
    Waiting { until: Option<Instant>, has_shared: bool },
    /// It has been woken, and will look at the queue.
    Awake,
}

impl Debug for WorkerPool {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("WorkerPool").finish_non_exhaustive()
    }
}

impl WorkerPool {
    /// A pool without threads; they come with work.
    ///
    /// # Errors
    ///
    /// When the system gives no descriptors.
    pub(super) fn new() -> io::Result<Self> {
        let poke = UnixStream::pair()?;
        poke.0.set_nonblocking(true)?;
        poke.1.set_nonblocking(true)?;
        let (state, sources) = Default::default();
        Ok(Self(Arc::new(Shared { state, sources, mounts: MountEvents::open(), poke })))
    }

    /// What the workspaces of this pool get their events from.
    pub(super) fn sources(&self) -> Arc<Sources> {
        self.0.sources.clone()
    }

    /// The name of a task that comes, so that it can be woken by what it is made of.
    pub(super) fn announce(&self) -> TaskId {
        let mut state = self.0.lock();
        let id = TaskId(state.next);
        state.next += 1;
        let entry = TaskEntry::default();
        state.tasks.insert(id, entry);
        id
    }

    /// Adds an announced task. It is not run before it is woken.
    ///
    /// # Errors
    ///
    /// When there is no thread and none can be started; the task is forgotten then.
    pub(super) fn add(&self, id: TaskId, task: Arc<dyn Task>) -> io::Result<()> {
        let mut state = self.0.lock();
        if state.threads == 0
            && let Err(error) = self.0.spawn(&mut state)
        {
            state.tasks.remove(&id);
            return Err(error);
        }
        if let Some(entry) = state.tasks.get_mut(&id) {
            entry.task = Some(task);
        }
        Ok(())
    }

    /// Has a task run, now or once more when it has done.
    pub(super) fn wake(&self, id: TaskId) {
        self.0.wake(id);
    }

    /// The same for a task whose pool may be gone.
    pub(super) fn waker(&self, id: TaskId) -> impl Fn() + Send + Sync + use<> {
        let pool = Arc::downgrade(&self.0);
        move || {
            if let Some(pool) = pool.upgrade() {
                pool.wake(id);
            }
        }
    }

    /// Lets the threads end as soon as all tasks have.
    pub(super) fn close(&self) {
        let mut state = self.0.lock();
        state.is_closed = true;
        self.0.wake_all(&mut state);
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, PoolState> {
        // Nothing that can panic runs while it is locked.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wake(self: &Arc<Self>, id: TaskId) {
        let mut state = self.lock();
        let Some(entry) = state.tasks.get_mut(&id) else { return };
        match entry.status {
            TaskStatus::Waiting if entry.task.is_some() => {
                state.enqueue(id);
                self.find_worker(&mut state);
            }
            TaskStatus::Running => entry.status = TaskStatus::RunningAgain,
            TaskStatus::Waiting | TaskStatus::Queued | TaskStatus::RunningAgain => {}
        }
    }

    /// Has some thread look at the queue, or wait for events.
    fn find_worker(self: &Arc<Self>, state: &mut PoolState) {
        match state.leader {
            Leader::Awake => {}
            Leader::Waiting { .. } | Leader::None => match state.idle.pop() {
                Some(idle) => idle.notify_one(),
                None if matches!(state.leader, Leader::Waiting { .. }) => self.poke(),
                // If none can be started, those that are at work look at it when they have done.
                None => drop(self.spawn(state)),
            },
        }
    }

    fn wake_all(&self, state: &mut PoolState) {
        state.idle.drain(..).for_each(|idle| idle.notify_one());
        self.poke();
    }

    fn spawn(self: &Arc<Self>, state: &mut PoolState) -> io::Result<()> {
        if state.threads == MAX_THREADS {
            return Ok(());
        }
        let pool = self.clone();
        std::thread::Builder::new().name("workspace".into()).spawn(move || pool.work())?;
        state.threads += 1;
        Ok(())
    }

    fn poke(&self) {
        // When it is full, whoever waits is awake soon enough.
        let _ = (&self.poke.0).write(&[1]);
    }

    fn work(self: Arc<Self>) {
        let mut state = self.lock();
        loop {
            if let Some(id) = state.queue.pop_front() {
                state = self.run(id, state);
            } else if state.is_closed && state.tasks.is_empty() {
                break;
            } else if matches!(state.leader, Leader::None) {
                state = self.lead(state);
            } else {
                let me = Arc::new(Condvar::new());
                state.idle.push(me.clone());
                let waited = me.wait_timeout(state, IDLE_PATIENCE);
                state = waited.unwrap_or_else(PoisonError::into_inner).0;
                let before = state.idle.len();
                state.idle.retain(|idle| !Arc::ptr_eq(idle, &me));
                let was_needed = state.idle.len() == before;
                if !was_needed && state.threads > MIN_THREADS {
                    break;
                }
            }
        }
        state.threads -= 1;
        if state.is_closed {
            self.wake_all(&mut state);
        }
    }

    /// Runs a task. A panic ends it, and nothing else.
    fn run<'a>(
        self: &'a Arc<Self>,
        id: TaskId,
        mut state: MutexGuard<'a, PoolState>,
    ) -> MutexGuard<'a, PoolState> {
        let Some(task) = state.begin(id) else { return state };
        if !state.queue.is_empty() || matches!(state.leader, Leader::None) {
            self.find_worker(&mut state);
        }
        drop(state);
        let next = catch_unwind(AssertUnwindSafe(|| task.run())).unwrap_or(NextRun::Never);
        let mut state = self.lock();
        let ended = state.end(id, next);
        if ended.is_some() {
            drop(state);
            // What goes with it may wake others.
            drop((ended, task));
            state = self.lock();
        }
        if let Leader::Waiting { until, has_shared } = state.leader {
            let first = state.due.first().map(|(due, _)| *due);
            let is_late = first.is_some_and(|first| until.is_none_or(|until| first < until));
            if is_late || !has_shared && self.sources.shared().is_some() {
                self.poke();
            }
        }
        state
    }

    /// Waits until something is to be done, and finds out what.
    fn lead<'a>(&'a self, mut state: MutexGuard<'a, PoolState>) -> MutexGuard<'a, PoolState> {
        let (until, shared) = (state.due.first().map(|(due, _)| *due), self.sources.shared());
        state.leader = Leader::Waiting { until, has_shared: shared.is_some() };
        drop(state);
        let poke = PollFd::new(self.poke.1.as_fd(), PollFlags::POLLIN);
        let queue = shared.as_ref().map(|shared| PollFd::new(shared.as_fd(), PollFlags::POLLIN));
        let mounts = self.mounts.descriptor().map(|(list, flags)| PollFd::new(list, flags));
        let (mut at, mut descriptors) = ([None; 3], Vec::new());
        for (at, descriptor) in at.iter_mut().zip([Some(poke), queue, mounts]) {
            *at = descriptor.is_some().then_some(descriptors.len());
            descriptors.extend(descriptor);
        }
        let left = until.map(|until| until.saturating_duration_since(Instant::now()));
        // A signal or a lack of memory only makes the loop go round once more.
        let _ = wait_for(&mut descriptors, left);
        let [is_poked, has_events, has_mounts] = at.map(|at| {
            at.is_some_and(|at: usize| {
                !descriptors[at].revents().unwrap_or(PollFlags::empty()).is_empty()
            })
        });
        self.lock().leader = Leader::Awake;
        if is_poked {
            let mut bytes = [0; 256];
            while matches!((&self.poke.1).read(&mut bytes), Ok(256)) {}
        }
        if let Some(shared) = shared.filter(|_| has_events) {
            shared.pump();
        }
        let mut state = self.lock();
        state.enqueue_due(Instant::now());
        if has_mounts {
            state.enqueue_those_who_see_mounts();
        }
        state.leader = Leader::None;
        state
    }
}

impl PoolState {
    fn enqueue(&mut self, id: TaskId) {
        if let Some(entry) = self.tasks.get_mut(&id) {
            entry.status = TaskStatus::Queued;
            if let Some(due) = entry.due.take() {
                self.due.remove(&(due, id));
            }
            self.queue.push_back(id);
        }
    }

    fn enqueue_due(&mut self, now: Instant) {
        while let Some((due, id)) = self.due.first().copied()
            && due <= now
        {
            self.enqueue(id);
        }
    }

    fn enqueue_those_who_see_mounts(&mut self) {
        let see = |entry: &TaskEntry| entry.sees_mounts && entry.status == TaskStatus::Waiting;
        let all = self.tasks.iter().filter(|(_, entry)| see(entry)).map(|(id, _)| *id);
        for id in all.collect::<Vec<_>>() {
            self.enqueue(id);
        }
    }

    fn begin(&mut self, id: TaskId) -> Option<Arc<dyn Task>> {
        let entry = self.tasks.get_mut(&id)?;
        entry.status = TaskStatus::Running;
        entry.task.clone()
    }

    /// Returns a task that has ended.
    fn end(&mut self, id: TaskId, next: NextRun) -> Option<TaskEntry> {
        let NextRun::At { until: due, sees_mounts } = next else {
            return self.tasks.remove(&id);
        };
        let entry = self.tasks.get_mut(&id)?;
        entry.sees_mounts = sees_mounts;
        if entry.status == TaskStatus::RunningAgain {
            self.enqueue(id);
            return None;
        }
        (entry.status, entry.due) = (TaskStatus::Waiting, due);
        self.due.extend(due.map(|due| (due, id)));
        None
    }
}

/// To the microsecond where the system can: a save is reported after two milliseconds, not three.
#[cfg(target_os = "linux")]
fn wait_for(descriptors: &mut [PollFd<'_>], left: Option<Duration>) -> nix::Result<i32> {
    nix::poll::ppoll(descriptors, left.map(Into::into), None)
}

#[cfg(not(target_os = "linux"))]
fn wait_for(descriptors: &mut [PollFd<'_>], left: Option<Duration>) -> nix::Result<i32> {
    let up = |left: Duration| left + Duration::from_micros(999);
    let timeout =
        left.map_or(PollTimeout::NONE, |left| up(left).try_into().unwrap_or(PollTimeout::MAX));
    nix::poll::poll(descriptors, timeout)
}

#[cfg(test)]
#[path = "worker_pool_tests.rs"]
mod tests;
