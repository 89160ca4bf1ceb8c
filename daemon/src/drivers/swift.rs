//! Swift and Xcode.

use super::driver::{Call, Driver};
use super::names::options_act;
use super::reads::NOTHING;
use super::words::{Syntax, Words};
use crate::model::{Place, ToolHome, ToolReads};

/// The driver of Swift's tools.
#[derive(Debug)]
pub(super) struct Swift;

/// Actions of Xcode that stay within its own directory.
const ACTIONS: &[&str] =
    &["analyze", "build", "build-for-testing", "test", "test-without-building"];

const XCODE: Syntax = Syntax {
    flags: &["-quiet", "-skipMacroValidation", "-skipPackagePluginValidation"],
    valued: &[
        "-arch",
        "-configuration",
        "-derivedDataPath",
        "-destination",
        "-jobs",
        "-only-testing",
        "-parallel-testing-enabled",
        "-project",
        "-resultBundlePath",
        "-scheme",
        "-sdk",
        "-skip-testing",
        "-target",
        "-testPlan",
        "-workspace",
    ],
    counted: &[],
};

/// What Swift's package manager reads.
const READS: ToolReads = ToolReads {
    homes: &[ToolHome::at(Place::Home(".swiftpm"), &["configuration"])],
    upward: &["Package.swift", "Package.resolved", ".swift-version", ".swiftlint.yml"],
    manifests: &["Package.swift"],
    outputs: &[".build"],
    programs: &["swiftc", "clang"],
    ..NOTHING
};

impl Driver for Swift {
    fn name(&self) -> &'static str {
        "swift"
    }

    fn reads(&self) -> &'static ToolReads {
        &READS
    }

    fn starts_any(&self) -> bool {
        true
    }

    fn recognise<'a>(&self, words: &Words<'a>) -> Option<Call<'a>> {
        let builds = match words.program() {
            "swift" => words.first().is_some_and(|verb| {
                ["build", "test"].contains(&verb.program()) && !options_act(verb.arguments(), "")
            }),
            "swiftc" => true,
            "swiftlint" => {
                let lints = words.first().is_none_or(|verb| verb.program() == "lint");
                lints && !options_act(words.arguments(), "")
            }
            "xcodebuild" => words.plain(XCODE).is_some_and(|actions| {
                let mut actions = actions.into_iter().filter(|word| !word.contains('='));
                actions.next().is_some_and(|action| ACTIONS.contains(&action))
                    && actions.all(|action| ACTIONS.contains(&action))
            }),
            _ => return None,
        };
        Some(Call::build_if(builds))
    }
}

#[cfg(test)]
mod tests {
    use super::super::driver::tests::check;

    #[test]
    fn building_and_testing_counts() {
        check(
            &super::Swift,
            &[
                "swift build -c release",
                "swift test --filter Run",
                "swiftc main.swift",
                "swiftlint",
                "swiftlint lint --strict",
                "xcodebuild -scheme App build test",
                "xcodebuild test -workspace A.xcworkspace -scheme install CODE_SIGNING=NO",
            ],
            &[
                "swift",
                "swift run",
                "swift package update",
                "swift main.swift",
                "swiftlint --fix",
                "xcodebuild",
                "xcodebuild -scheme build archive",
                "xcodebuild build install",
                "xcodebuild -exportArchive",
            ],
        );
    }
}
