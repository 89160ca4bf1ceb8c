//! What to do about a limit of the system that was reached.

use nix::errno::Errno;
use std::io;

/// The remedy, to be put behind the error's own words; empty where none is known.
pub(in crate::watch) fn limit_hint(error: &io::Error) -> &'static str {
    match error.raw_os_error().map(Errno::from_raw) {
        Some(Errno::ENOSPC) => {
            "; raise the limit with `sysctl fs.inotify.max_user_watches=1048576`"
        }
        Some(Errno::EMFILE) => {
            "; raise the limit with `sysctl fs.inotify.max_user_instances=1024` or `ulimit -n`"
        }
        _ => "",
    }
}
