//! Takes on the state that a command is to have, in the new process between fork and exec. Knows
//! nothing of whose state it was.

use crate::model::ProcessState;
#[cfg(target_os = "linux")]
use crate::model::process_state::{Limit, Resource};
use nix::errno::Errno;
use nix::libc;
use std::io;
use std::os::fd::RawFd;

/// `IOPRIO_WHO_PROCESS`.
#[cfg(target_os = "linux")]
const PROCESS: libc::c_int = 1;

/// Gives this process the state. Groups, class, processors, nice value, execution domain and limits
/// are had or it is an error; of the rest as much as is permitted.
///
/// # Errors
///
/// The first that the system refuses.
#[cfg(target_os = "linux")]
pub(super) fn take(state: &ProcessState) -> io::Result<()> {
    groups(state)?;
    if let Some((policy, priority)) = state.scheduling {
        class(policy, priority)?;
    }
    if let Some(nice) = state.nice {
        set_nice(nice)?;
    }
    if let Some(processors) = &state.processors {
        set_processors(processors)?;
    }
    if let Some(personality) = state.personality {
        set_personality(personality)?;
    }
    if let Some(priority) = state.io_priority.filter(|priority| *priority != 0) {
        // A class that needs privileges makes a run faster at best.
        set_io_priority(priority);
    }
    if let Some(adjustment) = state.oom_score_adj {
        // It can be raised always, and lowered to what the daemon was given.
        let _ = std::fs::write("/proc/self/oom_score_adj", adjustment.to_string());
    }
    ignore(&state.ignored_signals);
    // Last: from here on even memory may be scarce.
    state.limits.iter().try_for_each(set_limit)
}

/// Elsewhere than on Linux no client sends its state.
#[cfg(not(target_os = "linux"))]
pub(super) fn take(_state: &ProcessState) -> io::Result<()> {
    Ok(())
}

/// Lets the program that follows have a descriptor.
#[expect(unsafe_code, reason = "the number is what was agreed on, whoever owns the descriptor")]
pub(super) fn hand_on(descriptor: RawFd) -> io::Result<()> {
    // SAFETY: changes a flag of a descriptor, which need not even be open.
    let changed = unsafe { libc::fcntl(descriptor, libc::F_SETFD, 0) };
    Errno::result(changed).map(drop).map_err(io::Error::from)
}

#[cfg(target_os = "linux")]
fn groups(state: &ProcessState) -> io::Result<()> {
    use nix::unistd::{Gid, getegid, getgroups, setgroups, setresgid};
    if let Some(groups) = &state.groups {
        let mut own: Vec<u32> = getgroups()?.into_iter().map(Gid::as_raw).collect();
        own.sort_unstable();
        own.dedup();
        if own != *groups {
            let groups: Vec<Gid> = groups.iter().copied().map(Gid::from_raw).collect();
            setgroups(&groups)?;
        }
    }
    if let Some(group) = state.group.map(Gid::from_raw).filter(|group| *group != getegid()) {
        setresgid(group, group, group)?;
    }
    Ok(())
}

#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "nix has no call for scheduling classes")]
fn class(policy: i32, priority: i32) -> io::Result<()> {
    let parameter = libc::sched_param { sched_priority: priority };
    // SAFETY: the kernel reads one structure, which outlives the call.
    let set = unsafe { libc::sched_setscheduler(0, policy, &raw const parameter) };
    Errno::result(set).map(drop).map_err(io::Error::from)
}

#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "nix has no call for nice values")]
fn set_nice(nice: i32) -> io::Result<()> {
    // SAFETY: takes and returns numbers.
    let set = unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, nice) };
    Errno::result(set).map(drop).map_err(io::Error::from)
}

#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "nix knows 1024 processors at most")]
fn set_processors(words: &[u64]) -> io::Result<()> {
    // SAFETY: the kernel reads as many bytes as the slice has.
    let set = unsafe {
        libc::syscall(libc::SYS_sched_setaffinity, 0, size_of_val(words), words.as_ptr())
    };
    Errno::result(set).map(drop).map_err(io::Error::from)
}

#[cfg(target_os = "linux")]
fn set_personality(personality: u32) -> io::Result<()> {
    use nix::sys::personality;
    let wanted = personality::Persona::from_bits_retain(personality.cast_signed());
    if personality::get()? != wanted {
        personality::set(wanted)?;
    }
    Ok(())
}

#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "nix has no call for this priority")]
fn set_io_priority(priority: i32) {
    // SAFETY: takes and returns numbers.
    unsafe { libc::syscall(libc::SYS_ioprio_set, PROCESS, 0, priority) };
}

#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "nix has no real-time signals")]
fn ignore(signals: &[i32]) {
    for signal in signals {
        // SAFETY: ignoring runs no code of ours. It fails for numbers that cannot be ignored.
        unsafe { libc::signal(*signal, libc::SIG_IGN) };
    }
}

/// Sets a limit; where its upper bound may not be had, to what may be had of it.
#[cfg(target_os = "linux")]
fn set_limit(limit: &Limit) -> io::Result<()> {
    use nix::sys::resource::{getrlimit, setrlimit};
    let resource = resource_number(limit.resource);
    match setrlimit(resource, limit.soft, limit.hard) {
        Err(Errno::EPERM) => {
            let (_, most) = getrlimit(resource)?;
            Ok(setrlimit(resource, limit.soft.min(most), limit.hard.min(most))?)
        }
        set => Ok(set?),
    }
}

/// What the system calls it.
#[cfg(target_os = "linux")]
pub(crate) fn resource_number(resource: Resource) -> nix::sys::resource::Resource {
    use nix::sys::resource::Resource as Number;
    match resource {
        Resource::AddressSpace => Number::RLIMIT_AS,
        Resource::Core => Number::RLIMIT_CORE,
        Resource::Cpu => Number::RLIMIT_CPU,
        Resource::Data => Number::RLIMIT_DATA,
        Resource::FileSize => Number::RLIMIT_FSIZE,
        Resource::Memlock => Number::RLIMIT_MEMLOCK,
        Resource::OpenFiles => Number::RLIMIT_NOFILE,
        Resource::Processes => Number::RLIMIT_NPROC,
        Resource::Resident => Number::RLIMIT_RSS,
        Resource::Stack => Number::RLIMIT_STACK,
    }
}
