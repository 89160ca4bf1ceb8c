//! Numbers of this process that the system keeps: its class, processors, limits and the like, as plain
//! calls. Knows nothing of which are right.

#![expect(unsafe_code, reason = "calls that nix lacks, or marks unsafe whatever their arguments")]

use crate::model::process_state::Resource;
use crate::process::resource_number;
use nix::errno::Errno;
use nix::libc;
use nix::sys::resource::{getrlimit, setrlimit};

/// `IOPRIO_WHO_PROCESS`.
const PROCESS: libc::c_int = 1;

/// Words of 64 processors each: as many as any kernel is built for.
const PROCESSOR_WORDS: usize = 8192 / 64;

/// Closes all descriptors but the standard streams. Only before anything of ours is open.
pub(super) fn close_inherited() {
    // SAFETY: nobody owns these descriptors: the process has just begun.
    let closed = unsafe { libc::syscall(libc::SYS_close_range, 3, libc::c_uint::MAX, 0) };
    if closed == 0 {
        return;
    }
    // Kernels before 5.9.
    let Ok(entries) = std::fs::read_dir("/proc/self/fd") else { return };
    let open: Vec<i32> =
        entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    for descriptor in open.into_iter().filter(|descriptor| *descriptor > 2) {
        // SAFETY: as above. The descriptor of the list is closed by now, for which this fails.
        unsafe { libc::close(descriptor) };
    }
}

/// Lets no signal be ignored but SIGPIPE, which every Rust program ignores.
pub(super) fn heed_all_signals() {
    for signal in (1..=libc::SIGRTMAX()).filter(|signal| *signal != libc::SIGPIPE) {
        let mut action = std::mem::MaybeUninit::<libc::sigaction>::zeroed();
        // SAFETY: the first call only writes the present action, which outlives it; the default action
        // runs no code of ours.
        unsafe {
            if libc::sigaction(signal, std::ptr::null(), action.as_mut_ptr()) == 0
                && action.assume_init().sa_sigaction == libc::SIG_IGN
            {
                libc::signal(signal, libc::SIG_DFL);
            }
        }
    }
}

/// Gives up the controlling terminal, if there is one.
pub(super) fn leave_terminal() {
    use std::os::fd::AsRawFd as _;
    let Ok(terminal) = std::fs::File::open("/dev/tty") else { return };
    // SAFETY: the call takes no argument.
    unsafe { libc::ioctl(terminal.as_raw_fd(), libc::TIOCNOTTY) };
}

/// Lets this process run on every processor that it may have.
pub(super) fn use_all_processors() {
    let all = [u64::MAX; PROCESSOR_WORDS];
    // SAFETY: the kernel reads as many bytes as the array has, and takes those processors that exist.
    unsafe { libc::syscall(libc::SYS_sched_setaffinity, 0, size_of_val(&all), all.as_ptr()) };
}

/// The processors that this process may run on.
pub(super) fn processors() -> Option<Vec<u64>> {
    let mut words = vec![0_u64; PROCESSOR_WORDS];
    let bytes = words.len() * size_of::<u64>();
    // SAFETY: the kernel writes at most as many bytes as the vector has.
    let written =
        unsafe { libc::syscall(libc::SYS_sched_getaffinity, 0, bytes, words.as_mut_ptr()) };
    (written > 0).then_some(words)
}

/// Takes the ordinary scheduling class.
///
/// # Errors
///
/// The class it stays in, where that is not permitted.
pub(super) fn be_ordinary() -> Result<(), i32> {
    let parameter = libc::sched_param { sched_priority: 0 };
    // SAFETY: the kernel reads one structure, which outlives the call.
    unsafe {
        let class = libc::sched_getscheduler(0);
        let ordinary = class == libc::SCHED_OTHER
            || libc::sched_setscheduler(0, libc::SCHED_OTHER, &raw const parameter) == 0;
        if ordinary { Ok(()) } else { Err(class) }
    }
}

pub(super) fn nice() -> i32 {
    // SAFETY: takes and returns numbers.
    unsafe { libc::getpriority(libc::PRIO_PROCESS, 0) }
}

/// False where that is not permitted.
pub(super) fn set_nice(nice: i32) -> bool {
    // SAFETY: takes and returns numbers.
    unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, nice) == 0 }
}

/// The nice value that the limit for it permits without privileges.
pub(super) fn lowest_nice() -> i32 {
    let limit = other_limit(libc::RLIMIT_NICE);
    20 - i32::try_from(limit.min(40)).unwrap_or(40)
}

/// Whether real-time classes are permitted without privileges.
pub(super) fn may_be_real_time() -> bool {
    other_limit(libc::RLIMIT_RTPRIO) > 0
}

fn other_limit(which: libc::__rlimit_resource_t) -> u64 {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the kernel writes one structure, which outlives the call.
    let got = unsafe { libc::getrlimit(which, &raw mut limit) };
    if got == 0 { limit.rlim_cur } else { 0 }
}

/// Input and output of this process rank as its nice value does.
pub(super) fn forget_io_priority() {
    // SAFETY: takes and returns numbers.
    unsafe { libc::syscall(libc::SYS_ioprio_set, PROCESS, 0, 0) };
}

/// Takes the execution domain of the system itself.
pub(super) fn be_no_other_system() {
    // SAFETY: takes and returns numbers.
    unsafe { libc::personality(0) };
}

/// Soft and hard limit.
pub(super) fn limit(resource: Resource) -> Option<(u64, u64)> {
    getrlimit(resource_number(resource)).ok()
}

/// False where that is not permitted.
pub(super) fn set_limit(resource: Resource, soft: u64, hard: u64) -> bool {
    setrlimit(resource_number(resource), soft, hard).is_ok()
}

/// Whether a hard limit is no bound for this process. Leaves it as it is.
pub(super) fn may_raise(resource: Resource, soft: u64, hard: u64) -> bool {
    if hard == u64::MAX {
        return true;
    }
    let raised = setrlimit(resource_number(resource), soft, hard + 1);
    let _ = setrlimit(resource_number(resource), soft, hard);
    // The system's own bound of open files is refused so even to the privileged.
    raised.is_ok() || raised == Err(Errno::EINVAL)
}
