//! `bdctl daemon logs`: the newest file in the daemon's log directory. Asks no daemon.

use crate::caller::Caller;
use crate::command_error::CommandError;
use bd_client::StartPolicy;
use bd_protocol::shown;
use clap::Args;
use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// How often a log that is followed is read.
const READ_EVERY: Duration = Duration::from_millis(200);

/// Show the log of the daemon
#[derive(Debug, Args)]
pub(crate) struct DaemonLogsArgs {
    /// Follow the log as it grows
    #[arg(long, short)]
    follow: bool,
    /// Show only the last lines
    #[arg(long, short = 'n', value_name = "LINES")]
    tail: Option<usize>,
}

pub(super) fn run(args: &DaemonLogsArgs, caller: &Caller) -> Result<u8, CommandError> {
    let client = caller.client(StartPolicy::Never)?;
    let home = client.home();
    let Some(mut path) = newest(home.log_dir())? else {
        let dir = shown::bytes(home.log_dir().as_os_str().as_bytes());
        eprintln!("bdctl: no log yet in {dir}");
        return Ok(0);
    };
    let mut file = open(&path)?;
    let mut stdout = io::stdout().lock();
    match args.tail {
        Some(lines) => {
            let found = last_lines(&mut file, lines).map_err(read(&path))?;
            stdout.write_all(shown_lines(&found).as_bytes())?;
        }
        None => copy(&mut file, &path, &mut stdout)?,
    }
    stdout.flush()?;
    if !args.follow {
        return Ok(0);
    }
    loop {
        std::thread::sleep(READ_EVERY);
        copy(&mut file, &path, &mut stdout)?;
        if let Some(newer) = newest(home.log_dir())?.filter(|newer| *newer != path) {
            (file, path) = (open(&newer)?, newer);
        }
        stdout.flush()?;
    }
}

/// The log that was written to last. What the daemon printed before it had a log is used only where
/// there is no log.
fn newest(dir: &Path) -> Result<Option<PathBuf>, CommandError> {
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(read(dir)(error)),
    };
    let file = |entry: fs::DirEntry| {
        let meta = entry.metadata().ok().filter(fs::Metadata::is_file)?;
        let is_log = entry.file_name() != "bdd.stderr";
        Some(((is_log, meta.modified().unwrap_or(SystemTime::UNIX_EPOCH)), entry.path()))
    };
    Ok(entries.flatten().filter_map(file).max().map(|(_, path)| path))
}

fn open(path: &Path) -> Result<File, CommandError> {
    File::open(path).map_err(read(path))
}

fn read(path: &Path) -> impl FnOnce(io::Error) -> CommandError {
    CommandError::io(format!("read {}", path.display()))
}

fn copy(file: &mut File, path: &Path, to: &mut impl io::Write) -> Result<(), CommandError> {
    let (mut buffer, mut text) = (vec![0; 64 * 1024], Vec::new());
    loop {
        let count = file.read(&mut buffer).map_err(read(path))?;
        text.extend_from_slice(&buffer[..count]);
        let whole = match count {
            0 => text.len(),
            _ => text.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1),
        };
        let rest = text.split_off(whole);
        to.write_all(shown_lines(&std::mem::replace(&mut text, rest)).as_bytes())?;
        if count == 0 {
            return Ok(());
        }
    }
}

/// Lines of a log, in which daemons of earlier versions wrote what they were told as it was.
fn shown_lines(text: &[u8]) -> String {
    text.split_inclusive(|byte| *byte == b'\n').fold(String::new(), |mut lines, line| {
        let (line, end) = match line {
            [line @ .., b'\n'] => (line, "\n"),
            line => (line, ""),
        };
        lines.push_str(&shown::bytes(line));
        lines.push_str(end);
        lines
    })
}

/// Reads backwards until enough lines are there; leaves the file at its end.
fn last_lines(file: &mut File, lines: usize) -> io::Result<Vec<u8>> {
    const STEP: u64 = 64 * 1024;
    let mut from = file.seek(SeekFrom::End(0))?;
    let end = from;
    let mut found = Vec::new();
    loop {
        let breaks: Vec<_> = found
            .iter()
            .enumerate()
            .filter(|(_, byte)| **byte == b'\n')
            .map(|(at, _)| at)
            .collect();
        let ended = found.last() == Some(&b'\n');
        let wanted = lines + usize::from(ended);
        if lines > 0 && breaks.len() >= wanted {
            found.drain(..=breaks[breaks.len() - wanted]);
            break;
        }
        if from == 0 || lines == 0 {
            break;
        }
        let step = STEP.min(from);
        from -= step;
        file.seek(SeekFrom::Start(from))?;
        let mut piece = vec![0; usize::try_from(step).unwrap_or(usize::MAX)];
        file.read_exact(&mut piece)?;
        piece.extend_from_slice(&found);
        found = piece;
    }
    file.seek(SeekFrom::Start(end))?;
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_are_found_from_the_end() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let text: String = (0..20_000).map(|n| format!("line {n}\n")).collect();
        fs::write(&path, &text).unwrap();
        for (lines, expected) in
            [(0, ""), (1, "line 19999\n"), (2, "line 19998\nline 19999\n"), (30_000, &*text)]
        {
            let found = last_lines(&mut File::open(&path).unwrap(), lines).unwrap();
            assert_eq!(String::from_utf8(found).unwrap(), expected);
        }
        fs::write(&path, "a\nb").unwrap();
        assert_eq!(last_lines(&mut File::open(&path).unwrap(), 1).unwrap(), b"b");
    }
}
