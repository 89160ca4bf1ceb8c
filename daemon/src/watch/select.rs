//! Which source of events a workspace has.

use super::SourceKind;
use super::notify::Notify;
use super::query::SourcePreference;
use super::source::{Event, Source, WatchId};
use std::io;
use std::os::fd::{AsFd as _, BorrowedFd};
use std::path::Path;
use std::sync::Arc;

/// No events at all: everything is looked at each time.
#[derive(Debug)]
pub(super) struct Polling;

impl Source for Polling {
    fn kind(&self) -> SourceKind {
        SourceKind::Poll
    }

    fn watch(&self, _: BorrowedFd<'_>, _: &Path) -> io::Result<WatchId> {
        Err(io::Error::new(io::ErrorKind::Unsupported, "nothing tells of changes here"))
    }

    fn unwatch(&self, _: WatchId) {}

    fn take(&self, _: &mut Vec<Event>) -> io::Result<()> {
        Ok(())
    }

    fn sync(&self, _: &mut Vec<Event>) -> io::Result<()> {
        Ok(())
    }

    fn readable(&self) -> Option<BorrowedFd<'_>> {
        None
    }
}

/// File systems on which every change is made through this system's kernel, so that its events
/// tell all: the numbers of `statfs(2)`. All others are looked at: on a network, changes are made
/// elsewhere, and of what is not known nothing is believed (rule 19).
#[cfg(target_os = "linux")]
const LOCAL: &[(u64, &str)] = &[
    (0xef53, "ext"),
    (0x5846_5342, "xfs"),
    (0x9123_683e, "btrfs"),
    (0x0102_1994, "tmpfs"),
    (0x8584_58f6, "ramfs"),
    (0xf2f5_2010, "f2fs"),
    (0x2fc1_2fc1, "zfs"),
    (0xca45_1a4e, "bcachefs"),
    (0x794c_7630, "overlay"),
    (0x4244, "hfs"),
    (0x482b, "hfs+"),
    (0x4d44, "vfat"),
    (0x2011_bab0, "exfat"),
    (0x3434, "nilfs"),
    (0x3153_464a, "jfs"),
    (0x5265_4973, "reiserfs"),
];

/// Why no event tells of changes on the file system of an open directory, if that is so.
#[cfg(target_os = "linux")]
pub(super) fn undeliverable_reason(dir: BorrowedFd<'_>) -> Option<String> {
    let kind = rustix::fs::fstatfs(dir).ok()?;
    // The kernel's number has 32 bits, whatever the type that holds it.
    deaf_kind(kind.f_type.cast_unsigned() & 0xffff_ffff)
}

/// The same, as `statfs(2)` tells it on macOS: `MNT_LOCAL`.
#[cfg(not(target_os = "linux"))]
pub(super) fn undeliverable_reason(dir: BorrowedFd<'_>) -> Option<String> {
    const MNT_LOCAL: u32 = 0x1000;
    let kind = rustix::fs::fstatfs(dir).ok()?;
    (kind.f_flags & MNT_LOCAL == 0)
        .then(|| "its file system is not local: it may change without telling us".to_owned())
}

#[cfg(target_os = "linux")]
fn deaf_kind(number: u64) -> Option<String> {
    let local = LOCAL.iter().any(|(local, _)| *local == number);
    (!local).then(|| format!("its file system ({number:#x}) may change without telling us"))
}

/// A source for the workspace at `root`, and what is to be said about it. `private` is a
/// directory of the daemon's own.
pub(super) fn choose(
    root: &Path,
    preference: SourcePreference,
    private: &Path,
) -> (Arc<dyn Source>, Vec<String>) {
    let deaf = std::fs::File::open(root).ok().and_then(|root| undeliverable_reason(root.as_fd()));
    if let (SourcePreference::Auto, Some(why)) = (preference, deaf) {
        return (Arc::new(Polling), vec![format!("all files are looked at each time: {why}")]);
    }
    let source: io::Result<Arc<dyn Source>> = match preference {
        SourcePreference::Poll => return (Arc::new(Polling), Vec::new()),
        SourcePreference::Auto | SourcePreference::Native => native(private),
        SourcePreference::Notify => Notify::new(private).map(|source| Arc::new(source) as _),
    };
    match source {
        Ok(source) => (source, Vec::new()),
        Err(error) => {
            let note = format!(
                "all files are looked at each time, since there are no events: {error}{}",
                limit_hint(&error)
            );
            (Arc::new(Polling), vec![note])
        }
    }
}

#[cfg(target_os = "linux")]
fn native(_: &Path) -> io::Result<Arc<dyn Source>> {
    Ok(Arc::new(super::inotify::Inotify::new()?))
}

#[cfg(not(target_os = "linux"))]
fn native(private: &Path) -> io::Result<Arc<dyn Source>> {
    Ok(Arc::new(Notify::new(private)?))
}

/// What to do about a limit that was reached.
pub(super) fn limit_hint(error: &io::Error) -> &'static str {
    match error.raw_os_error().map(nix::errno::Errno::from_raw) {
        Some(nix::errno::Errno::ENOSPC) => {
            "; raise the limit with `sysctl fs.inotify.max_user_watches=1048576`"
        }
        Some(nix::errno::Errno::EMFILE) => {
            "; raise the limit with `sysctl fs.inotify.max_user_instances=1024` or `ulimit -n`"
        }
        _ => "",
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn only_file_systems_that_change_through_this_kernel_alone_are_trusted_to_tell() {
        // Rule 19. The numbers are those of statfs(2); the last one is nobody's.
        let local = [("ext4", 0xef53), ("xfs", 0x5846_5342), ("btrfs", 0x9123_683e)];
        let local = local.into_iter().chain([("tmpfs", 0x0102_1994), ("overlay", 0x794c_7630)]);
        for (name, number) in local {
            assert_eq!(deaf_kind(number), None, "{name}");
        }
        let deaf = [
            ("nfs", 0x6969),
            ("fuse", 0x6573_5546),
            ("smb", 0x517b),
            ("smb2", 0xfe53_4d42),
            ("cifs", 0xff53_4d42),
            ("9p", 0x0102_1997),
            ("ceph", 0x00c3_6400),
            ("afs", 0x5346_414f),
            ("vboxsf", 0x786f_4256),
            ("proc", 0x9fa0),
            ("unknown", 0x1234_5678),
        ];
        for (name, number) in deaf {
            let why = deaf_kind(number).unwrap_or_else(|| panic!("{name} is trusted"));
            assert!(why.contains(&format!("{number:#x}")), "{name}: {why}");
        }
    }
}
