//! The processes below this one. Knows nothing of what they do or why they are signalled.

use nix::errno::Errno;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::{Pid, getpgid, getpgrp};

/// Sends a signal to every process below this one, once each, by their process groups: a group is
/// reached at one moment, so a chain of processes that fork and exit can not run ahead. Groups are
/// the tree's own, because the command begins a session and no group spans sessions.
///
/// A process that moves in the tree meanwhile may be missed; callers that must be sure repeat it.
pub(super) fn signal(main: Pid, signal: Signal) {
    let own = getpgrp();
    let mut groups: Vec<Pid> = descendants(main)
        .into_iter()
        .filter_map(|process| getpgid(Some(process)).ok())
        .filter(|&group| group != own)
        .collect();
    groups.sort_unstable_by_key(|group| group.as_raw());
    groups.dedup();
    for group in groups {
        let sent = killpg(group, signal);
        // A group of setuid programs may not be signalled; it is waited for.
        debug_assert!(matches!(sent, Ok(()) | Err(Errno::ESRCH | Errno::EPERM)), "{sent:?}");
    }
}

/// Resident memory of the processes, in bytes. Those that are gone do not count.
#[cfg(target_os = "linux")]
pub(super) fn resident(processes: &[Pid]) -> u64 {
    let mut text = String::new();
    let pages: u64 = processes
        .iter()
        .filter_map(|process| {
            read(&format!("/proc/{process}/statm"), &mut text)?;
            text.split(' ').nth(1)?.parse::<u64>().ok()
        })
        .sum();
    pages * page_bytes()
}

#[cfg(target_os = "linux")]
fn page_bytes() -> u64 {
    let bytes = nix::unistd::sysconf(nix::unistd::SysconfVar::PAGE_SIZE).ok().flatten();
    bytes.and_then(|bytes| bytes.try_into().ok()).unwrap_or(4096)
}

/// Every process below this one, zombies included, in no order.
#[cfg(target_os = "linux")]
pub(super) fn descendants(_main: Pid) -> Vec<Pid> {
    let this = Pid::this();
    if !std::path::Path::new(&format!("/proc/{this}/task/{this}/children")).exists() {
        return descendants_by_parent(this);
    }
    let mut found = Vec::new();
    children(this, &mut found);
    let mut next = 0;
    while next < found.len() {
        children(found[next], &mut found);
        next += 1;
    }
    found
}

#[cfg(target_os = "linux")]
fn children(process: Pid, found: &mut Vec<Pid>) {
    let Ok(threads) = std::fs::read_dir(format!("/proc/{process}/task")) else { return };
    let mut text = String::new();
    for thread in threads.flatten() {
        let path = thread.path().join("children");
        if path.to_str().and_then(|path| read(path, &mut text)).is_some() {
            for pid in text.split_ascii_whitespace().filter_map(|pid| pid.parse().ok()) {
                // A child that changed its parent while this was read shows twice.
                let pid = Pid::from_raw(pid);
                if !found.contains(&pid) {
                    found.push(pid);
                }
            }
        }
    }
}

/// As [`descendants`], for a kernel without `CONFIG_PROC_CHILDREN`: examines every process.
#[cfg(target_os = "linux")]
fn descendants_by_parent(root: Pid) -> Vec<Pid> {
    let mut text = String::new();
    let Ok(processes) = std::fs::read_dir("/proc") else { return Vec::new() };
    let mut parents: Vec<(Pid, Pid)> = processes
        .flatten()
        .filter_map(|entry| {
            let pid: i32 = entry.file_name().to_str()?.parse().ok()?;
            read(&format!("/proc/{pid}/stat"), &mut text)?;
            // The name in brackets may itself have brackets and spaces.
            let (_, fields) = text.rsplit_once(") ")?;
            let parent: i32 = fields.split(' ').nth(1)?.parse().ok()?;
            Some((Pid::from_raw(pid), Pid::from_raw(parent)))
        })
        .collect();
    let mut found = vec![root];
    let mut next = 0;
    while next < found.len() {
        let parent = found[next];
        found.extend(parents.extract_if(.., |(_, of)| *of == parent).map(|(pid, _)| pid));
        next += 1;
    }
    found.split_off(1)
}

/// Reads a small file of `/proc` into `text`; none when the process is gone.
#[cfg(target_os = "linux")]
fn read(path: &str, text: &mut String) -> Option<()> {
    use std::io::Read;
    text.clear();
    std::fs::File::open(path).ok()?.read_to_string(text).ok().map(drop)
}

#[cfg(not(target_os = "linux"))]
pub(super) fn descendants(main: Pid) -> Vec<Pid> {
    vec![main]
}

#[cfg(not(target_os = "linux"))]
pub(super) fn resident(_processes: &[Pid]) -> u64 {
    0
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    /// Other tests of this program start and end processes of their own, so only the own ones
    /// are searched for.
    #[test]
    fn a_grandchild_is_found_both_ways() {
        let mut shell = std::process::Command::new("sh")
            .args(["-c", "sleep 1000 & echo $!; wait"])
            .stdout(std::process::Stdio::piped())
            .spawn()
            .expect("sh");
        let mut line = String::new();
        let stdout = shell.stdout.take().expect("piped");
        std::io::BufRead::read_line(&mut std::io::BufReader::new(stdout), &mut line).expect("pid");
        let sleep = Pid::from_raw(line.trim().parse().expect("a pid"));
        let child = Pid::from_raw(shell.id().try_into().expect("a pid"));
        for found in [descendants(child), descendants_by_parent(Pid::this())] {
            assert!(found.contains(&child) && found.contains(&sleep), "{found:?}");
        }
        assert!(resident(&[child, sleep]) > resident(&[sleep]));
        assert!(resident(&[sleep]) > 0);
        nix::sys::signal::kill(sleep, Signal::SIGKILL).expect("kill");
        shell.wait().expect("wait");
    }
}
