//! What a process hands on to those it starts, beside environment, directory and umask: what of it
//! makes another action, and how much of it a daemon can give. Knows no system call.

use super::digest::FieldHasher;
use serde::{Deserialize, Serialize};

/// Descriptors that every program can rely on. Runtimes raise their limit to whatever is allowed, and
/// hand that on to all they start, so that beyond this it says which runtime asks.
const ENOUGH_FILES: u64 = 1024;

/// Numbers of descriptors from here on are the supervisor's; a command is promised those below.
pub const DESCRIPTORS_BELOW: i32 = 64;

/// The state that a command is started with. Absent is the daemon's own. It travels to the supervisor,
/// which is the same program.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessState {
    /// Nice value.
    pub nice: Option<i32>,
    /// Scheduling class, and priority within it.
    pub scheduling: Option<(i32, i32)>,
    /// Class and level of input and output, as the system encodes them.
    pub io_priority: Option<i32>,
    /// Processors it may use: bit N of the words stands for processor N.
    pub processors: Option<Vec<u64>>,
    /// Resource limits, one each, sorted.
    pub limits: Vec<Limit>,
    /// How readily it is killed when memory runs out.
    pub oom_score_adj: Option<i32>,
    /// Effective group.
    pub group: Option<u32>,
    /// Supplementary groups, sorted.
    pub groups: Option<Vec<u32>>,
    /// Signals that are ignored, sorted.
    pub ignored_signals: Vec<i32>,
    /// Execution domain, as the system encodes it.
    pub personality: Option<u32>,
}

/// A resource limit. `u64::MAX` is without limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Limit {
    /// What is limited.
    pub resource: Resource,
    /// The limit that holds.
    pub soft: u64,
    /// How far it may be raised.
    pub hard: u64,
}

/// What can be limited.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Resource {
    /// Address space, in bytes.
    AddressSpace,
    /// Core files, in bytes.
    Core,
    /// Processor time, in seconds.
    Cpu,
    /// Data segment, in bytes.
    Data,
    /// Size of a file, in bytes.
    FileSize,
    /// Locked memory, in bytes.
    Memlock,
    /// Open descriptors.
    OpenFiles,
    /// Processes of the user.
    Processes,
    /// Resident memory, in bytes.
    Resident,
    /// Stack, in bytes.
    Stack,
}

impl Resource {
    /// What is limited, in words.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::AddressSpace => "address space",
            Self::Core => "core files",
            Self::Cpu => "processor time",
            Self::Data => "data segments",
            Self::FileSize => "the size of files",
            Self::Memlock => "locked memory",
            Self::OpenFiles => "open files",
            Self::Processes => "processes",
            Self::Resident => "resident memory",
            Self::Stack => "the stack",
        }
    }
}

impl ProcessState {
    /// Adds what makes a run in this state another action.
    pub(super) fn identify(&self, hasher: &mut FieldHasher) {
        let Self { nice, scheduling, io_priority, processors, limits, .. } = self;
        let Self { oom_score_adj, group, groups, ignored_signals, personality, .. } = self;
        hasher.field(b"process");
        let (policy, priority) = scheduling.unzip();
        for number in [*nice, policy, priority, *io_priority, *oom_score_adj] {
            hasher.number(number.map_or(u64::MAX, |number| u64::from(number.cast_unsigned())));
        }
        for number in [*group, *personality] {
            hasher.number(number.map_or(u64::MAX, u64::from));
        }
        let words = processors.as_deref().unwrap_or_default();
        list(hasher, words.iter().copied());
        let groups = groups.as_deref();
        hasher.number(u64::from(groups.is_some()));
        list(hasher, groups.unwrap_or_default().iter().map(|group| u64::from(*group)));
        list(hasher, ignored_signals.iter().map(|signal| u64::from(signal.cast_unsigned())));
        list(hasher, limits.iter().flat_map(counted));
    }
}

/// What counts of a limit.
fn counted(limit: &Limit) -> [u64; 3] {
    let Limit { resource, soft, hard } = *limit;
    let which = resource as u64;
    match resource {
        Resource::OpenFiles => [which, soft.min(ENOUGH_FILES), 0],
        _ => [which, soft, hard],
    }
}

fn list(hasher: &mut FieldHasher, numbers: impl Iterator<Item = u64>) {
    let numbers: Vec<u8> = numbers.flat_map(u64::to_le_bytes).collect();
    hasher.field(&numbers);
}

/// How far a daemon can go in giving a command the state of its client. The daemon is started by some
/// process, and cannot have more than that had without privileges.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reach {
    /// Lowest nice value.
    pub nice: i32,
    /// The scheduling class of the daemon, where it cannot leave it.
    pub only_class: Option<i32>,
    /// Whether real-time classes can be had.
    pub real_time: bool,
    /// Processors; `None` where that is not known.
    pub processors: Option<Vec<u64>>,
    /// Highest limits; those that are not listed can be any.
    pub limits: Vec<(Resource, u64)>,
    /// Own groups, effective one first, where no others can be had.
    pub groups: Option<(u32, Vec<u32>)>,
}

impl Reach {
    /// Why a command cannot be given this state: what differs, in words. `None` when it can.
    #[must_use]
    pub fn lacks(&self, state: &ProcessState) -> Option<String> {
        if let Some(nice) = state.nice.filter(|nice| *nice < self.nice) {
            let lowest = self.nice;
            return Some(format!(
                "a nice value of {nice}, and the daemon can give {lowest} at best"
            ));
        }
        let others = |only: i32| state.scheduling.is_some_and(|(policy, _)| policy != only);
        if self.only_class.is_some_and(others) {
            return Some(
                "another scheduling class, and the daemon cannot leave its own".to_owned(),
            );
        }
        if state.scheduling.is_some_and(|(_, priority)| priority > 0) && !self.real_time {
            return Some("a real-time scheduling class".to_owned());
        }
        for limit in &state.limits {
            let most = self.limits.iter().find(|(resource, _)| *resource == limit.resource);
            if let Some((resource, most)) = most.filter(|(_, most)| limit.soft > *most) {
                let words = resource.words();
                let asked = match limit.soft {
                    u64::MAX => "no limit".to_owned(),
                    soft => format!("a limit of {soft}"),
                };
                return Some(format!("{asked} on {words}, and the daemon can give {most} at most"));
            }
        }
        if let (Some(asked), Some(own)) = (&state.processors, &self.processors) {
            let word = |at: usize| own.get(at).copied().unwrap_or(0);
            if asked.iter().enumerate().any(|(at, asked)| asked & !word(at) != 0) {
                return Some("processors that the daemon may not use".to_owned());
            }
        }
        let (own, others) = self.groups.as_ref()?;
        let same = state.group.is_none_or(|group| group == *own)
            && state.groups.as_ref().is_none_or(|groups| groups == others);
        (!same).then(|| "other groups than the daemon".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::digest::Digest;

    fn limit(resource: Resource, soft: u64, hard: u64) -> Limit {
        Limit { resource, soft, hard }
    }

    fn identity(state: &ProcessState) -> Digest {
        let mut hasher = FieldHasher::new("bd test");
        state.identify(&mut hasher);
        hasher.finish()
    }

    #[test]
    fn every_part_of_the_state_makes_another_action() {
        let base =
            ProcessState { limits: vec![limit(Resource::Stack, 8, 9)], ..Default::default() };
        let with = |change: &dyn Fn(&mut ProcessState)| {
            let mut changed = base.clone();
            change(&mut changed);
            identity(&changed)
        };
        let different = [
            identity(&base),
            with(&|s| s.nice = Some(5)),
            with(&|s| s.nice = Some(-5)),
            with(&|s| s.scheduling = Some((3, 0))),
            with(&|s| s.scheduling = Some((2, 1))),
            with(&|s| s.io_priority = Some(3 << 13)),
            with(&|s| s.processors = Some(vec![1])),
            with(&|s| s.processors = Some(vec![2])),
            with(&|s| s.limits[0].soft = 7),
            with(&|s| s.limits[0].hard = 8),
            with(&|s| s.limits.push(limit(Resource::OpenFiles, 200, 4096))),
            with(&|s| s.limits.push(limit(Resource::OpenFiles, 1024, 4096))),
            with(&|s| s.oom_score_adj = Some(500)),
            with(&|s| s.group = Some(1)),
            with(&|s| s.groups = Some(vec![])),
            with(&|s| s.groups = Some(vec![1])),
            with(&|s| s.ignored_signals = vec![1]),
            with(&|s| s.personality = Some(8)),
        ];
        for (at, digest) in different.iter().enumerate() {
            assert!(!different[..at].contains(digest), "change {at} made no difference");
        }
    }

    #[test]
    fn more_descriptors_than_any_program_counts_on_make_no_other_action() {
        let with = |soft, hard| {
            let limits = vec![limit(Resource::OpenFiles, soft, hard)];
            identity(&ProcessState { limits, ..Default::default() })
        };
        assert_eq!(with(1024, 4096), with(1 << 20, 1 << 20));
        assert_ne!(with(1023, 4096), with(1024, 4096));
    }

    #[test]
    fn what_a_daemon_cannot_give_is_named_and_at_its_bound_it_can() {
        let reach = Reach {
            nice: 5,
            only_class: Some(0),
            real_time: false,
            processors: Some(vec![0b11]),
            limits: vec![(Resource::Cpu, 100)],
            groups: Some((7, vec![7, 8])),
        };
        let state = ProcessState {
            nice: Some(5),
            scheduling: Some((0, 0)),
            processors: Some(vec![0b10]),
            limits: vec![limit(Resource::Cpu, 100, u64::MAX), limit(Resource::Data, u64::MAX, 0)],
            group: Some(7),
            groups: Some(vec![7, 8]),
            ..ProcessState::default()
        };
        assert_eq!(reach.lacks(&state), None);
        assert_eq!(reach.lacks(&ProcessState::default()), None);
        let but = |change: &dyn Fn(&mut ProcessState)| {
            let mut changed = state.clone();
            change(&mut changed);
            reach.lacks(&changed).expect("it is lacking")
        };
        assert!(but(&|s| s.nice = Some(4)).contains("nice value of 4"));
        assert!(but(&|s| s.scheduling = Some((5, 0))).contains("cannot leave"));
        let ordinary = Reach { only_class: None, ..reach.clone() };
        let real_time = ProcessState { scheduling: Some((1, 1)), ..state.clone() };
        assert!(ordinary.lacks(&real_time).expect("it is lacking").contains("real-time"));
        assert!(but(&|s| s.processors = Some(vec![0b110])).contains("processors"));
        assert!(but(&|s| s.processors = Some(vec![1, 1])).contains("processors"));
        assert!(but(&|s| s.limits[0].soft = 101).contains("processor time"));
        assert!(but(&|s| s.limits[0].soft = u64::MAX).contains("no limit"));
        assert!(but(&|s| s.group = Some(8)).contains("groups"));
        assert!(but(&|s| s.groups = Some(vec![7])).contains("groups"));
    }
}
