//! Go: its one program, with a subcommand for each thing it does, and its linters.

use super::driver::{Call, Driver};
use super::names::options_act;
use super::reads::NOTHING;
use super::words::{Syntax, Words};
use crate::model::{Place, ToolHome, ToolReads};

/// The driver of Go.
#[derive(Debug)]
pub(super) struct Go;

/// Subcommands that build, check or test, or only read.
const BUILDS: &[&str] = &["build", "list", "test", "vet"];

/// The one option before the subcommand.
const OPTIONS: Syntax = Syntax { flags: &[], valued: &["-C"], counted: &[] };

/// What Go reads.
const READS: ToolReads = ToolReads {
    homes: &[
        ToolHome::at(Place::Config("go"), &["env"]),
        ToolHome::at(Place::Config("golangci-lint"), &["config.yml"]),
    ],
    named_files: &["GOENV", "GOWORK"],
    upward: &["go.work", "go.work.sum", "go.mod", "go.sum", ".go-version", ".golangci.yml"],
    workspaces: &[("go.work", "")],
    manifests: &["go.mod", "go.work"],
    programs: &["go", "cc", "gcc"],
    named_programs: &["CC", "CXX"],
    ..NOTHING
};

impl Driver for Go {
    fn name(&self) -> &'static str {
        "go"
    }

    fn reads(&self) -> &'static ToolReads {
        &READS
    }

    fn recognise<'a>(&self, words: &Words<'a>) -> Option<Call<'a>> {
        let builds = match words.program() {
            "go" => words.verb(OPTIONS).is_some_and(|verb| {
                // Fuzzing ends when it is stopped; `-update` is what tests call the option to
                // write what they expect.
                BUILDS.contains(&verb.program())
                    && !verb.has(&["-fuzz", "--fuzz", "-test.fuzz"])
                    && !options_act(verb.arguments(), "")
            }),
            "gofmt" => words.has(&["-d", "-l"]) && !options_act(words.arguments(), "w"),
            "golangci-lint" => words
                .first()
                .is_some_and(|verb| verb.program() == "run" && !options_act(verb.arguments(), "")),
            "staticcheck" => true,
            _ => return None,
        };
        Some(Call::build_if(builds))
    }
}

#[cfg(test)]
mod tests {
    use super::super::driver::tests::check;

    #[test]
    fn what_builds_and_checks_counts() {
        check(
            &super::Go,
            &[
                "go build ./cmd/x",
                "go build -o bin/run ./cmd/run",
                "go -C sub build",
                "go build -C sub",
                "go test ./...",
                "go test -count=1 -run TestInstall -v ./...",
                "go vet ./...",
                "go list -deps ./...",
                "gofmt -l .",
                "golangci-lint run ./...",
                "staticcheck ./...",
            ],
            &[
                "go",
                "go run .",
                "go -C build run .",
                "go install ./...",
                "go get example.org/x",
                "go generate ./...",
                "go mod tidy",
                "go tool pprof",
                "go test -fuzz=Fuzz .",
                "go test ./... -update",
                "gofmt .",
                "gofmt -l -w .",
                "golangci-lint run --fix",
                "golangci-lint fmt",
            ],
        );
    }
}
