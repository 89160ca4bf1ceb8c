//! Rust: Cargo and the programs around its compiler.

use super::driver::{Call, Driver};
use super::names::options_act;
use super::reads::NOTHING;
use super::words::{Syntax, Words};
use crate::model::{Place, ToolHome, ToolReads};

/// The driver of Rust's tools.
#[derive(Debug)]
pub(super) struct Cargo;

/// Subcommands that build, check or test, with their short names. `bench` is not among them:
/// whoever asks for a measurement wants one of their own. Neither are plug-ins, which may do
/// anything, nor aliases of a configuration.
const BUILDS: &[&str] =
    &["b", "build", "c", "check", "clippy", "d", "doc", "rustc", "rustdoc", "t", "test"];

/// Options of Cargo before its subcommand.
const OPTIONS: Syntax = Syntax {
    flags: &["-q", "--quiet", "-v", "--verbose", "--frozen", "--locked", "--offline"],
    valued: &["-C", "-Z", "--color", "--config"],
    counted: &[],
};

/// Options of nextest before its own subcommand.
const NEXTEST: Syntax = Syntax {
    flags: &["-v", "--verbose", "--no-pager"],
    valued: &["--color", "--config-file", "--manifest-path", "--tool-config-file"],
    counted: &[],
};

/// What Cargo and rustup read, and the compilers they start.
const READS: ToolReads = ToolReads {
    homes: &[
        ToolHome::named("CARGO_HOME", Place::Home(".cargo"), &["config.toml", "config", "env"]),
        ToolHome::named(
            "RUSTUP_HOME",
            Place::Home(".rustup"),
            &["settings.toml", "toolchains", "update-hashes"],
        ),
        ToolHome::at(Place::Config("rustfmt"), &["rustfmt.toml", ".rustfmt.toml"]),
        ToolHome::at(Place::Config("nextest"), &["config.toml"]),
    ],
    named_files: &["CLIPPY_CONF_DIR"],
    upward: &[
        ".cargo/config.toml",
        ".cargo/config",
        "rust-toolchain.toml",
        "rust-toolchain",
        "Cargo.toml",
        "Cargo.lock",
        "clippy.toml",
        ".clippy.toml",
        "rustfmt.toml",
        ".rustfmt.toml",
    ],
    workspaces: &[("Cargo.toml", "[workspace")],
    manifests: &["Cargo.toml", ".cargo/config.toml", ".cargo/config"],
    programs: &["rustc", "cc", "ld"],
    named_programs: &["RUSTC", "RUSTC_WRAPPER", "RUSTC_WORKSPACE_WRAPPER", "CC", "CXX"],
    outputs: &["target"],
    named_outputs: &["CARGO_TARGET_DIR", "CARGO_BUILD_TARGET_DIR", "CARGO_BUILD_BUILD_DIR"],
    ..NOTHING
};

impl Driver for Cargo {
    fn name(&self) -> &'static str {
        "cargo"
    }

    fn reads(&self) -> &'static ToolReads {
        &READS
    }

    fn recognise<'a>(&self, words: &Words<'a>) -> Option<Call<'a>> {
        let builds = match words.program() {
            "cargo" => subcommand(words).is_some_and(|verb| builds(&verb)),
            "cargo-nextest" => words.first().is_some_and(|verb| nextest(&verb)),
            "clippy-driver" | "rustc" | "rustdoc" => true,
            "rustfmt" => words.has(&["--check"]),
            _ => return None,
        };
        Some(Call::build_if(builds))
    }
}

/// The subcommand with what follows it, whatever toolchain it is for.
fn subcommand<'a>(words: &Words<'a>) -> Option<Words<'a>> {
    let toolchain = words.first().filter(|first| first.program().starts_with('+'));
    toolchain.unwrap_or(*words).verb(OPTIONS)
}

fn builds(verb: &Words<'_>) -> bool {
    match verb.program() {
        "fmt" => verb.has(&["--check"]),
        "nextest" => nextest(verb),
        name => BUILDS.contains(&name) && !options_act(verb.arguments(), ""),
    }
}

fn nextest(words: &Words<'_>) -> bool {
    words.program() == "nextest"
        && words.verb(NEXTEST).is_some_and(|verb| {
            ["list", "r", "run"].contains(&verb.program())
                && !verb.has(&["--debugger"])
                && !options_act(verb.arguments(), "")
        })
}

#[cfg(test)]
mod tests {
    use super::super::driver::tests::check;

    #[test]
    fn what_builds_checks_and_tests_is_known_with_its_short_names() {
        check(
            &super::Cargo,
            &[
                "cargo check",
                "cargo c",
                "cargo b --release",
                "cargo build --manifest-path /x/Cargo.toml",
                "cargo --color always build",
                "cargo --color=always -Zunstable t",
                "cargo -C sub test",
                "/usr/bin/cargo +nightly test --workspace",
                "cargo --locked -vv clippy -- -D warnings",
                "cargo test -- --nocapture watch",
                "cargo doc --no-deps",
                "cargo d",
                "cargo rustc -- --emit=asm",
                "cargo fmt --check",
                "cargo fmt --all -- --check",
                "cargo nextest run",
                "cargo nextest --manifest-path x/Cargo.toml r -E all()",
                "cargo nextest list",
                "cargo-nextest nextest run",
                "clippy-driver --version",
                "rustc main.rs",
                "rustdoc src/lib.rs",
                "rustfmt --check src/lib.rs",
            ],
            &[],
        );
    }

    #[test]
    fn all_else_is_not() {
        check(
            &super::Cargo,
            &[],
            &[
                "cargo",
                "cargo --version",
                "cargo --list build",
                "cargo bench",
                "cargo clean",
                "cargo clippy --fix --allow-dirty",
                "cargo deploy",
                "cargo doc --open",
                "cargo test -- --bless",
                "cargo fix",
                "cargo fmt",
                "cargo install ripgrep",
                "cargo nextest archive",
                "cargo nextest run --debugger gdb",
                "cargo publish",
                "cargo release",
                "cargo r",
                "cargo run",
                "cargo --color always run",
                "cargo -C build run",
                "cargo +nightly run --release",
                "cargo update",
                "cargo watch -x check",
                "cargo xtask build",
                "cargo-nextest",
                "cargo-nextest run",
                "rustfmt src/lib.rs",
            ],
        );
    }
}
