//! Durations, sizes, times and command lines as text. Pure.

use bd_protocol::{OsText, shown};
use std::os::unix::ffi::OsStrExt as _;
use std::time::{Duration, SystemTime};

/// "340 ms", "12.3 s", "3m 05s", "2h 03m", "4d 01h".
pub(crate) fn duration(ms: u64) -> String {
    let seconds = ms / 1000;
    match seconds {
        0 => format!("{ms} ms"),
        1..60 => format!("{}.{} s", seconds, ms % 1000 / 100),
        60..3600 => format!("{}m {:02}s", seconds / 60, seconds % 60),
        3600..86_400 => format!("{}h {:02}m", seconds / 3600, seconds / 60 % 60),
        _ => format!("{}d {:02}h", seconds / 86_400, seconds / 3600 % 24),
    }
}

/// The same without fractions, for values that are redrawn.
pub(crate) fn whole_seconds(ms: u64) -> String {
    if ms < 60_000 { format!("{} s", ms / 1000) } else { duration(ms) }
}

/// "512 B", "1.5 KiB", "3.0 GiB".
pub(crate) fn size(bytes: u64) -> String {
    let units = ["KiB", "MiB", "GiB", "TiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    #[expect(clippy::cast_precision_loss, reason = "one decimal is shown")]
    let mut value = bytes as f64 / 1024.0;
    let mut unit = 0;
    // 1023.95 would be shown as 1024.0.
    while value >= 1023.95 && unit + 1 < units.len() {
        value /= 1024.0;
        unit += 1;
    }
    format!("{value:.1} {}", units[unit])
}

/// Milliseconds from one RFC 3339 time to another, or to now; `None` if either is not a time.
pub(crate) fn elapsed_ms(from: &str, to: Option<&str>) -> Option<u64> {
    let from = humantime::parse_rfc3339_weak(from).ok()?;
    let to = match to {
        Some(to) => humantime::parse_rfc3339_weak(to).ok()?,
        None => SystemTime::now(),
    };
    Some(millis(to.duration_since(from).unwrap_or_default()))
}

/// Whole milliseconds.
pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// A command as it could be typed, with what is unseen escaped.
pub(crate) fn command(words: &[OsText]) -> String {
    words.iter().map(|word| quote(&os(word))).collect::<Vec<_>>().join(" ")
}

fn quote(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_./=:,+@%^".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// A path or a word of the system on one line, with what is unseen or no UTF-8 escaped.
pub(crate) fn os(text: &OsText) -> String {
    shown::bytes(text.0.as_bytes())
}

/// The same text on one line, with what is unseen escaped.
pub(crate) fn escape_control(text: &str) -> String {
    shown::one_line(text).into_owned()
}

/// "1 build", "2 builds".
pub(crate) fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_and_sizes_have_few_digits() {
        for (ms, text) in [
            (0, "0 ms"),
            (999, "999 ms"),
            (1000, "1.0 s"),
            (59_999, "59.9 s"),
            (60_000, "1m 00s"),
            (185_000, "3m 05s"),
            (7_380_000, "2h 03m"),
            (90_000_000, "1d 01h"),
        ] {
            assert_eq!(duration(ms), text);
        }
        assert_eq!((whole_seconds(1999), whole_seconds(61_000)), ("1 s".into(), "1m 01s".into()));
        for (bytes, text) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1536, "1.5 KiB"),
            (1024 * 1024 - 1, "1.0 MiB"),
            (3 << 30, "3.0 GiB"),
            (5 << 50, "5120.0 TiB"),
        ] {
            assert_eq!(size(bytes), text);
        }
    }

    #[test]
    fn commands_can_be_typed_again_and_steer_no_terminal() {
        let words =
            |words: &[&str]| words.iter().map(|word| OsText::from(*word)).collect::<Vec<_>>();
        assert_eq!(command(&words(&["cargo", "check", "-p=x"])), "cargo check -p=x");
        assert_eq!(command(&words(&["a b", "", "it's"])), r"'a b' '' 'it'\''s'");
        assert_eq!(command(&words(&["\x1b[2J", "\u{202e}"])), r"'\u{1b}[2J' '\u{202e}'");
        let odd = std::os::unix::ffi::OsStringExt::from_vec(vec![b'a', 0xff]);
        assert_eq!(command(&[OsText(odd)]), r"'a\xff'");
    }

    #[test]
    fn elapsed_time_is_read_from_two_times() {
        let (from, to) = ("2026-11-21T06:00:00.250Z", "2026-11-21T06:00:01.500Z");
        assert_eq!(elapsed_ms(from, Some(to)), Some(1250));
        assert_eq!(elapsed_ms(to, Some(from)), Some(0));
        assert_eq!(elapsed_ms("yesterday", None), None);
    }
}
