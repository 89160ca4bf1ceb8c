//! What this process was started with, beside environment, directory and umask. Asks the system call
//! by call and not `/proc`, which a sandbox may have closed. Knows nothing of what becomes of it.

use bd_protocol::process_state::ProcessState;
#[cfg(target_os = "linux")]
use bd_protocol::process_state::{ResourceLimit, Scheduling};

/// The state of this process. Some ten microseconds.
#[cfg(target_os = "linux")]
pub(crate) fn own() -> ProcessState {
    use nix::unistd::{getegid, getgroups};
    let mut groups: Vec<u32> =
        getgroups().unwrap_or_default().into_iter().map(nix::unistd::Gid::as_raw).collect();
    groups.sort_unstable();
    groups.dedup();
    ProcessState {
        nice: linux::nice(),
        scheduling: linux::scheduling(),
        io_priority: linux::io_priority(),
        processors: linux::processors(),
        limits: limits(),
        oom_score_adj: oom_score_adj(),
        group: Some(getegid().as_raw()),
        groups: Some(groups),
        ignored_signals: linux::ignored_signals(),
        personality: linux::personality(),
        jobserver: None,
    }
}

/// Here the command gets the daemon's own.
#[cfg(not(target_os = "linux"))]
pub(crate) fn own() -> ProcessState {
    ProcessState::default()
}

/// The limits that a program can notice.
#[cfg(target_os = "linux")]
fn limits() -> Vec<ResourceLimit> {
    use nix::sys::resource::{Resource, getrlimit};
    const LIMITS: [(&str, Resource); 10] = [
        ("as", Resource::RLIMIT_AS),
        ("core", Resource::RLIMIT_CORE),
        ("cpu", Resource::RLIMIT_CPU),
        ("data", Resource::RLIMIT_DATA),
        ("fsize", Resource::RLIMIT_FSIZE),
        ("memlock", Resource::RLIMIT_MEMLOCK),
        ("nofile", Resource::RLIMIT_NOFILE),
        ("nproc", Resource::RLIMIT_NPROC),
        ("rss", Resource::RLIMIT_RSS),
        ("stack", Resource::RLIMIT_STACK),
    ];
    let limit = |(name, resource): (&str, Resource)| {
        let (soft, hard) = getrlimit(resource).ok()?;
        let [soft, hard] =
            [soft, hard].map(|limit| (limit != nix::libc::RLIM_INFINITY).then_some(limit));
        Some(ResourceLimit { resource: name.to_owned(), soft, hard })
    };
    LIMITS.into_iter().filter_map(limit).collect()
}

#[cfg(target_os = "linux")]
fn oom_score_adj() -> Option<i32> {
    std::fs::read_to_string("/proc/self/oom_score_adj").ok()?.trim().parse().ok()
}

/// Calls for which there is no safe form.
#[cfg(target_os = "linux")]
#[expect(
    unsafe_code,
    reason = "system calls that nix does not have, or only together with a change"
)]
mod linux {
    use super::Scheduling;
    use nix::errno::Errno;
    use nix::libc;

    /// `IOPRIO_WHO_PROCESS`.
    const PROCESS: libc::c_int = 1;
    /// Asks for the execution domain and changes nothing.
    const ASK: libc::c_ulong = 0xffff_ffff;

    pub(super) fn nice() -> Option<i32> {
        Errno::clear();
        // SAFETY: takes and returns numbers.
        let nice = unsafe { libc::getpriority(libc::PRIO_PROCESS, 0) };
        // -1 is a nice value too.
        (nice != -1 || Errno::last_raw() == 0).then_some(nice)
    }

    pub(super) fn scheduling() -> Option<Scheduling> {
        let mut parameter = libc::sched_param { sched_priority: 0 };
        // SAFETY: the kernel writes one structure, which outlives the calls.
        let (policy, got) =
            unsafe { (libc::sched_getscheduler(0), libc::sched_getparam(0, &raw mut parameter)) };
        (policy >= 0 && got == 0)
            .then_some(Scheduling { policy, priority: parameter.sched_priority })
    }

    pub(super) fn io_priority() -> Option<i32> {
        // SAFETY: takes and returns numbers.
        let priority = unsafe { libc::syscall(libc::SYS_ioprio_get, PROCESS, 0) };
        i32::try_from(priority).ok().filter(|priority| *priority >= 0)
    }

    pub(super) fn processors() -> Option<Vec<u64>> {
        // As many as any kernel is built for.
        let mut words = vec![0_u64; 8192 / 64];
        // SAFETY: the kernel writes at most as many bytes as the vector has.
        let bytes = unsafe {
            libc::syscall(
                libc::SYS_sched_getaffinity,
                0,
                words.len() * size_of::<u64>(),
                words.as_mut_ptr(),
            )
        };
        usize::try_from(bytes).ok()?;
        let used = words.iter().rposition(|word| *word != 0)? + 1;
        words.truncate(used);
        Some(words)
    }

    pub(super) fn ignored_signals() -> Vec<i32> {
        let ignored = |signal: &i32| {
            let mut action = std::mem::MaybeUninit::<libc::sigaction>::zeroed();
            // SAFETY: without a new action the call only writes the present one, which outlives it.
            unsafe {
                libc::sigaction(*signal, std::ptr::null(), action.as_mut_ptr()) == 0
                    && action.assume_init().sa_sigaction == libc::SIG_IGN
            }
        };
        // SIGPIPE is ignored by every Rust program from its start on.
        (1..=libc::SIGRTMAX()).filter(|signal| *signal != libc::SIGPIPE).filter(ignored).collect()
    }

    pub(super) fn personality() -> Option<u32> {
        // SAFETY: takes and returns numbers.
        u32::try_from(unsafe { libc::personality(ASK) }).ok()
    }
}
