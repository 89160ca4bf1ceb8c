//! Bounds what a power cut takes to the last second: a thread that has what was written synchronised
//! with the disk, at most about once a second, and only when something was written. Whoever writes
//! never waits for it.

use crate::output::OutputSync;
use crate::store::StoreSync;
use std::io;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant};

/// From the first write until it is synchronised, so that what belongs together goes together.
const DELAY: Duration = Duration::from_millis(100);

/// Between the beginnings of two synchronisations. With the time that one takes, which is tens of
/// milliseconds, it is below a second.
const INTERVAL: Duration = Duration::from_millis(900);

/// Starts the thread. It ends with everybody who writes.
///
/// # Errors
///
/// When the system gives no thread.
pub fn keep_synced(output: OutputSync, store: StoreSync) -> io::Result<()> {
    // One is enough: it says that there is something.
    let (announce, written) = sync_channel(1);
    output.announce(announce.clone());
    store.announce(announce);
    std::thread::Builder::new()
        .name("disk-sync".into())
        .spawn(move || run(&written, &output, &store))
        .map(drop)
}

fn run(written: &Receiver<()>, output: &OutputSync, store: &StoreSync) {
    let mut next = Instant::now();
    while written.recv().is_ok() {
        let now = Instant::now();
        std::thread::sleep(next.saturating_duration_since(now).max(DELAY));
        // What was written until now is part of it.
        let _ = written.try_recv();
        next = Instant::now() + INTERVAL;
        // Output first: what the store says of it is true then.
        if let Err(error) = output.sync().and(store.sync()) {
            tracing::warn!(%error, "what was written last would not outlive a power cut");
        }
    }
}
