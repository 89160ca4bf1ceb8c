//! What counts of a `stat`, and the time to compare it with.

use crate::index::{RACY_NS, Signature};
use rustix::fs::Stat;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

/// Nanoseconds since 1970.
pub(super) fn now_ns() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_nanos());
    i64::try_from(now).unwrap_or(i64::MAX)
}

/// Whether something was made before a moment, in nanoseconds since 1970, for certain: not where its
/// file system does not say, and not within the clock's tick before it.
pub(super) fn was_born_before(path: &Path, moment: i64) -> bool {
    let born = std::fs::symlink_metadata(path).and_then(|found| found.created());
    let born = born.ok().and_then(|born| born.duration_since(UNIX_EPOCH).ok());
    born.and_then(|born| i64::try_from(born.as_nanos()).ok())
        .is_some_and(|born| born.saturating_add(RACY_NS) < moment)
}

/// The device something is on.
pub(super) fn device(stat: &Stat) -> u64 {
    #[cfg_attr(
        target_os = "linux",
        expect(clippy::unnecessary_cast, reason = "another type elsewhere")
    )]
    let device = stat.st_dev as u64;
    device
}

/// The signature by which a change of what was found is recognised (rule 10).
pub(super) fn signature(stat: &Stat) -> Signature {
    const SECOND: i64 = 1_000_000_000;
    let time = |seconds: i64, ns: i64| seconds.saturating_mul(SECOND).saturating_add(ns);
    #[expect(clippy::unnecessary_cast, reason = "the types of these fields differ between systems")]
    Signature {
        size: stat.st_size as u64,
        mtime_ns: time(stat.st_mtime as i64, stat.st_mtime_nsec as i64),
        ctime_ns: time(stat.st_ctime as i64, stat.st_ctime_nsec as i64),
        inode: stat.st_ino as u64,
        mode: stat.st_mode as u32,
    }
}

/// Whether what was found is a file with several names.
pub(super) fn has_several_names(stat: &Stat) -> bool {
    stat.st_nlink > 1 && !signature(stat).is_dir()
}
