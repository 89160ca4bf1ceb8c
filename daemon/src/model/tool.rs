//! Which commands are builds: asked for twice on the same tree, they are wanted once.
//!
//! `./deploy.sh` must run as often as it is asked, so a command joins only when its program, and
//! where the program does other things as well its subcommand, is known to build, check or test.

use std::ffi::{OsStr, OsString};
use std::path::Path;

/// Subcommands that act on the world, start servers, or are not builds.
const CARGO_EXCEPT: &[&str] = &[
    "add",
    "init",
    "install",
    "login",
    "logout",
    "new",
    "owner",
    "publish",
    "remove",
    "run",
    "uninstall",
    "update",
    "watch",
    "yank",
];
/// Scripts of a package that are builds by their common names.
const SCRIPTS: &[&str] =
    &["build", "check", "compile", "lint", "test", "tsc", "typecheck", "type-check", "types"];
const GO: &[&str] = &["build", "list", "test", "vet"];
const UV_RUN: &[&str] = &["mypy", "pyright", "pytest", "ruff"];
const NPX: &[&str] =
    &["esbuild", "eslint", "jest", "nx", "rollup", "swc", "tsc", "turbo", "vitest", "webpack"];
/// Goals of make and friends that act on the world.
const GOALS_EXCEPT: &[&str] =
    &["deploy", "install", "publish", "release", "run", "serve", "start", "uninstall", "upload"];
/// Programs that only build, check or test, whatever their arguments.
const PLAIN: &[&str] = &[
    "cargo-nextest",
    "clippy-driver",
    "eslint",
    "esbuild",
    "g++",
    "gcc",
    "clang",
    "clang++",
    "cc",
    "c++",
    "javac",
    "jest",
    "mypy",
    "pyright",
    "pytest",
    "py.test",
    "rustc",
    "rustdoc",
    "swc",
    "tsc",
    "vitest",
];

/// The known build tool that `argv` calls, by name; `None` where it is not known, or where this
/// call of it is not a build.
#[must_use]
pub fn known(argv: &[OsString]) -> Option<&str> {
    let program = Path::new(argv.first()?).file_name()?.to_str()?;
    // Words only: options, `+toolchain` and what is not UTF-8 choose no subcommand.
    let mut words = argv[1..]
        .iter()
        .filter_map(|word| word.to_str())
        .filter(|word| !word.starts_with(['-', '+']) && !word.contains('='));
    let watches = argv[1..].iter().any(|word| is_watch(word));
    let builds = match program {
        "cargo" => words.next().is_some_and(|word| !CARGO_EXCEPT.contains(&word)),
        "npm" | "pnpm" | "yarn" | "bun" => match words.next() {
            Some("run" | "run-script") => words.next().is_some_and(is_script),
            Some("exec" | "dlx") => words.next().is_some_and(|word| NPX.contains(&word)),
            Some("ci" | "install") => false,
            Some(word) => is_script(word),
            None => false,
        },
        "npx" | "pnpx" | "bunx" => words.next().is_some_and(|word| NPX.contains(&word)),
        "turbo" => match words.next() {
            Some("run") => words.next().is_some_and(is_script),
            Some(word) => is_script(word),
            None => false,
        },
        "nx" => words
            .next()
            .is_some_and(|word| matches!(word, "run-many" | "affected" | "run") || is_script(word)),
        "go" => words.next().is_some_and(|word| GO.contains(&word)),
        "make" | "gmake" | "ninja" | "just" => !words.any(|word| GOALS_EXCEPT.contains(&word)),
        "cmake" => argv[1..].iter().any(|word| word == "--build"),
        "ctest" => true,
        "uv" => words.next() == Some("run") && words.next().is_some_and(|w| UV_RUN.contains(&w)),
        "ruff" => words.next() == Some("check") && !argv.iter().any(|word| word == "--fix"),
        "python" | "python3" => argv[1..].windows(2).any(|pair| {
            pair[0] == "-m" && pair[1].to_str().is_some_and(|word| UV_RUN.contains(&word))
        }),
        _ => PLAIN.contains(&program),
    };
    (builds && !watches).then_some(program)
}

fn is_script(name: &str) -> bool {
    SCRIPTS.iter().any(|script| {
        name.strip_prefix(script).is_some_and(|rest| rest.is_empty() || rest.starts_with(':'))
    })
}

fn is_watch(word: &OsStr) -> bool {
    word == "--watch" || word == "--watchAll" || word == "-w"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(line: &str) -> Option<String> {
        let argv: Vec<OsString> = line.split(' ').map(OsString::from).collect();
        known(&argv).map(str::to_owned)
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
            assert_eq!(of(line).as_deref(), Some(tool), "{line}");
        }
    }

    #[test]
    fn what_acts_on_the_world_or_never_ends_is_not() {
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
            "uv pip install x",
            "ruff check --fix",
            "turbo dev",
        ] {
            assert_eq!(of(line), None, "{line}");
        }
    }
}
