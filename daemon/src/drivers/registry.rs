//! The list of drivers, and what is asked of whichever of them knows a command.

use super::driver::{Call, Driver};
use super::words::Words;
use super::{cargo, cmake, go, make, native, node, python};
use std::ffi::OsString;

/// All drivers, in alphabetical order. No two recognise the same program.
const DRIVERS: &[&dyn Driver] = &[
    &cargo::Cargo,
    &cmake::CMake,
    &go::Go,
    &make::Make,
    &native::Native,
    &node::Node,
    &python::Python,
];

/// Options that make a tool run until it is stopped, by whatever tool they are understood.
const WATCH: &[&str] = &["--watch", "--watchAll", "-w"];

/// A command whose tool is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recognised<'a> {
    /// Name of the driver that knows it.
    pub driver: &'static str,
    /// Name of the program, without its directory.
    pub tool: &'a str,
    /// What this call of it does.
    pub call: Call,
}

/// What is known of the command `argv`; `None` if its program is none that a driver knows.
#[must_use]
pub fn recognise(argv: &[OsString]) -> Option<Recognised<'_>> {
    let words = Words::new(argv)?;
    let (driver, call) =
        DRIVERS.iter().find_map(|driver| Some((driver, driver.recognise(&words)?)))?;
    let ends = !WATCH.iter().any(|option| words.has(option));
    let call = if ends { call } else { Call::Other };
    Some(Recognised { driver: driver.name(), tool: words.program(), call })
}

#[cfg(test)]
mod tests {
    use super::super::words::tests::argv;
    use super::*;

    fn of(line: &str) -> Option<(String, Call)> {
        let argv = argv(line);
        recognise(&argv).map(|found| (found.tool.to_owned(), found.call))
    }

    #[test]
    fn builds_checks_and_tests_are_known() {
        for (line, tool) in [
            ("cargo check", "cargo"),
            ("/usr/bin/cargo +nightly test --workspace", "cargo"),
            ("cargo --locked clippy", "cargo"),
            ("npm test", "npm"),
            ("npm run build:web", "npm"),
            ("pnpm lint", "pnpm"),
            ("yarn run typecheck", "yarn"),
            ("npx tsc --noEmit", "npx"),
            ("turbo run build", "turbo"),
            ("nx run-many -t build", "nx"),
            ("go test ./...", "go"),
            ("make", "make"),
            ("make -j8 CC=clang all", "make"),
            ("ninja -C out", "ninja"),
            ("cmake --build out", "cmake"),
            ("uv run pytest -x", "uv"),
            ("python3 -m pytest", "python3"),
            ("pytest", "pytest"),
            ("tsc -p .", "tsc"),
        ] {
            assert_eq!(of(line), Some((tool.into(), Call::Build)), "{line}");
        }
    }

    #[test]
    fn what_acts_on_the_world_or_never_ends_is_no_build() {
        for line in [
            "./deploy.sh",
            "true",
            "cargo",
            "cargo publish",
            "cargo run",
            "npm install",
            "npm publish",
            "npm run deploy",
            "npm start",
            "npx some-script",
            "go run .",
            "make install",
            "make deploy",
            "cmake -B out",
            "uv run serve",
            "python3 script.py",
            "tsc --watch",
            "jest --watchAll",
            "tsc -w",
            "cargo test -w",
            "uv pip install x",
            "ruff check --fix",
            "turbo dev",
        ] {
            assert_ne!(of(line).map(|(_, call)| call), Some(Call::Build), "{line}");
        }
    }

    #[test]
    fn no_two_drivers_know_the_same_program_or_have_the_same_name() {
        let names: Vec<_> = DRIVERS.iter().map(|driver| driver.name()).collect();
        assert!(names.is_sorted_by(|a, b| a < b), "{names:?}");
        for program in [
            "cargo",
            "cargo-nextest",
            "clippy-driver",
            "rustc",
            "rustdoc",
            "cmake",
            "ctest",
            "go",
            "make",
            "gmake",
            "ninja",
            "just",
            "gcc",
            "g++",
            "clang",
            "clang++",
            "cc",
            "c++",
            "javac",
            "npm",
            "pnpm",
            "yarn",
            "bun",
            "npx",
            "pnpx",
            "bunx",
            "turbo",
            "nx",
            "eslint",
            "esbuild",
            "jest",
            "swc",
            "tsc",
            "vitest",
            "uv",
            "ruff",
            "python",
            "python3",
            "mypy",
            "pyright",
            "pytest",
            "py.test",
        ] {
            let line = argv(program);
            let words = Words::new(&line).expect("a program");
            let knowing = DRIVERS.iter().filter(|driver| driver.recognise(&words).is_some());
            assert_eq!(knowing.count(), 1, "{program}");
        }
    }
}
