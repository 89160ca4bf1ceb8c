//! The files of the daemon's own log: a new one each day, and whenever one is full; the oldest go.
//! Knows nothing of what is logged.

use bd_protocol::shown;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Size of a file, in bytes: some twenty thousand builds.
const MOST_BYTES: u64 = 8 << 20;

/// Files that are kept.
const MOST_FILES: usize = 7;

const DAY: u64 = 24 * 3600;

/// Where the log goes.
#[derive(Debug)]
pub(super) struct LogFile {
    dir: PathBuf,
    file: File,
    bytes: u64,
    /// Days since 1970, in UTC.
    day: u64,
    most_bytes: u64,
}

/// The day and the number in a file's name, which sort as the files were written.
type Name = (String, u32);

impl LogFile {
    /// Goes on with the newest file of the day, if there is room in it.
    pub(super) fn open(dir: &Path) -> io::Result<Self> {
        Self::open_of(dir, MOST_BYTES, SystemTime::now())
    }

    fn open_of(dir: &Path, most_bytes: u64, now: SystemTime) -> io::Result<Self> {
        let (file, bytes) = newest(dir, &date(now), most_bytes)?;
        Ok(Self { dir: dir.to_path_buf(), file, bytes, day: day(now), most_bytes })
    }

    fn write_at(&mut self, now: SystemTime, line: &[u8]) -> io::Result<usize> {
        let full = self.bytes > 0 && self.bytes + line.len() as u64 > self.most_bytes;
        if full || day(now) != self.day {
            // Where there can be no other file, this one grows.
            if let Ok((file, bytes)) = newest(&self.dir, &date(now), self.most_bytes) {
                (self.file, self.bytes) = (file, bytes);
            }
            self.day = day(now);
        }
        let written = self.file.write(line)?;
        self.bytes += written as u64;
        Ok(written)
    }
}

impl Write for LogFile {
    /// Lines come whole. They quote others, so what would forge a line, or steer the terminal of
    /// whoever reads the log, is escaped.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let text = line.strip_suffix(b"\n").unwrap_or(line);
        if text.iter().all(|byte| (b' '..=b'~').contains(byte)) {
            return self.write_at(SystemTime::now(), line);
        }
        let mut escaped = shown::bytes(text);
        escaped.push('\n');
        let mut left = escaped.as_bytes();
        while !left.is_empty() {
            left = &left[self.write_at(SystemTime::now(), left)?..];
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Opens the file to write to, and removes what is too much.
fn newest(dir: &Path, date: &str, most_bytes: u64) -> io::Result<(File, u64)> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(dir)? {
        names.extend(entry?.file_name().to_str().and_then(parse));
    }
    names.sort();
    let last = names.iter().filter(|(day, _)| day == date).map(|(_, number)| *number).max();
    let mut number = last.unwrap_or(1);
    let mut open = append(&path(dir, date, number))?;
    if open.1 >= most_bytes {
        number += 1;
        open = append(&path(dir, date, number))?;
    }
    let current = (date.to_owned(), number);
    names.retain(|name| *name != current);
    for (day, number) in &names[..(names.len() + 1).saturating_sub(MOST_FILES)] {
        // One that stays costs space only.
        let _ = std::fs::remove_file(path(dir, day, *number));
    }
    Ok(open)
}

fn append(path: &Path) -> io::Result<(File, u64)> {
    let file = OpenOptions::new().append(true).create(true).mode(0o600).open(path)?;
    let bytes = file.metadata()?.len();
    Ok((file, bytes))
}

/// The first file of a day has no number.
fn path(dir: &Path, date: &str, number: u32) -> PathBuf {
    match number {
        1 => dir.join(format!("bdd.{date}.log")),
        _ => dir.join(format!("bdd.{date}.{number}.log")),
    }
}

fn parse(name: &str) -> Option<Name> {
    let name = name.strip_prefix("bdd.")?.strip_suffix(".log")?;
    let (date, number) = name.split_once('.').unwrap_or((name, "1"));
    let is_date = date.len() == 10 && date.bytes().all(|b| b.is_ascii_digit() || b == b'-');
    Some((date.to_owned(), number.parse().ok()?)).filter(|_| is_date)
}

fn day(now: SystemTime) -> u64 {
    now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs() / DAY
}

/// As in `2026-11-27`.
fn date(now: SystemTime) -> String {
    let midnight = UNIX_EPOCH + Duration::from_secs(day(now) * DAY);
    let mut text = humantime::format_rfc3339_seconds(midnight).to_string();
    text.truncate("2026-11-27".len());
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(dir: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(dir).expect("a directory");
        let mut names: Vec<_> = entries
            .map(|entry| entry.expect("an entry").file_name().into_string().expect("a name"))
            .collect();
        names.sort();
        names
    }

    #[test]
    fn what_others_wrote_is_one_line_that_steers_nothing() {
        let dir = tempfile::tempdir().expect("a directory");
        let mut log = LogFile::open(dir.path()).expect("a log");
        log.write_all(b"plain\n").expect("written");
        log.write_all("root=\x1b]0;P\x07\nWARN forged \u{202e} \u{e9}\n".as_bytes())
            .expect("written");
        log.write_all(b"\xff\n").expect("written");
        let text = std::fs::read_to_string(dir.path().join(&names(dir.path())[0])).expect("text");
        let expected = "plain\nroot=\\u{1b}]0;P\\u{7}\\nWARN forged \\u{202e} \u{e9}\n\\xff\n";
        assert_eq!(text, expected);
    }

    #[test]
    fn a_full_file_is_followed_by_another_and_the_oldest_go() {
        let dir = tempfile::tempdir().expect("a directory");
        std::fs::write(dir.path().join("bdd.stderr"), "not a log").expect("a file");
        let first = UNIX_EPOCH + Duration::from_secs(20_000 * DAY);
        let mut log = LogFile::open_of(dir.path(), 30, first).expect("a log");
        for _ in 0..3 {
            assert_eq!(log.write_at(first, b"ten bytes\n").expect("written"), 10);
        }
        assert_eq!(names(dir.path()), ["bdd.2024-10-04.log", "bdd.stderr"]);
        let _ = log.write_at(first, b"ten bytes\n").expect("written");
        // Another daemon goes on where this one ended, and another day begins anew.
        let mut log = LogFile::open_of(dir.path(), 30, first).expect("a log");
        let _ = log.write_at(first, b"ten bytes\n").expect("written");
        let second = std::fs::read(dir.path().join("bdd.2024-10-04.2.log")).expect("a file");
        assert_eq!(second.len(), 20);
        for later in 1..7 {
            let now = first + Duration::from_secs(later * DAY);
            assert_eq!(log.write_at(now, b"longer than all that is left\n").expect("written"), 29);
        }
        let kept: Vec<_> = (5..=10).map(|day| format!("bdd.2024-10-{day:02}.log")).collect();
        let expected =
            [&["bdd.2024-10-04.2.log".to_owned()][..], &kept, &["bdd.stderr".to_owned()]];
        assert_eq!(names(dir.path()), expected.concat());
    }
}
