//! The state of a client's process, as a command is to get it.

use crate::model::process_state::{Limit, ProcessState, Resource};
use bd_protocol::process_state::{ProcessState as Wire, ResourceLimit};

/// Largest number of a signal on any system.
const LAST_SIGNAL: i32 = 64;

pub(in crate::server) fn process_state(wire: Wire) -> ProcessState {
    let sorted = |mut numbers: Vec<u32>| {
        numbers.sort_unstable();
        numbers.dedup();
        numbers
    };
    let mut ignored_signals = wire.ignored_signals;
    ignored_signals.retain(|signal| (1..=LAST_SIGNAL).contains(signal));
    ignored_signals.sort_unstable();
    ignored_signals.dedup();
    let mut limits: Vec<Limit> = wire.limits.iter().filter_map(limit).collect();
    limits.sort_unstable();
    limits.dedup_by_key(|limit| limit.resource);
    ProcessState {
        nice: wire.nice,
        scheduling: wire.scheduling.map(|class| (class.policy, class.priority)),
        io_priority: wire.io_priority,
        processors: wire.processors,
        limits,
        oom_score_adj: wire.oom_score_adj,
        group: wire.group,
        groups: wire.groups.map(sorted),
        ignored_signals,
        personality: wire.personality,
    }
}

fn limit(wire: &ResourceLimit) -> Option<Limit> {
    let resource = match &*wire.resource {
        "as" => Resource::AddressSpace,
        "core" => Resource::Core,
        "cpu" => Resource::Cpu,
        "data" => Resource::Data,
        "fsize" => Resource::FileSize,
        "memlock" => Resource::Memlock,
        "nofile" => Resource::OpenFiles,
        "nproc" => Resource::Processes,
        "rss" => Resource::Resident,
        "stack" => Resource::Stack,
        _ => return None,
    };
    let [soft, hard] = [wire.soft, wire.hard].map(|limit| limit.unwrap_or(u64::MAX));
    Some(Limit { resource, soft: soft.min(hard), hard })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_state_in_another_order_is_the_same() {
        let limit = |name: &str, soft, hard| ResourceLimit { resource: name.into(), soft, hard };
        let wire = Wire {
            groups: Some(vec![3, 1, 3]),
            ignored_signals: vec![15, 1, -1, 99, 1],
            limits: vec![
                limit("stack", Some(8), None),
                limit("novel", Some(1), Some(1)),
                limit("cpu", None, Some(5)),
                limit("cpu", None, Some(5)),
            ],
            ..Wire::default()
        };
        let state = process_state(wire);
        assert_eq!((state.groups, state.ignored_signals), (Some(vec![1, 3]), vec![1, 15]));
        let limits = [
            Limit { resource: Resource::Cpu, soft: 5, hard: 5 },
            Limit { resource: Resource::Stack, soft: 8, hard: u64::MAX },
        ];
        assert_eq!(state.limits, limits);
    }
}
