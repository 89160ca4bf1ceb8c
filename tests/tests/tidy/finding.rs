//! What a rule finds, and the comparison with the exceptions that are known.

use std::fmt;

/// A place where a rule is broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) file: String,
    /// From 1.
    pub(crate) line: usize,
    pub(crate) what: String,
    pub(crate) remedy: &'static str,
}

impl Finding {
    pub(crate) fn new(
        file: impl Into<String>,
        line: usize,
        what: impl Into<String>,
        remedy: &'static str,
    ) -> Self {
        Self { file: file.into(), line, what: what.into(), remedy }
    }
}

/// What was found in the one file that there is, each with its line.
pub(crate) fn in_lines(findings: &[Finding]) -> Vec<String> {
    findings.iter().map(|found| format!("{} {}", found.line, found.what)).collect()
}

/// What was found, each with its file and line.
pub(crate) fn in_files(findings: &[Finding]) -> Vec<String> {
    let place = |found: &Finding| format!("{}:{} {}", found.file, found.line, found.what);
    findings.iter().map(place).collect()
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}\n    remedy: {}", self.file, self.line, self.what, self.remedy)
    }
}

/// Places where a rule may be broken, all for one reason.
#[derive(Debug)]
pub(crate) struct Exceptions {
    /// Why, and when they will go.
    pub(crate) reason: &'static str,
    pub(crate) places: &'static [Exception],
}

/// A rule, a file, and a part of what the finding says; numbers of lines are not in it, so that it
/// lasts.
type Exception = (&'static str, &'static str, &'static str);

/// Fails with all that `rule` found and no exception covers, and with each exception that is not
/// needed any more.
pub(crate) fn judge(
    rule: &str,
    findings: &[Finding],
    exceptions: &[Exceptions],
) -> Result<(), String> {
    let all = exceptions.iter().flat_map(|group| group.places);
    let ours: Vec<_> = all.filter(|(theirs, ..)| *theirs == rule).collect();
    let covers = |(_, file, what): &Exception, finding: &Finding| {
        *file == finding.file && finding.what.contains(what)
    };
    let mut lines: Vec<_> = findings
        .iter()
        .filter(|finding| !ours.iter().any(|exception| covers(exception, finding)))
        .map(Finding::to_string)
        .collect();
    for exception in ours {
        if !findings.iter().any(|finding| covers(exception, finding)) {
            let (_, file, what) = exception;
            let what = format!("the exception from '{rule}' for '{what}' is not needed any more");
            let remedy = "remove it from tests/tests/tidy/exceptions.rs";
            lines.push(Finding::new(*file, 1, what, remedy).to_string());
        }
    }
    match lines.len() {
        0 => Ok(()),
        n => Err(format!("'{rule}' is broken in {n} places:\n{}", lines.join("\n"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: Exceptions =
        Exceptions { reason: "it is a table", places: &[("sizes", "a.rs", "`long`")] };

    fn found(what: &str) -> Finding {
        Finding::new("a.rs", 7, what, "split it")
    }

    #[test]
    fn what_is_found_is_named_with_its_line_and_remedy() {
        let told = judge("sizes", &[found("`wide` is wide")], &[]).expect_err("it is broken");
        assert!(told.contains("a.rs:7: `wide` is wide\n    remedy: split it"), "{told}");
    }

    #[test]
    fn an_exception_covers_what_it_names_only() {
        assert_eq!(judge("sizes", &[found("`long` is long")], &[KNOWN]), Ok(()));
        let both = [found("`long` is long"), found("`wide` is wide")];
        let told = judge("sizes", &both, &[KNOWN]).expect_err("one is not covered");
        assert!(told.contains("`wide`") && !told.contains("`long`"), "{told}");
    }

    #[test]
    fn an_exception_that_is_not_needed_fails() {
        let told = judge("sizes", &[], &[KNOWN]).expect_err("it is not needed");
        assert!(told.contains("not needed any more"), "{told}");
        assert_eq!(judge("words", &[], &[KNOWN]), Ok(()), "it is another rule's");
    }
}
