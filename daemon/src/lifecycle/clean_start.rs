//! Lets the daemon begin without what its starter happened to have: descriptors, file mode mask,
//! signals, terminal, class, processors and limits. Otherwise the first client would decide for all.
//! What cannot be undone without privileges is told, and so is how far commands can differ from it.

use super::process_numbers as numbers;
use super::started::{CleanStart, PRIVATE};
use crate::model::process_state::Resource;
use nix::sys::signal::SigSet;
use nix::sys::stat::{Mode, umask};
use nix::unistd::{Gid, getegid, getgroups, setgroups};

/// Open files that a program may count on, and what systems usually allow.
const USUAL_FILES: u64 = 1024;
const MOST_FILES: u64 = 524_288;

/// The usual limit of a stack. More, or none, would change the layout of memory.
const USUAL_STACK: u64 = 8 << 20;

/// Takes the defaults for what a process hands on to those it starts. Before any thread and any file.
/// With `apart`, also leaves the session of its starter, and so its terminal.
pub(super) fn take_defaults(apart: bool) -> CleanStart {
    numbers::close_inherited();
    umask(Mode::from_bits_truncate(PRIVATE));
    numbers::heed_all_signals();
    // It fails only for numbers that are no signals.
    let _ = SigSet::empty().thread_set_mask();
    if apart {
        // The leader of a group cannot; then it gives the terminal back at least.
        if nix::unistd::setsid().is_err() {
            numbers::leave_terminal();
        }
    }
    let mut start = CleanStart::default();
    numbers::use_all_processors();
    start.reach.processors = numbers::processors();
    start.reach.only_class = numbers::be_ordinary().err();
    if start.reach.only_class.is_some() {
        start.kept.push("a scheduling class of its own".to_owned());
    }
    niceness(&mut start);
    numbers::forget_io_priority();
    numbers::be_no_other_system();
    be_no_early_victim();
    limits(&mut start);
    start.reach.groups = groups();
    start
}

fn niceness(start: &mut CleanStart) {
    const LOWEST: i32 = -20;
    let privileged = numbers::set_nice(LOWEST);
    let _ = numbers::set_nice(0);
    let nice = numbers::nice();
    if nice > 0 {
        start.kept.push(format!("nice {nice}"));
    }
    start.reach.nice = if privileged { LOWEST } else { nice.min(numbers::lowest_nice()) };
    start.reach.real_time = privileged || numbers::may_be_real_time();
}

/// When memory runs out, builds go before the daemon. Systems start what a desktop starts with some
/// adjustment that a user cannot take back whole.
fn be_no_early_victim() {
    const FILE: &str = "/proc/self/oom_score_adj";
    let own = || std::fs::read_to_string(FILE).ok()?.trim().parse::<i32>().ok();
    let (mut refused, Some(mut held)) = (-1, own()) else { return };
    while held > refused + 1 {
        let tried = if refused < 0 { 0 } else { i32::midpoint(refused, held) };
        if std::fs::write(FILE, tried.to_string()).is_ok() {
            held = tried;
        } else {
            refused = tried;
        }
    }
}

/// Raises the limits as far as they may be raised.
fn limits(start: &mut CleanStart) {
    use Resource::{
        AddressSpace, Core, Cpu, Data, FileSize, Memlock, OpenFiles, Processes, Resident, Stack,
    };
    start.open_files =
        numbers::limit(OpenFiles).map(|(soft, hard)| (soft.max(USUAL_FILES.min(hard)), hard));
    let all =
        [AddressSpace, Core, Cpu, Data, FileSize, Memlock, OpenFiles, Processes, Resident, Stack];
    for resource in all {
        let Some((soft, hard)) = numbers::limit(resource) else { continue };
        let most = if resource == OpenFiles { hard.max(MOST_FILES) } else { u64::MAX };
        let hard = if numbers::set_limit(resource, soft, most) { most } else { hard };
        let soft = match resource {
            // Many clients have two connections each.
            OpenFiles | AddressSpace | Cpu | Data | FileSize | Processes | Resident => hard,
            Stack => USUAL_STACK.min(hard),
            Core => 0,
            Memlock => soft,
        };
        // Some systems report a limit that they do not grant; then it stays as it is.
        let _ = numbers::set_limit(resource, soft, hard);
        if !numbers::may_raise(resource, soft, hard) {
            start.reach.limits.push((resource, hard));
        }
        let least = match resource {
            AddressSpace | Cpu | Data | FileSize => u64::MAX,
            OpenFiles => USUAL_FILES,
            Stack => USUAL_STACK,
            Core | Memlock | Processes | Resident => 0,
        };
        if hard < least {
            start.kept.push(format!("a limit of {hard} on {}", resource.words()));
        }
    }
}

/// Our groups, where we cannot have others.
fn groups() -> Option<(u32, Vec<u32>)> {
    let own = getgroups().ok()?;
    if setgroups(&own).is_ok() {
        return None;
    }
    let mut own: Vec<u32> = own.into_iter().map(Gid::as_raw).collect();
    own.sort_unstable();
    own.dedup();
    Some((getegid().as_raw(), own))
}
