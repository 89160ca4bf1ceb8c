//! How much output is kept.

use std::time::Duration;

/// How large a log may be. All in bytes of files.
#[derive(Clone, Copy, Debug)]
pub struct LogLimits {
    /// Size of a segment; at most an eighth of `kept_bytes`.
    pub segment_bytes: u64,
    /// What is kept of an ended log: a quarter of this from its start, the rest from its end.
    pub kept_bytes: u64,
    /// What is kept for readers that have not read it yet, while the log is written.
    pub live_bytes: u64,
}

impl Default for LogLimits {
    fn default() -> Self {
        Self { segment_bytes: 8 << 20, kept_bytes: 64 << 20, live_bytes: 8 << 30 }
    }
}

impl LogLimits {
    pub(super) fn segment(&self) -> u64 {
        self.segment_bytes.min(self.kept_bytes / 8)
    }
}

/// How much output of all executions together is kept.
#[derive(Clone, Copy, Debug)]
pub struct Retention {
    /// Bytes of files; the oldest logs go first.
    pub total_bytes: u64,
    /// Older logs go.
    pub max_age: Duration,
}
