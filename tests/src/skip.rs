//! Leaving a test out where the system does not permit what it needs. A test that is left out
//! looks like one that passed, so it says so, and `.ci/run` counts it as a failure.

use std::io::Write as _;

/// Says on a line of its own that the running test is left out, and why: `SKIP name: reason`. The
/// caller returns then.
///
/// The line is written past the capture of the test harness, which hides what a passing test
/// prints.
pub fn skip(reason: &str) {
    let thread = std::thread::current();
    let line = line(thread.name().unwrap_or("a test"), reason);
    // Nobody reads it where there is no standard output.
    let _ = std::io::stdout().lock().write_all(line.as_bytes());
}

/// Begins with an end of line, because the harness may be within one.
fn line(test: &str, reason: &str) -> String {
    format!("\nSKIP {test}: {reason}\n")
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_line_is_what_ci_looks_for() {
        let line = super::line("a::b", "only root may do it");
        assert!(line.lines().any(|line| line == "SKIP a::b: only root may do it"), "{line:?}");
    }
}
