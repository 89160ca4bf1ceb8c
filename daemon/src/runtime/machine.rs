//! Samples the machine for the scheduler.

use crate::scheduler::MachineLoad;
use sysinfo::{MemoryRefreshKind, RefreshKind, System};

/// What the machine has. What the system does not tell is 0.
#[must_use]
pub fn sample() -> MachineLoad {
    let cores = std::thread::available_parallelism().map_or(0, |cores| cores.get());
    let memory = RefreshKind::nothing().with_memory(MemoryRefreshKind::nothing().with_ram());
    MachineLoad {
        cores: u32::try_from(cores).unwrap_or(u32::MAX),
        memory_bytes: System::new_with_specifics(memory).map_or(0, |system| system.total_memory()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_that_runs_this_has_cores_and_memory() {
        let load = sample();
        assert!(load.cores > 0 && load.memory_bytes > 1 << 20, "{load:?}");
    }
}
