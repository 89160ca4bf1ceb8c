//! What standard output and standard error are, for the daemon: one file, where order counts, or two.

use crate::caller::Caller;
use bd_protocol::submit::{OutputShape, OutputWanted, Submit};
use nix::sys::stat::{SFlag, fstat};
use std::io::{self, IsTerminal as _};

/// The request, with how its output is to be given: that goes to our own two streams.
pub(crate) fn with_output(request: Submit, caller: &Caller) -> Submit {
    let colors = caller.shows_colors().contains(&true);
    Submit { output: OutputWanted { shape: shape(), colors }, ..request }
}

fn shape() -> OutputShape {
    let (Ok(stdout), Ok(stderr)) = (fstat(io::stdout()), fstat(io::stderr())) else {
        return OutputShape::Apart;
    };
    if (stdout.st_dev, stdout.st_ino) != (stderr.st_dev, stderr.st_ino) {
        return OutputShape::Apart;
    }
    let kind = SFlag::from_bits_truncate(stdout.st_mode) & SFlag::S_IFMT;
    match kind {
        _ if io::stdout().is_terminal() => OutputShape::Screen,
        // Such as /dev/null, where nobody sees an order.
        SFlag::S_IFCHR => OutputShape::Apart,
        _ => OutputShape::One,
    }
}
