//! The pool with tasks that do as they are told.

use super::*;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

const LONG: Duration = Duration::from_secs(30);

/// Reports each run, and does what is then asked of it.
struct Told {
    runs: mpsc::Sender<()>,
    next: Mutex<mpsc::Receiver<NextRun>>,
    at_once: Arc<AtomicUsize>,
}

impl Task for Told {
    fn run(&self) -> NextRun {
        let inside = self.at_once.fetch_add(1, Ordering::SeqCst);
        assert_eq!(inside, 0, "two threads run one task");
        self.runs.send(()).expect("a test that waits");
        let next = self.next.lock().expect("one thread").recv();
        self.at_once.fetch_sub(1, Ordering::SeqCst);
        next.expect("a test that says what is next")
    }
}

struct Handle {
    id: TaskId,
    runs: mpsc::Receiver<()>,
    next: mpsc::Sender<NextRun>,
}

impl Handle {
    fn new(pool: &WorkerPool) -> Self {
        let (runs, ran) = mpsc::channel();
        let (next, told) = mpsc::channel();
        let id = pool.announce();
        let task = Told { runs, next: Mutex::new(told), at_once: Arc::default() };
        pool.add(id, Arc::new(task)).expect("a thread");
        Self { id, runs: ran, next }
    }

    fn runs(&self) {
        self.runs.recv_timeout(LONG).expect("a run");
    }

    fn then(&self, next: NextRun) {
        self.next.send(next).expect("a task that runs");
    }
}

fn at(moment: Instant) -> NextRun {
    NextRun::At { until: Some(moment), sees_mounts: false }
}

fn threads(pool: &WorkerPool) -> usize {
    pool.0.lock().threads
}

#[test]
fn a_task_runs_when_it_is_woken_and_once_more_if_it_was_woken_meanwhile() {
    let pool = WorkerPool::new().expect("a pool");
    let task = Handle::new(&pool);
    assert!(task.runs.try_recv().is_err(), "nobody woke it");
    pool.wake(task.id);
    task.runs();
    for _ in 0..3 {
        pool.wake(task.id);
    }
    task.then(NextRun::woken());
    task.runs();
    task.then(NextRun::woken());
    pool.wake(task.id);
    task.runs();
    assert!(task.runs.try_recv().is_err(), "three calls while it ran are one run");
    task.then(NextRun::Never);
}

#[test]
fn a_task_runs_again_at_its_time_whoever_waits_for_another() {
    let pool = WorkerPool::new().expect("a pool");
    let [late, soon] = [(); 2].map(|()| Handle::new(&pool));
    pool.wake(late.id);
    late.runs();
    late.then(at(Instant::now() + Duration::from_secs(3600)));
    pool.wake(soon.id);
    soon.runs();
    let due = Instant::now() + Duration::from_millis(30);
    soon.then(at(due));
    soon.runs();
    assert!(Instant::now() >= due);
    assert!(late.runs.try_recv().is_err());
    soon.then(NextRun::Never);
}

#[test]
fn tasks_that_take_long_do_not_hold_up_others_and_their_threads_are_few() {
    let pool = WorkerPool::new().expect("a pool");
    let tasks: Vec<_> = (0..MAX_THREADS * 2).map(|_| Handle::new(&pool)).collect();
    for task in &tasks {
        pool.wake(task.id);
    }
    let (first, rest) = tasks.split_at(MAX_THREADS);
    first.iter().for_each(Handle::runs);
    assert_eq!(threads(&pool), MAX_THREADS);
    assert!(rest.iter().all(|task| task.runs.try_recv().is_err()));
    first.iter().for_each(|task| task.then(NextRun::woken()));
    rest.iter().for_each(Handle::runs);
    rest.iter().for_each(|task| task.then(NextRun::Never));
}

#[test]
fn a_task_that_panics_ends_and_others_go_on() {
    struct Panics {
        _held: mpsc::Sender<()>,
    }
    impl Task for Panics {
        fn run(&self) -> NextRun {
            panic!("of the test");
        }
    }
    let pool = WorkerPool::new().expect("a pool");
    let (held, ended) = mpsc::channel();
    let id = pool.announce();
    pool.add(id, Arc::new(Panics { _held: held })).expect("a thread");
    pool.wake(id);
    assert_eq!(ended.recv_timeout(LONG), Err(mpsc::RecvTimeoutError::Disconnected));
    let other = Handle::new(&pool);
    pool.wake(id);
    pool.wake(other.id);
    other.runs();
    other.then(NextRun::Never);
}

#[test]
fn threads_end_when_the_pool_is_closed_and_all_tasks_have_ended() {
    let pool = WorkerPool::new().expect("a pool");
    let task = Handle::new(&pool);
    pool.wake(task.id);
    task.runs();
    pool.close();
    task.then(NextRun::Never);
    let shared = Arc::downgrade(&pool.0);
    drop(pool);
    let deadline = Instant::now() + LONG;
    while shared.upgrade().is_some() {
        assert!(Instant::now() < deadline, "a thread stays");
        std::thread::yield_now();
    }
}
