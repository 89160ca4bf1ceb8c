//! Bazel and Buck.

use super::driver::{Call, Driver};
use super::reads::NOTHING;
use super::words::{Syntax, Words};
use crate::model::{Place, ToolHome, ToolReads};

/// The driver of Bazel and Buck.
#[derive(Debug)]
pub(super) struct Bazel;

/// Commands that build or test, or only read the graph.
const BUILDS: &[&str] = &["aquery", "build", "cquery", "coverage", "query", "test"];

/// Options before the command whose value may stand apart. All others have it behind a `=`.
const STARTUP: Syntax = Syntax {
    flags: &["--batch"],
    valued: &["--bazelrc", "--isolation-dir", "--output_base", "--output_user_root"],
    counted: &[],
};

/// What Bazel and Buck read.
const READS: ToolReads = ToolReads {
    homes: &[ToolHome::at(Place::Home(""), &[".bazelrc", ".bazeliskrc", ".buckconfig.local"])],
    system: &["/etc/bazel.bazelrc", "/etc/buckconfig"],
    upward: &[
        ".bazelrc",
        ".bazelversion",
        ".bazeliskrc",
        "MODULE.bazel",
        "WORKSPACE",
        "WORKSPACE.bazel",
        ".buckconfig",
        ".buckconfig.local",
    ],
    manifests: &["MODULE.bazel", "WORKSPACE", "WORKSPACE.bazel", ".bazelrc"],
    ..NOTHING
};

impl Driver for Bazel {
    fn name(&self) -> &'static str {
        "bazel"
    }

    fn reads(&self) -> &'static ToolReads {
        &READS
    }

    fn starts_any(&self) -> bool {
        true
    }

    fn recognise<'a>(&self, words: &Words<'a>) -> Option<Call<'a>> {
        ["bazel", "bazelisk", "buck2"].contains(&words.program()).then(|| {
            Call::build_if(words.verb(STARTUP).is_some_and(|verb| BUILDS.contains(&verb.program())))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::driver::tests::check;

    #[test]
    fn building_and_testing_counts() {
        check(
            &super::Bazel,
            &[
                "bazel build //...",
                "bazel --output_base=/x test //a:deploy_test",
                "bazelisk coverage //...",
                "bazel query deps(//a)",
                "buck2 build //a:install",
                "buck2 --isolation-dir run test //...",
            ],
            &[
                "bazel",
                "bazel run //a:b",
                "bazel --output_base build run //a",
                "bazel --unknown build",
                "bazel clean",
                "bazel mobile-install //a",
                "bazel shutdown",
                "buck2 run //a",
                "buck2 install //a",
                "buck2 kill",
            ],
        );
    }
}
