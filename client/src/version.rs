//! Which of two product versions is the newer. Knows nothing of what to do about it.

/// Whether version `ours` is newer than `theirs`, by the numeric parts of semantic versions. A
/// pre-release is older than its release. What is not a version is newer than nothing.
#[must_use]
pub fn newer(ours: &str, theirs: &str) -> bool {
    match (parse(ours), parse(theirs)) {
        (Some(ours), Some(theirs)) => ours > theirs,
        _ => false,
    }
}

/// Numbers, and whether it is a release.
fn parse(version: &str) -> Option<([u64; 3], bool)> {
    let version = version.split('+').next()?;
    let (numbers, release) = match version.split_once('-') {
        Some((numbers, _)) => (numbers, false),
        None => (version, true),
    };
    let mut parts = numbers.split('.');
    let mut parsed = [0; 3];
    for part in &mut parsed {
        *part = parts.next()?.parse().ok()?;
    }
    parts.next().is_none().then_some((parsed, release))
}

#[cfg(test)]
mod tests {
    use super::newer;

    #[test]
    fn versions_are_compared_by_number() {
        for (ours, theirs, expected) in [
            ("0.1.0", "0.1.0", false),
            ("0.2.0", "0.1.9", true),
            ("0.10.0", "0.9.0", true),
            ("1.0.0", "1.0.0-rc.1", true),
            ("1.0.0-rc.1", "1.0.0", false),
            ("0.1.0+build", "0.1.0", false),
            ("0.1.0", "strange", false),
            ("9.9.9", "1.0", false),
        ] {
            assert_eq!(newer(ours, theirs), expected, "{ours} and {theirs}");
        }
    }
}
