//! Takes over the jobserver of a client: its pipe, from which the build takes leave for each further
//! job. A client cannot pass descriptors on a framed stream, so they are opened where the system shows
//! them. Knows nothing of make.

#[cfg(target_os = "linux")]
use crate::model::process_state::DESCRIPTORS_BELOW;
use bd_protocol::process_state::Jobserver;
use std::os::fd::{OwnedFd, RawFd};

/// Both ends, under the numbers that the client has for them; none where they cannot be had. The
/// command then says itself that it does without.
#[cfg(target_os = "linux")]
pub(super) fn take_over(client: i32, named: Jobserver) -> Vec<(RawFd, OwnedFd)> {
    let numbers = [named.read, named.write];
    if !numbers.iter().all(|number| (3..DESCRIPTORS_BELOW).contains(number)) {
        return Vec::new();
    }
    let opened = numbers.map(|number| Some((number, open(client, number, number == named.write)?)));
    opened.into_iter().collect::<Option<_>>().unwrap_or_default()
}

/// Elsewhere other processes' descriptors cannot be opened.
#[cfg(not(target_os = "linux"))]
pub(super) fn take_over(_client: i32, _named: Jobserver) -> Vec<(RawFd, OwnedFd)> {
    Vec::new()
}

/// Opens a pipe of another process. It blocks where the other one does.
#[cfg(target_os = "linux")]
fn open(process: i32, number: RawFd, write: bool) -> Option<OwnedFd> {
    use nix::fcntl::{FcntlArg, OFlag, fcntl};
    use std::fs::{self, File};
    use std::os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _};
    let path = format!("/proc/{process}/fd/{number}");
    if !fs::metadata(&path).ok()?.file_type().is_fifo() {
        return None;
    }
    let info = fs::read_to_string(format!("/proc/{process}/fdinfo/{number}")).ok()?;
    let flags = info.lines().find_map(|line| line.strip_prefix("flags:"))?;
    let flags = i32::from_str_radix(flags.trim(), 8).ok()?;
    let blocks = flags & OFlag::O_NONBLOCK.bits() == 0;
    // Should the other end be closed by now, this must not wait for another.
    let file = File::options()
        .read(!write)
        .write(write)
        .custom_flags(OFlag::O_NONBLOCK.bits())
        .open(path)
        .ok()?;
    if blocks {
        fcntl(&file, FcntlArg::F_SETFL(OFlag::empty())).ok()?;
    }
    Some(file.into())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use std::io::{Read as _, Write as _};
    use std::os::fd::AsRawFd as _;

    #[test]
    fn both_ends_lead_to_the_same_pipe_and_what_is_no_pipe_is_refused() {
        let (mut reader, writer) = std::io::pipe().expect("a pipe");
        let (read, write) = (reader.as_raw_fd(), writer.as_raw_fd());
        if read >= DESCRIPTORS_BELOW || write >= DESCRIPTORS_BELOW {
            return;
        }
        let own = std::process::id().cast_signed();
        let taken = take_over(own, Jobserver { read, write });
        let [(first, _), (second, into)] = taken.try_into().expect("both ends");
        assert_eq!((first, second), (read, write));
        std::fs::File::from(into).write_all(b"+").expect("a token is given back");
        let mut token = [0];
        reader.read_exact(&mut token).expect("a token");
        assert_eq!(&token, b"+");
        let file = std::fs::File::open("/proc/self/exe").expect("a file");
        let named = Jobserver { read: file.as_raw_fd(), write };
        assert!(take_over(own, named).is_empty());
        assert!(take_over(own, Jobserver { read: 1, write: 2 }).is_empty());
    }
}
