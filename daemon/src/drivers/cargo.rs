//! Rust: Cargo and the programs around its compiler.

use super::driver::{Call, Driver};
use super::words::Words;

/// The driver of Rust's tools.
#[derive(Debug)]
pub(super) struct Cargo;

/// Subcommands that act on the world, start programs, or change what others read. All others
/// count as builds, since most of Cargo's many plug-ins are.
const EXCEPT: &[&str] = &[
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

/// Programs that only build, check or test, whatever their arguments.
const PLAIN: &[&str] = &["cargo-nextest", "clippy-driver", "rustc", "rustdoc"];

impl Driver for Cargo {
    fn name(&self) -> &'static str {
        "cargo"
    }

    fn recognise(&self, words: &Words<'_>) -> Option<Call> {
        match words.program() {
            "cargo" => {
                let subcommand = words.plain().next();
                Some(Call::build_if(subcommand.is_some_and(|word| !EXCEPT.contains(&word))))
            }
            program => PLAIN.contains(&program).then_some(Call::Build),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::driver::tests::check;

    #[test]
    fn everything_but_what_acts_on_the_world_builds() {
        check(
            &super::Cargo,
            &[
                "cargo check",
                "cargo build --release",
                "/usr/bin/cargo +nightly test --workspace",
                "cargo --locked clippy",
                "cargo doc --no-deps",
                "cargo nextest run",
                "cargo-nextest nextest run",
                "clippy-driver --version",
                "rustc main.rs",
                "rustdoc src/lib.rs",
            ],
            &[
                "cargo",
                "cargo --version",
                "cargo publish",
                "cargo run",
                "cargo +nightly run --release",
                "cargo install ripgrep",
                "cargo update",
                "cargo watch -x check",
            ],
        );
    }
}
