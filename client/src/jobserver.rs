//! The jobserver of a `make` around this process: finds the descriptors that the environment names by
//! number. A named pipe needs nothing, because its path means the same to everybody.

use bd_protocol::OsText;
use bd_protocol::process_state::Jobserver;

/// Variables in which make and cargo name theirs.
const VARIABLES: [&str; 3] = ["CARGO_MAKEFLAGS", "MAKEFLAGS", "MFLAGS"];
/// How the words begin that name it, by the version of make.
const WORDS: [&str; 2] = ["--jobserver-auth=", "--jobserver-fds="];

/// The pipe that the environment of a command names, if this process was given it.
pub(crate) fn of(environment: &[(OsText, OsText)]) -> Option<Jobserver> {
    environment
        .iter()
        .filter(|(name, _)| VARIABLES.iter().any(|variable| name.0 == *variable))
        .filter_map(|(_, value)| named(value.0.to_str()?))
        .find(|pipe| is_open(*pipe))
}

/// What a value of `MAKEFLAGS` names.
fn named(flags: &str) -> Option<Jobserver> {
    // The last one holds.
    let mut words = flags.split_ascii_whitespace().rev();
    let pair = words.find_map(|word| WORDS.iter().find_map(|start| word.strip_prefix(start)))?;
    let (read, write) = pair.split_once(',')?;
    let (read, write) = (read.parse().ok()?, write.parse().ok()?);
    // Negative ones are written for a recipe that gets none.
    (read > 2 && write > 2).then_some(Jobserver { read, write })
}

/// Whether both are pipes here. Make closes them for a recipe that it does not take for a make.
#[cfg(target_os = "linux")]
fn is_open(pipe: Jobserver) -> bool {
    use std::os::unix::fs::FileTypeExt as _;
    [pipe.read, pipe.write].iter().all(|descriptor| {
        std::fs::metadata(format!("/proc/self/fd/{descriptor}"))
            .is_ok_and(|found| found.file_type().is_fifo())
    })
}

/// Here nobody can take them from this process.
#[cfg(not(target_os = "linux"))]
fn is_open(_pipe: Jobserver) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pipe_is_read_from_what_every_version_of_make_writes() {
        let pipe = |read, write| Some(Jobserver { read, write });
        for (flags, found) in [
            (" -j4 --jobserver-auth=3,4", pipe(3, 4)),
            ("k -j --jobserver-fds=5,6 --jobserver-auth=8,9", pipe(8, 9)),
            ("w --jobserver-fds=5,6 -j", pipe(5, 6)),
            (" -j4 --jobserver-auth=fifo:/tmp/GMfifo77", None),
            (" -j4 --jobserver-auth=-2,-2", None),
            (" -j4 --jobserver-auth=0,1", None),
            ("--jobserver-auth=3", None),
            ("-k", None),
            ("", None),
        ] {
            assert_eq!(named(flags), found, "{flags}");
        }
    }
}
