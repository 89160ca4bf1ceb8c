//! Those who do the operations: threads, and processes of their own.

use bd_tests::ChildProcess;
use bd_tests::fs_ops::{Burst, FsWorker, MAX_WORKERS, OpKinds};
use std::path::Path;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::JoinHandle;

const THREADS: u64 = 2;
const PROCESSES: u64 = MAX_WORKERS - THREADS;

/// A worker in this process; its bursts end with it.
struct Thread {
    bursts: Option<Sender<Burst>>,
    reports: Receiver<Vec<String>>,
    joined: Option<JoinHandle<()>>,
}

/// See the [module](self).
pub(crate) struct Workers {
    threads: Vec<Thread>,
    processes: Vec<ChildProcess>,
}

impl Workers {
    pub(crate) fn new(root: &Path, outside: &Path) -> Self {
        let threads = (0..THREADS).map(|number| {
            let (bursts, inbox) = mpsc::channel::<Burst>();
            let (send, reports) = mpsc::channel();
            let worker = FsWorker::new(root, outside, number);
            let work = move || {
                for burst in inbox {
                    if send.send(worker.run(burst)).is_err() {
                        return;
                    }
                }
            };
            Thread { bursts: Some(bursts), reports, joined: Some(std::thread::spawn(work)) }
        });
        let [place, store] = [root, outside].map(|path| path.to_str().expect("UTF-8"));
        let processes = (0..PROCESSES).map(|number| {
            let number = (THREADS + number).to_string();
            let environment =
                [("BD_FUZZ_ROOT", place), ("BD_FUZZ_OUTSIDE", store), ("BD_FUZZ_WORKER", &number)];
            ChildProcess::start("worker", &[], &environment)
        });
        Self { threads: threads.collect(), processes: processes.collect() }
    }

    /// Lets all of them work at once, and does something meanwhile, again and again. Gives what
    /// each has done.
    pub(crate) fn run(&mut self, burst: Burst, mut meanwhile: impl FnMut()) -> Vec<Vec<String>> {
        let mut seed = burst.seed;
        let mut next = || {
            seed += 1;
            Burst { seed, ..burst }
        };
        for child in &mut self.processes {
            let Burst { seed, count, kinds } = next();
            child.send(&format!("{seed} {count} {}", kinds as u8));
        }
        for thread in &self.threads {
            thread.bursts.as_ref().expect("BUG: ended").send(next()).expect("a thread that lives");
        }
        let mut reports = Vec::new();
        for thread in &self.threads {
            reports.push(loop {
                meanwhile();
                match thread.reports.try_recv() {
                    Ok(report) => break report,
                    Err(mpsc::TryRecvError::Empty) => std::thread::yield_now(),
                    Err(mpsc::TryRecvError::Disconnected) => panic!("a thread has panicked"),
                }
            });
        }
        for child in &mut self.processes {
            reports.push(serde_json::from_str(&child.receive()).expect("a report"));
        }
        reports
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        for thread in &mut self.threads {
            drop(thread.bursts.take());
            // A thread that panicked has reported why.
            let _ = thread.joined.take().map(JoinHandle::join);
        }
    }
}

/// What a child process does.
pub(crate) fn serve() {
    let reported = |name: &str| std::env::var(name).expect("started by the test");
    let number = reported("BD_FUZZ_WORKER").parse().expect("a number");
    let worker = FsWorker::new(
        reported("BD_FUZZ_ROOT").as_ref(),
        reported("BD_FUZZ_OUTSIDE").as_ref(),
        number,
    );
    bd_tests::child_process::serve(|line| {
        let numbers: Vec<u64> =
            line.split(' ').map(|part| part.parse().expect("a number")).collect();
        let [seed, count, kinds] = numbers[..] else { panic!("BUG: {line}") };
        let report = worker.run(Burst { seed, count, kinds: OpKinds::from(kinds) });
        serde_json::to_string(&report).expect("JSON")
    });
}
