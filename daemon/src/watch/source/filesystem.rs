//! Which file systems report every change of theirs.

use std::os::fd::BorrowedFd;

/// File systems on which every change is made through this system's kernel, so that its events
/// report all: the numbers of `statfs(2)`. All others are polled: on a network, changes are made
/// elsewhere, and a file system that is not known is not trusted (rule 19).
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

/// Why events of the file system of an open directory may be missing, if that is so.
#[cfg(target_os = "linux")]
pub(in crate::watch) fn undeliverable_reason(dir: BorrowedFd<'_>) -> Option<String> {
    let kind = rustix::fs::fstatfs(dir).ok()?;
    // The kernel's number has 32 bits, whatever the type that holds it.
    kind_reason(kind.f_type.cast_unsigned() & 0xffff_ffff)
}

/// The same, as `statfs(2)` has it on macOS: `MNT_LOCAL`.
#[cfg(not(target_os = "linux"))]
pub(in crate::watch) fn undeliverable_reason(dir: BorrowedFd<'_>) -> Option<String> {
    const MNT_LOCAL: u32 = 0x1000;
    let kind = rustix::fs::fstatfs(dir).ok()?;
    (kind.f_flags & MNT_LOCAL == 0)
        .then(|| "its file system is not local: it may change without an event".to_owned())
}

#[cfg(target_os = "linux")]
fn kind_reason(number: u64) -> Option<String> {
    let local = LOCAL.iter().any(|(local, _)| *local == number);
    (!local).then(|| format!("its file system ({number:#x}) may change without an event"))
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn only_file_systems_that_change_through_this_kernel_alone_are_trusted_to_report() {
        // Rule 19. The numbers are those of statfs(2); the last one is nobody's.
        let local = [("ext4", 0xef53), ("xfs", 0x5846_5342), ("btrfs", 0x9123_683e)];
        let local = local.into_iter().chain([("tmpfs", 0x0102_1994), ("overlay", 0x794c_7630)]);
        for (name, number) in local {
            assert_eq!(kind_reason(number), None, "{name}");
        }
        let unreliable = [
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
        for (name, number) in unreliable {
            let why = kind_reason(number).unwrap_or_else(|| panic!("{name} is trusted"));
            assert!(why.contains(&format!("{number:#x}")), "{name}: {why}");
        }
    }
}
