//! The list of drivers, and what is asked of whichever of them knows a command.

use super::driver::{Call, Driver};
use super::reads::{NATIVE, VERSIONS};
use super::words::Words;
use super::{bazel, cargo, cmake, dotnet, elixir, go, jvm, make, native, node, python, swift, zig};
use crate::model::Reads;
use std::ffi::OsString;

/// All drivers, in alphabetical order. No two recognise the same program.
const DRIVERS: &[&dyn Driver] = &[
    &bazel::Bazel,
    &cargo::Cargo,
    &cmake::CMake,
    &dotnet::DotNet,
    &elixir::Elixir,
    &go::Go,
    &jvm::Jvm,
    &make::Make,
    &native::Native,
    &node::Node,
    &python::Python,
    &swift::Swift,
    &zig::Zig,
];

/// A command whose tool is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recognised<'a> {
    /// Name of the driver that knows it.
    pub driver: &'static str,
    /// Name of the program, without its directory.
    pub tool: &'a str,
    /// Whether this call of it only builds, checks, tests or lints, and ends.
    pub builds: bool,
    /// What it may read beside the files of its workspace.
    pub reads: Reads,
}

/// What is known of the command `argv`; `None` if its program is none that a driver knows.
#[must_use]
pub fn recognise(argv: &[OsString]) -> Option<Recognised<'_>> {
    let words = Words::new(argv)?;
    let (driver, mut call) = ask(&words)?;
    let mut drivers = vec![driver];
    let builds = loop {
        match call {
            Call::Build => break true,
            Call::Other => break false,
            // Each has fewer words than the one that starts it, so this ends.
            Call::Starts(inner) => {
                call = ask(&inner).map_or(Call::Other, |(driver, call)| {
                    drivers.push(driver);
                    call
                });
            }
        }
    };
    let reads = if drivers.iter().any(|driver| driver.starts_any()) {
        all_reads()
    } else {
        let own = drivers.iter().map(|driver| driver.reads());
        [&VERSIONS].into_iter().chain(own).collect()
    };
    Some(Recognised { driver: driver.name(), tool: words.program(), builds, reads })
}

/// What a command of which nothing is known may read: whatever any tool reads.
#[must_use]
pub fn all_reads() -> Reads {
    let own = DRIVERS.iter().map(|driver| driver.reads());
    [&VERSIONS, &NATIVE].into_iter().chain(own).collect()
}

fn ask<'a>(words: &Words<'a>) -> Option<(&'static dyn Driver, Call<'a>)> {
    DRIVERS.iter().find_map(|driver| Some((*driver, driver.recognise(words)?)))
}

#[cfg(test)]
mod tests {
    use super::super::words::tests::argv;
    use super::*;
    use crate::model::tool_reads::MANIFESTS;
    use std::collections::BTreeSet;

    fn builds(line: &str) -> Option<bool> {
        recognise(&argv(line)).map(|found| found.builds)
    }

    #[test]
    fn the_tool_is_the_one_that_was_called() {
        let line = argv("/usr/bin/uv run cargo test");
        let found = recognise(&line).expect("a known tool");
        assert_eq!((found.driver, found.tool, found.builds), ("python", "uv", true));
    }

    #[test]
    fn what_a_tool_starts_may_read_what_others_read() {
        let reads = |line: &str| recognise(&argv(line)).expect("a known tool").reads;
        let cargo = reads("cargo check");
        assert_eq!(cargo.len(), 2, "its own, and choices of versions");
        assert!(cargo.iter().any(|table| table.upward.contains(&"rust-toolchain.toml")));
        for line in ["make all", "npm test", "uv run cargo test"] {
            assert_eq!(reads(line), all_reads(), "{line}");
        }
    }

    #[test]
    fn what_a_tool_of_one_ecosystem_starts_may_be_of_another() {
        for line in ["uv run cargo test", "poetry run make check", "ccache zig cc -c x.c"] {
            assert_eq!(builds(line), Some(true), "{line}");
        }
        for line in ["uv run cargo run", "uv run uv run ./x", "hatch run make deploy"] {
            assert_eq!(builds(line), Some(false), "{line}");
        }
        assert_eq!(builds("./deploy.sh"), None);
        assert_eq!(builds("sh -c make"), None);
    }

    #[test]
    fn every_manifest_is_in_the_list_of_all() {
        assert!(MANIFESTS.is_sorted());
        let of_tables: BTreeSet<_> =
            all_reads().iter().flat_map(|table| table.manifests).copied().collect();
        assert!(of_tables.iter().eq(MANIFESTS), "{of_tables:?}");
    }

    #[test]
    fn no_two_drivers_know_the_same_program_or_have_the_same_name() {
        let names: Vec<_> = DRIVERS.iter().map(|driver| driver.name()).collect();
        assert!(names.is_sorted_by(|a, b| a < b), "{names:?}");
        let programs = "bazel buck2 cargo cargo-nextest clippy-driver rustc rustdoc rustfmt cmake \
             ctest meson dotnet mix rebar3 erlc go gofmt golangci-lint staticcheck gradle gradlew \
             mvn mvnw sbt javac make gmake ninja just gcc g++ clang clang++ cc c++ gcc-13 ccache \
             clang-tidy npm pnpm yarn bun npx pnpx bunx turbo nx lerna eslint esbuild jest swc tsc \
             vitest biome vite webpack prettier uv uvx ruff python python3 python3.11 mypy pyright \
             pytest py.test coverage black tox nox poetry hatch pdm pipenv swift swiftc xcodebuild zig";
        for program in programs.split_whitespace() {
            let line = argv(program);
            let words = Words::new(&line).expect("a program");
            let knowing = DRIVERS.iter().filter(|driver| driver.recognise(&words).is_some());
            assert_eq!(knowing.count(), 1, "{program}");
        }
    }
}
