//! Compilers and checkers of C and its kind, called by themselves. Those of other ecosystems are
//! known to their drivers.

use super::driver::{Call, Driver};
use super::names::options_act;
use super::reads::NOTHING;
use super::words::Words;
use crate::model::{Place, ToolHome, ToolReads};

/// The driver of compilers of C and C++.
#[derive(Debug)]
pub(super) struct Native;

const COMPILERS: &[&str] = &["c++", "cc", "clang", "clang++", "g++", "gcc"];

/// Compilers that carry their target's name before their own (`aarch64-linux-gnu-gcc`).
const CROSS: &[&str] = &["-clang", "-clang++", "-g++", "-gcc"];

/// What compilers read by themselves: files that their arguments name are looked at in any case.
const READS: ToolReads = ToolReads {
    homes: &[
        ToolHome::named("CCACHE_DIR", Place::Home(".ccache"), &["ccache.conf"]),
        ToolHome::at(Place::Config("ccache"), &["ccache.conf"]),
    ],
    named_trees: &["CPATH", "C_INCLUDE_PATH", "CPLUS_INCLUDE_PATH", "LIBRARY_PATH"],
    upward: &[".clang-tidy", ".clang-format"],
    ..NOTHING
};

impl Driver for Native {
    fn name(&self) -> &'static str {
        "native"
    }

    fn reads(&self) -> &'static ToolReads {
        &READS
    }

    fn starts_any(&self) -> bool {
        true
    }

    fn recognise<'a>(&self, words: &Words<'a>) -> Option<Call<'a>> {
        Some(match without_version(words.program()) {
            "ccache" | "sccache" => {
                // With an option of its own it looks after its cache.
                let compiler = Words::new(words.arguments());
                Call::starts(compiler.filter(|word| !word.program().starts_with('-')))
            }
            "clang-tidy" | "cppcheck" => Call::build_if(!options_act(words.arguments(), "")),
            "clang-format" => {
                let checks = words.has(&["-n", "--dry-run"]) && !words.has(&["-i"]);
                Call::build_if(checks)
            }
            program => {
                let cross = || CROSS.iter().any(|compiler| program.ends_with(compiler));
                return (COMPILERS.contains(&program) || cross()).then_some(Call::Build);
            }
        })
    }
}

/// The name without a version behind it (`gcc-13`).
fn without_version(program: &str) -> &str {
    match program.rsplit_once('-') {
        Some((name, version)) if is_version(version) => name,
        _ => program,
    }
}

fn is_version(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|letter| letter.is_ascii_digit() || letter == '.')
}

#[cfg(test)]
mod tests {
    use super::super::driver::tests::check;

    #[test]
    fn a_compiler_only_compiles() {
        check(
            &super::Native,
            &[
                "cc x.c",
                "c++ x.cc",
                "gcc -O2 x.c",
                "g++ x.cc",
                "clang",
                "clang++",
                "gcc-13 x.c",
                "clang++-17 x.cc",
                "aarch64-linux-gnu-gcc-12 -c x.c",
                "ccache gcc -c x.c",
                "sccache /usr/bin/clang++ x.cc",
                "clang-tidy x.c -- -Isrc",
                "clang-format --dry-run -Werror x.c",
                "cppcheck src",
            ],
            &[
                "ccache",
                "ccache -C",
                "ccache ./deploy.sh",
                "sccache --start-server",
                "clang-tidy --fix x.c",
                "clang-tidy -fix x.c",
                "clang-format -i x.c",
            ],
        );
    }
}
