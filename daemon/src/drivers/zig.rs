//! Zig, and the compiler of C in it.

use super::driver::{Call, Driver};
use super::names::{is_build, options_act};
use super::reads::NOTHING;
use super::words::{Syntax, Words};
use crate::model::{Place, ToolHome, ToolReads};

/// The driver of Zig.
#[derive(Debug)]
pub(super) struct Zig;

/// Verbs that compile, or check what they are given.
const COMPILES: &[&str] =
    &["ast-check", "build-exe", "build-lib", "build-obj", "c++", "cc", "test", "test-obj"];

/// Options of `zig build`, but for those that go on (`--watch`, `--fuzz`), and for the directory
/// to install into, which makes of the step of every day one that others see.
const BUILD: Syntax = Syntax {
    flags: &[
        "-fincremental",
        "-freference-trace",
        "--release",
        "--verbose",
        "--verbose-cc",
        "--verbose-link",
    ],
    valued: &[
        "-D",
        "--build-file",
        "--cache-dir",
        "--color",
        "--global-cache-dir",
        "--maxrss",
        "--search-prefix",
        "--seed",
        "--summary",
        "--sysroot",
        "--zig-lib-dir",
    ],
    counted: &["-j"],
};

/// What Zig reads.
const READS: ToolReads = ToolReads {
    homes: &[ToolHome::at(Place::Config("zig"), &["zls.json"])],
    upward: &["build.zig", "build.zig.zon", ".zigversion"],
    manifests: &["build.zig", "build.zig.zon"],
    outputs: &["zig-out", ".zig-cache", "zig-cache"],
    programs: &["zig"],
    ..NOTHING
};

impl Driver for Zig {
    fn name(&self) -> &'static str {
        "zig"
    }

    fn reads(&self) -> &'static ToolReads {
        &READS
    }

    fn recognise<'a>(&self, words: &Words<'a>) -> Option<Call<'a>> {
        (words.program() == "zig").then(|| {
            Call::build_if(words.first().is_some_and(|verb| match verb.program() {
                "build" => {
                    // What stands behind two dashes is for the step. The step that is taken
                    // without another is called `install`: it writes into the project.
                    let (own, handed_on) = verb.split();
                    let builds = own.plain(BUILD).is_some_and(|steps| {
                        steps.into_iter().all(|step| step == "install" || is_build(step))
                    });
                    builds && !options_act(handed_on, "")
                }
                "fmt" => verb.has(&["--check"]),
                name => COMPILES.contains(&name),
            }))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::driver::tests::check;

    #[test]
    fn compiling_and_testing_counts() {
        check(
            &super::Zig,
            &[
                "zig build",
                "zig build install",
                "zig build -Doptimize=ReleaseSafe test --summary all -j4",
                "zig build test -- run",
                "zig test src/main.zig",
                "zig build-exe main.zig",
                "zig cc -c x.c",
                "zig fmt --check src",
            ],
            &[
                "zig",
                "zig run main.zig",
                "zig build run",
                "zig build test run",
                "zig build --watch",
                "zig build test -- --update",
                "zig build -p /usr/local",
                "zig build uninstall",
                "zig build --fuzz test",
                "zig fmt src",
                "zig init",
            ],
        );
    }
}
