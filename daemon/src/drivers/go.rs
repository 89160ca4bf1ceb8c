//! Go: its one program, with a subcommand for each thing it does.

use super::driver::{Call, Driver};
use super::words::Words;

/// The driver of Go.
#[derive(Debug)]
pub(super) struct Go;

/// Subcommands that build, check or test, or only read.
const SUBCOMMANDS: &[&str] = &["build", "list", "test", "vet"];

impl Driver for Go {
    fn name(&self) -> &'static str {
        "go"
    }

    fn recognise(&self, words: &Words<'_>) -> Option<Call> {
        (words.program() == "go").then(|| {
            Call::build_if(words.plain().next().is_some_and(|word| SUBCOMMANDS.contains(&word)))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::driver::tests::check;

    #[test]
    fn what_builds_and_checks_counts() {
        check(
            &super::Go,
            &["go build ./cmd/x", "go test ./...", "go vet ./...", "go list -deps ./..."],
            &["go", "go run .", "go install ./...", "go get example.org/x", "go generate ./..."],
        );
    }
}
