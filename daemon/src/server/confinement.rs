//! What confines a process: its namespaces, root directory, capabilities, and filters of system calls.
//! A command that the daemon runs is confined as the daemon is, so a client that is confined otherwise
//! is not served: it would see other files, or do through the daemon what it may not do itself.
//!
//! The daemon looks at its peers itself and believes no message. It cannot see Landlock.

use rustix::fs::{Mode, OFlags, openat, readlinkat};
use rustix::io::Errno;
use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;

/// The namespaces that make a difference to a build, by their names below `/proc/PID`, and in words.
const NAMESPACES: [(&str, &str); 7] = [
    ("ns/mnt", "mount"),
    ("ns/net", "network"),
    ("ns/pid", "process"),
    ("ns/user", "user"),
    ("ns/uts", "host name"),
    ("ns/ipc", "IPC"),
    ("ns/time", "time"),
];
const PROCESS: usize = 2;
const USER: usize = 3;

/// Lines of `/proc/PID/status` with sets of capabilities.
const CAPABILITIES: [&str; 5] = ["CapInh:", "CapPrm:", "CapEff:", "CapBnd:", "CapAmb:"];

/// `CAP_WAKE_ALARM`: sessions at the machine itself are given it, others are not, and no build sets an
/// alarm clock.
const NO_MATTER: u64 = 1 << 35;

/// See the head of this file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Confinement {
    /// Numbers of the namespaces. `None` where the kernel has no such namespace.
    namespaces: [Option<u64>; NAMESPACES.len()],
    /// Device and inode of the root directory.
    root: (u64, u64),
    no_new_privileges: u64,
    /// Mode of seccomp, and number of filters.
    seccomp: (u64, u64),
    capabilities: [u64; CAPABILITIES.len()],
}

/// How a client differs from the daemon.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Difference {
    /// What it has that the daemon has not, in words.
    pub(super) what: Vec<String>,
    /// Whether it is the client that is less confined, in all of them.
    pub(super) client_is_freer: bool,
}

impl Confinement {
    /// That of a process, by its number or `self`. Some tens of microseconds.
    ///
    /// # Errors
    ///
    /// There is no such process, or it is none of those that this one may look at.
    pub(super) fn of(process: &str) -> io::Result<Self> {
        // Every look is relative to this, so that all are of one process.
        let dir = File::open(format!("/proc/{process}"))?;
        let mut found = Self::default();
        for (at, (name, _)) in NAMESPACES.iter().enumerate() {
            found.namespaces[at] = match readlinkat(&dir, *name, Vec::with_capacity(64)) {
                Ok(link) => Some(number_in_brackets(&link.to_string_lossy())?),
                // The kernel has none of this kind, or the process has just ended.
                Err(Errno::NOENT) => None,
                Err(error) => return Err(error.into()),
            };
        }
        let root = std::fs::metadata(format!("/proc/{process}/root"))?;
        found.root = (root.dev(), root.ino());
        let status = openat(&dir, "status", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
        let mut text = String::with_capacity(4096);
        File::from(status).read_to_string(&mut text)?;
        found.read_status(&text);
        Ok(found)
    }

    /// Whether it has the system's own namespace of processes, which nothing is above or beside.
    pub(super) fn is_of_the_system(&self) -> bool {
        /// `PROC_PID_INIT_INO` of the kernel.
        const OF_THE_SYSTEM: u64 = 0xEFFF_FFFC;
        self.namespaces[PROCESS] == Some(OF_THE_SYSTEM)
    }

    fn read_status(&mut self, status: &str) {
        for line in status.lines() {
            let Some((name, value)) = line.split_once('\t') else { continue };
            let number = || value.trim().parse().unwrap_or(0);
            match name {
                "NoNewPrivs:" => self.no_new_privileges = number(),
                "Seccomp:" => self.seccomp.0 = number(),
                "Seccomp_filters:" => self.seccomp.1 = number(),
                _ => {
                    if let Some(at) = CAPABILITIES.iter().position(|set| *set == name) {
                        self.capabilities[at] = u64::from_str_radix(value.trim(), 16).unwrap_or(0);
                    }
                }
            }
        }
    }

    /// How a client differs from this daemon; `None` when it does not.
    pub(super) fn difference(&self, client: &Self) -> Option<Difference> {
        let mut what = Vec::new();
        let mut freer = true;
        for (at, (_, words)) in NAMESPACES.iter().enumerate() {
            let (ours, theirs) = (self.namespaces[at], client.namespaces[at]);
            if ours != theirs {
                what.push(format!("another {words} namespace"));
                // Those of the system have the smallest numbers, and older ones smaller than younger.
                freer &= theirs < ours;
            }
        }
        if self.root != client.root && self.namespaces[0] == client.namespaces[0] {
            what.push("another root directory".to_owned());
            freer = false;
        }
        if self.no_new_privileges != client.no_new_privileges {
            what.push("another no_new_privs flag".to_owned());
            freer &= client.no_new_privileges < self.no_new_privileges;
        }
        if self.seccomp != client.seccomp {
            what.push("other seccomp filters".to_owned());
            freer &= client.seccomp < self.seccomp;
        }
        // Those of another user namespace mean other things.
        if self.namespaces[USER] == client.namespaces[USER] {
            let [ours, theirs] =
                [self, client].map(|of| of.capabilities.map(|set| set & !NO_MATTER));
            if ours != theirs {
                what.push("other capabilities".to_owned());
                freer &= ours.iter().zip(theirs).all(|(ours, theirs)| ours & !theirs == 0);
            }
        }
        (!what.is_empty()).then_some(Difference { what, client_is_freer: freer })
    }
}

/// `4026531841` of `mnt:[4026531841]`.
fn number_in_brackets(link: &str) -> io::Result<u64> {
    let number = link.split_once('[').and_then(|(_, rest)| rest.strip_suffix(']'));
    number.and_then(|number| number.parse().ok()).ok_or_else(|| io::ErrorKind::InvalidData.into())
}

/// The words of a list: "a, b and c".
pub(super) fn listed(what: &[String]) -> String {
    match what {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    fn ours() -> Confinement {
        Confinement {
            namespaces: [Some(10), Some(11), Some(12), Some(13), Some(14), Some(15), None],
            root: (1, 2),
            no_new_privileges: 0,
            seccomp: (2, 1),
            capabilities: [0, 0b110, 0b110, 0b111, 0],
        }
    }

    fn of(change: impl Fn(&mut Confinement)) -> Option<(String, bool)> {
        let mut client = ours();
        change(&mut client);
        let found = ours().difference(&client)?;
        Some((listed(&found.what), found.client_is_freer))
    }

    #[test]
    fn every_difference_is_found_and_who_is_freer() {
        let differs = |what: &str, freer| Some((what.to_owned(), freer));
        assert_eq!(of(|_| {}), None);
        let mount = "another mount namespace";
        assert_eq!(of(|c| c.namespaces[0] = Some(99)), differs(mount, false));
        assert_eq!(of(|c| c.namespaces[0] = Some(9)), differs(mount, true));
        assert_eq!(of(|c| c.namespaces[6] = Some(9)), differs("another time namespace", false));
        assert_eq!(of(|c| c.root.1 = 3), differs("another root directory", false));
        assert_eq!(of(|c| c.no_new_privileges = 1), differs("another no_new_privs flag", false));
        assert_eq!(of(|c| c.seccomp = (2, 2)), differs("other seccomp filters", false));
        assert_eq!(of(|c| c.seccomp = (0, 0)), differs("other seccomp filters", true));
        let capabilities = "other capabilities";
        assert_eq!(of(|c| c.capabilities[2] = 0b10), differs(capabilities, false));
        assert_eq!(of(|c| c.capabilities[2] = 0b111), differs(capabilities, true));
        assert_eq!(of(|c| c.capabilities[3] = 0), differs(capabilities, false));
        assert_eq!(of(|c| c.capabilities[4] = NO_MATTER), None);
        // Root in a sandbox has every capability there, and may do nothing with them here.
        let sandboxed = of(|c| {
            c.namespaces[USER] = Some(99);
            c.namespaces[1] = Some(98);
            c.capabilities = [u64::MAX; 5];
        });
        let what = "another network namespace and another user namespace";
        assert_eq!(sandboxed, differs(what, false));
    }

    #[test]
    fn this_process_is_as_confined_as_itself() {
        let own = Confinement::of("self").expect("/proc");
        let by_number = Confinement::of(&std::process::id().to_string()).expect("/proc");
        assert_eq!(own.difference(&by_number), None);
        assert!(own.namespaces[0].is_some() && own.root.1 > 0 && own.capabilities[3] > 0);
        assert!(Confinement::of("0").is_err());
    }
}
