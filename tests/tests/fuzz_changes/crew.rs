//! Those who do the operations: threads, and processes of their own.

use bd_tests::ChildProcess;
use bd_tests::fs_ops::{Hand, Kinds, MOST_HANDS, Order};
use std::path::Path;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::JoinHandle;

const THREADS: u64 = 2;
const PROCESSES: u64 = MOST_HANDS - THREADS;

/// A member of the crew in this process; its orders end with it.
struct Thread {
    orders: Option<Sender<Order>>,
    reports: Receiver<Vec<String>>,
    joined: Option<JoinHandle<()>>,
}

/// See the [module](self).
pub(crate) struct Crew {
    threads: Vec<Thread>,
    processes: Vec<ChildProcess>,
}

impl Crew {
    pub(crate) fn new(root: &Path, outside: &Path) -> Self {
        let threads = (0..THREADS).map(|number| {
            let (orders, inbox) = mpsc::channel::<Order>();
            let (send, reports) = mpsc::channel();
            let hand = Hand::new(root, outside, number);
            let work = move || {
                for order in inbox {
                    if send.send(hand.burst(order)).is_err() {
                        return;
                    }
                }
            };
            Thread { orders: Some(orders), reports, joined: Some(std::thread::spawn(work)) }
        });
        let [place, store] = [root, outside].map(|path| path.to_str().expect("UTF-8"));
        let processes = (0..PROCESSES).map(|number| {
            let number = (THREADS + number).to_string();
            let environment =
                [("BD_FUZZ_ROOT", place), ("BD_FUZZ_OUTSIDE", store), ("BD_FUZZ_HAND", &number)];
            ChildProcess::start("hand", &[], &environment)
        });
        Self { threads: threads.collect(), processes: processes.collect() }
    }

    /// Lets all of them work at once, and does something meanwhile, again and again. Gives what
    /// each has done.
    pub(crate) fn burst(&mut self, order: Order, mut meanwhile: impl FnMut()) -> Vec<Vec<String>> {
        let mut seed = order.seed;
        let mut next = || {
            seed += 1;
            Order { seed, ..order }
        };
        for child in &mut self.processes {
            let Order { seed, count, kinds } = next();
            child.tell(&format!("{seed} {count} {}", kinds as u8));
        }
        for thread in &self.threads {
            thread.orders.as_ref().expect("BUG: ended").send(next()).expect("a thread that lives");
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
            reports.push(serde_json::from_str(&child.hear()).expect("a report"));
        }
        reports
    }
}

impl Drop for Crew {
    fn drop(&mut self) {
        for thread in &mut self.threads {
            drop(thread.orders.take());
            // A thread that panicked has reported why.
            let _ = thread.joined.take().map(JoinHandle::join);
        }
    }
}

/// What a process of the crew does.
pub(crate) fn serve() {
    let reported = |name: &str| std::env::var(name).expect("started by the test");
    let number = reported("BD_FUZZ_HAND").parse().expect("a number");
    let hand =
        Hand::new(reported("BD_FUZZ_ROOT").as_ref(), reported("BD_FUZZ_OUTSIDE").as_ref(), number);
    bd_tests::child_process::serve(|line| {
        let numbers: Vec<u64> =
            line.split(' ').map(|part| part.parse().expect("a number")).collect();
        let [seed, count, kinds] = numbers[..] else { panic!("BUG: {line}") };
        let report = hand.burst(Order { seed, count, kinds: Kinds::from(kinds) });
        serde_json::to_string(&report).expect("JSON")
    });
}
