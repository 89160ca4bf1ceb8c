//! Times in documents.

use serde_json::Value;
use std::time::{SystemTime, UNIX_EPOCH};

/// Milliseconds since 1970 of a time in a document, which must be RFC 3339 in UTC.
///
/// # Panics
///
/// When it is anything else.
#[must_use]
pub fn unix_ms(time: &Value) -> i64 {
    parse(time.as_str().unwrap_or_default()).unwrap_or_else(|| panic!("no time in UTC: {time}"))
}

/// Milliseconds since 1970 now.
///
/// # Panics
///
/// When the clock stands before 1970.
#[must_use]
pub fn now_ms() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock that was set");
    now.as_millis().try_into().expect("a time before the year 292,000,000")
}

fn parse(text: &str) -> Option<i64> {
    let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
    let numbers = |text: &str, by: char| -> Option<Vec<i64>> {
        text.split(by).map(|part| part.parse().ok()).collect()
    };
    let (time, fraction) = time.split_once('.').unwrap_or((time, "0"));
    let [year, month, day] = numbers(date, '-')?.try_into().ok()?;
    let [hour, minute, second] = numbers(time, ':')?.try_into().ok()?;
    let millis: i64 = format!("{fraction:0<3}").get(..3)?.parse().ok()?;
    // Days of the proleptic Gregorian calendar, with years that begin in March (Hinnant, 2014).
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let days = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468;
    Some((((days * 24 + hour) * 60 + minute) * 60 + second) * 1000 + millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_in_utc_are_understood_and_others_are_not() {
        let ms = |text: &str| parse(text);
        assert_eq!(ms("1970-01-01T00:00:00Z"), Some(0));
        assert_eq!(ms("2000-02-29T12:34:56.789Z"), Some(951_827_696_789));
        assert_eq!(ms("2000-03-01T00:00:00.5Z"), Some(951_868_800_500));
        assert_eq!(ms("2000-03-01T00:00:00+01:00"), None);
        assert_eq!(ms("yesterday"), None);
    }
}
