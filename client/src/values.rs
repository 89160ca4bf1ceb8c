//! Parsers of option values: durations, regular expressions and variables. Pure.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;
use std::time::Duration;

/// "90", "1.5s", "10m", "1h 30m": a number alone is seconds.
pub(crate) fn duration(given: &str) -> Result<Duration, String> {
    let seconds = given.strip_suffix('s').unwrap_or(given).trim();
    if let Ok(seconds) = seconds.parse::<f64>() {
        return Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string());
    }
    humantime::parse_duration(given).map_err(|error| error.to_string())
}

/// A regular expression.
pub(crate) fn regex(given: &str) -> Result<regex_lite::Regex, String> {
    regex_lite::Regex::new(given).map_err(|error| error.to_string())
}

/// A variable and its value.
pub(crate) fn variable(given: &OsStr) -> Result<(OsString, OsString), &'static str> {
    let bytes = given.as_bytes();
    match bytes.iter().position(|byte| *byte == b'=') {
        None | Some(0) => Err("expected NAME=VALUE"),
        Some(at) => {
            let part = |bytes: &[u8]| OsStr::from_bytes(bytes).to_owned();
            Ok((part(&bytes[..at]), part(&bytes[at + 1..])))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_seconds_or_have_a_unit() {
        for (given, ms) in [
            ("2", 2000),
            ("0.25", 250),
            ("1.5s", 1500),
            ("90s", 90_000),
            ("10m", 600_000),
            ("5ms", 5),
        ] {
            assert_eq!(duration(given).unwrap().as_millis(), ms, "{given}");
        }
        for given in ["", "x", "-1", "nan", "1e300"] {
            assert!(duration(given).is_err(), "{given}");
        }
    }
}
