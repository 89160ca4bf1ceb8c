//! How much memory the daemon uses, for `status`.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use sysinfo::{Pid, ProcessRefreshKind, ProcessesToUpdate, System};

/// How long a measurement is valid. It takes forty system calls, `/proc/stat` among them: more than the
/// rest of an answer, and a thousand clients may ask at once.
const FRESH: Duration = Duration::from_secs(1);

/// See the [module](self).
#[derive(Debug, Default)]
pub(super) struct Memory(Mutex<Option<(Instant, u64)>>);

impl Memory {
    /// Resident bytes, now or a moment ago; 0 if the system does not report them.
    pub(super) fn resident_bytes(&self) -> u64 {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match *last {
            Some((at, bytes)) if at.elapsed() < FRESH => bytes,
            _ => {
                let bytes = measure();
                *last = Some((Instant::now(), bytes));
                bytes
            }
        }
    }
}

fn measure() -> u64 {
    let us = Pid::from_u32(std::process::id());
    // If the system does not report it, only this value is missing.
    let Ok(mut system) = System::new() else { return 0 };
    system.refresh_processes_specifics(
        ProcessesToUpdate::Some(&[us]),
        false,
        ProcessRefreshKind::nothing().with_memory().without_tasks(),
    );
    system.process(us).map_or(0, sysinfo::Process::memory)
}
