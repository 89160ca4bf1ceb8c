//! Values that the wire has as text.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A time in milliseconds since 1970, as RFC 3339.
pub(in crate::server) fn time(ms: u64) -> String {
    // The latest time that has four digits for its year; a clock beyond that is broken.
    const LATEST_MS: u64 = 253_402_300_799_999;
    let at = UNIX_EPOCH + Duration::from_millis(ms.min(LATEST_MS));
    humantime::format_rfc3339_millis(at).to_string()
}

/// Now, in milliseconds since 1970.
pub(in crate::server) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
