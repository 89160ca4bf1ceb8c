//! What the descriptors of the processes that a command left behind say of them. Where the system
//! does not show them, nothing is known.

use std::os::fd::{AsFd, OwnedFd};

use nix::sys::stat::fstat;
use nix::unistd::Pid;

/// A file, as the kernel numbers it.
type FileId = (u64, u64);

/// The standard streams that the command was given.
#[derive(Debug, Default)]
pub(super) struct Ends {
    input: Option<FileId>,
    outputs: Vec<FileId>,
}

/// The processes of a tree whose command has ended.
#[derive(Debug)]
pub(super) struct Leftovers(Vec<Process>);

#[derive(Debug)]
struct Process {
    pid: Pid,
    /// Its standard input, if that is a pipe.
    input: Option<FileId>,
    /// The pipes and terminals that it has open for writing.
    writes: Vec<FileId>,
}

impl Ends {
    /// Of a command that reads from `input`, and writes to the outputs of this process.
    pub(super) fn new(input: Option<&OwnedFd>) -> Self {
        let outputs = [id(std::io::stdout()), id(std::io::stderr())];
        Self { input: input.and_then(id), outputs: outputs.into_iter().flatten().collect() }
    }
}

fn id(end: impl AsFd) -> Option<FileId> {
    let stat = fstat(end).ok()?;
    // Of another type elsewhere.
    Some((stat.st_dev as u64, stat.st_ino))
}

impl Leftovers {
    pub(super) fn of(processes: &[Pid]) -> Self {
        Self(processes.iter().filter_map(|&pid| process(pid)).collect())
    }

    /// Whether one of them is a filter of the command's output: it writes there, and reads from a
    /// pipe into which nobody writes any more. It will end by itself.
    pub(super) fn filter(&self, ends: &Ends) -> bool {
        let written = |input| self.0.iter().any(|process| process.writes.contains(&input));
        self.0.iter().any(|process| {
            process.writes_to(ends)
                && process.input.is_some_and(|input| Some(input) != ends.input && !written(input))
        })
    }

    /// The names of those that may still write output.
    pub(super) fn writers(&self, ends: &Ends) -> String {
        let writers = self.0.iter().filter(|process| process.writes_to(ends));
        let named = writers.map(|process| {
            let name = std::fs::read_to_string(format!("/proc/{}/comm", process.pid));
            format!("{} ({})", name.as_deref().unwrap_or("a process").trim_end(), process.pid)
        });
        let named: Vec<_> = named.take(5).collect();
        if named.is_empty() { "a process it started".to_owned() } else { named.join(", ") }
    }
}

impl Process {
    fn writes_to(&self, ends: &Ends) -> bool {
        self.writes.iter().any(|end| ends.outputs.contains(end))
    }
}

#[cfg(target_os = "linux")]
fn process(pid: Pid) -> Option<Process> {
    use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};

    let mut found = Process { pid, input: None, writes: Vec::new() };
    for descriptor in std::fs::read_dir(format!("/proc/{pid}/fd")).ok()?.flatten() {
        let Ok(file) = std::fs::metadata(descriptor.path()) else { continue };
        let is_pipe = file.file_type().is_fifo();
        if !is_pipe && !file.file_type().is_char_device() {
            continue;
        }
        let id = (file.dev(), file.ino());
        if is_pipe && descriptor.file_name() == "0" {
            found.input = Some(id);
        }
        // The permissions of the link are how the file was opened.
        if descriptor.metadata().is_ok_and(|link| link.mode() & 0o200 != 0) {
            found.writes.push(id);
        }
    }
    Some(found)
}

#[cfg(not(target_os = "linux"))]
fn process(_: Pid) -> Option<Process> {
    None
}
