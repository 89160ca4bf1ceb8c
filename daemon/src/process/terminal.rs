//! Pseudo-terminals. Knows nothing of who writes into them.

use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use nix::libc;

use super::spec::TerminalSize;

/// A terminal's two ends.
#[derive(Debug)]
pub(super) struct Terminal {
    /// The daemon's end. It does not block.
    pub(super) master: OwnedFd,
    /// The command's end.
    pub(super) slave: OwnedFd,
}

/// Opens a terminal. Neither end is inherited by programs that other threads start meanwhile.
///
/// # Errors
///
/// When there is no descriptor or no terminal left.
#[cfg(target_os = "linux")]
pub(super) fn open(size: TerminalSize) -> io::Result<Terminal> {
    use nix::fcntl::OFlag;
    use std::os::unix::fs::OpenOptionsExt;

    let flags = OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC | OFlag::O_NONBLOCK;
    let master = nix::pty::posix_openpt(flags)?;
    nix::pty::grantpt(&master)?;
    nix::pty::unlockpt(&master)?;
    let slave = std::fs::OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(libc::O_NOCTTY)
        .open(nix::pty::ptsname_r(&master)?)?;
    resize(&master, size)?;
    Ok(Terminal { master: master.as_fd().try_clone_to_owned()?, slave: slave.into() })
}

/// Opens a terminal. This system can not open one that is never inherited, so a program that
/// another thread starts at this moment may hold it open.
///
/// # Errors
///
/// When there is no descriptor or no terminal left.
#[cfg(not(target_os = "linux"))]
pub(super) fn open(size: TerminalSize) -> io::Result<Terminal> {
    use nix::fcntl::{FcntlArg, FdFlag, OFlag, fcntl};

    let opened = nix::pty::openpty(None, None)?;
    for end in [&opened.master, &opened.slave] {
        fcntl(end, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC))?;
    }
    fcntl(&opened.master, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
    resize(&opened.master, size)?;
    Ok(Terminal { master: opened.master, slave: opened.slave })
}

/// Changes the size; the foreground processes get SIGWINCH.
///
/// # Errors
///
/// When `terminal` is none.
#[expect(unsafe_code, reason = "nix has no safe call for the size of a terminal")]
pub(super) fn resize(terminal: &impl AsFd, size: TerminalSize) -> io::Result<()> {
    let size =
        libc::winsize { ws_row: size.rows, ws_col: size.columns, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: the descriptor is borrowed and so open, and the kernel reads one `winsize`, which
    // outlives the call.
    let done =
        unsafe { libc::ioctl(terminal.as_fd().as_raw_fd(), libc::TIOCSWINSZ, &raw const size) };
    nix::errno::Errno::result(done)?;
    Ok(())
}
