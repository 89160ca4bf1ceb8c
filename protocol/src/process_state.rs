//! What a process hands on to those it starts, beside environment, directory and umask. A client
//! sends its own with a submission, so that the command runs as if the client had started it.
//!
//! Every field may be absent: the system has no such thing, or does not tell. Then the command gets
//! the daemon's own.

use serde::{Deserialize, Serialize};

/// The state of a process.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessState {
    /// Nice value, -20 to 19.
    #[serde(default)]
    pub nice: Option<i32>,
    /// Scheduling class.
    #[serde(default)]
    pub scheduling: Option<Scheduling>,
    /// Class and level of input and output, as `ioprio_get(2)` has them.
    #[serde(default)]
    pub io_priority: Option<i32>,
    /// Processors it may use: bit N of the 64-bit words stands for processor N.
    #[serde(default)]
    pub processors: Option<Vec<u64>>,
    /// Resource limits.
    #[serde(default)]
    pub limits: Vec<ResourceLimit>,
    /// How readily it is killed when memory runs out, -1000 to 1000.
    #[serde(default)]
    pub oom_score_adj: Option<i32>,
    /// Effective group.
    #[serde(default)]
    pub group: Option<u32>,
    /// Supplementary groups, sorted.
    #[serde(default)]
    pub groups: Option<Vec<u32>>,
    /// Numbers of the signals that it ignores, sorted. SIGPIPE is never among them.
    #[serde(default)]
    pub ignored_signals: Vec<i32>,
    /// Execution domain, as `personality(2)` has it.
    #[serde(default)]
    pub personality: Option<u32>,
    /// Descriptors of a jobserver that the environment names by number.
    #[serde(default)]
    pub jobserver: Option<Jobserver>,
}

/// A scheduling class, as `sched_setscheduler(2)` has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scheduling {
    /// Its number.
    pub policy: i32,
    /// Priority within it; 0 in those without.
    pub priority: i32,
}

/// One resource limit. `null` means without limit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResourceLimit {
    /// Which: `nofile`, `stack` and so on, as `prlimit --NAME`. Unknown ones are ignored.
    pub resource: String,
    /// The limit that holds.
    pub soft: Option<u64>,
    /// How far it may be raised.
    pub hard: Option<u64>,
}

/// The two ends of a jobserver's pipe: numbers of descriptors of the client, which the command
/// gets under the same numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Jobserver {
    /// Where tokens are taken from.
    pub read: i32,
    /// Where they are given back.
    pub write: i32,
}
