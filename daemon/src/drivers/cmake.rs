//! CMake and Meson, with their runners of tests. The build tools that they write files for have
//! their own drivers.

use super::driver::{Call, Driver};
use super::make::{are_native, is_goal};
use super::names::options_act;
use super::reads::NOTHING;
use super::words::{Part, Syntax, Words};
use crate::model::{Place, ToolHome, ToolReads};

/// The driver of CMake and Meson.
#[derive(Debug)]
pub(super) struct CMake;

/// Options of `cmake --build DIR`.
const BUILD: Syntax = Syntax {
    flags: &["-v", "--clean-first", "--use-stderr", "--verbose"],
    valued: &["-t", "--config", "--preset", "--resolve-package-references", "--target"],
    counted: &["-j", "--parallel"],
};

/// Options of `meson compile`.
const COMPILE: Syntax = Syntax {
    flags: &["-v", "--verbose"],
    valued: &["-C", "-j", "-l", "--jobs", "--load-average"],
    counted: &[],
};

/// What CMake and Meson read by themselves; what they start reads more.
const READS: ToolReads = ToolReads {
    named_files: &["CMAKE_TOOLCHAIN_FILE"],
    named_trees: &["CMAKE_PREFIX_PATH"],
    homes: &[ToolHome::at(Place::Home(".cmake"), &["packages"])],
    upward: &["CMakePresets.json", "CMakeUserPresets.json"],
    manifests: &["CMakeLists.txt", "meson.build", "CMakePresets.json", "CMakeUserPresets.json"],
    outputs: &["build", "builddir", "out"],
    ..NOTHING
};

impl Driver for CMake {
    fn name(&self) -> &'static str {
        "cmake"
    }

    fn reads(&self) -> &'static ToolReads {
        &READS
    }

    fn starts_any(&self) -> bool {
        true
    }

    fn recognise<'a>(&self, words: &Words<'a>) -> Option<Call<'a>> {
        let builds = match words.program() {
            "cmake" => cmake(words),
            "ctest" => !submits(words),
            "meson" => words.first().is_some_and(|verb| match verb.program() {
                "compile" => {
                    verb.plain(COMPILE).is_some_and(|goals| goals.into_iter().all(is_goal))
                }
                "test" => {
                    let options = ["--benchmark", "--gdb", "--gdb-path"];
                    !verb.has(&options) && !options_act(verb.arguments(), "i")
                }
                _ => false,
            }),
            _ => return None,
        };
        Some(Call::build_if(builds))
    }
}

fn cmake(words: &Words<'_>) -> bool {
    let (own, native) = words.split();
    // The first option says what all others mean.
    let Some(build) = own
        .first()
        .filter(|first| first.program() == "--build" || first.program().starts_with("--build="))
    else {
        return false;
    };
    let mut goals = Vec::new();
    // Behind it stands the directory, behind the option of goals perhaps further ones.
    let (mut may_be_plain, mut goal_is_next) = (true, false);
    for part in build.parts(BUILD) {
        match part {
            Part::Option("-t" | "--target", Some(goal)) => goals.push(goal),
            Part::Plain(goal) if goal_is_next => goals.push(goal),
            Part::Plain(_) if may_be_plain => {}
            Part::Option(..) => {}
            Part::Plain(_) | Part::End | Part::Unknown => return false,
        }
        may_be_plain = false;
        goal_is_next = match part {
            Part::Option(name, _) => name == "-t" || name == "--target",
            _ => goal_is_next,
        };
    }
    goals.into_iter().all(is_goal) && are_native(native)
}

/// Whether `ctest` is a client of a dashboard, or builds by a script: the options of both have
/// one capital letter.
fn submits(words: &Words<'_>) -> bool {
    let capital =
        |word: &str| ["-A", "-D", "-M", "-S", "-T"].iter().any(|option| word.starts_with(option));
    words.has(&["--build-and-test", "--dashboard", "--script", "--script-new-process"])
        || words.has(&["--extra-submit", "--submit-index", "--test-action", "--test-model"])
        || words.arguments().iter().any(|word| word.to_str().is_none_or(capital))
}

#[cfg(test)]
mod tests {
    use super::super::driver::tests::check;

    #[test]
    fn building_counts_and_configuring_does_not() {
        check(
            &super::CMake,
            &[
                "cmake --build out",
                "cmake --build=out",
                "cmake --build out --target all -j8",
                "cmake --build out -t check test --parallel 4 --config Release",
                "cmake --build out --preset fast",
                "cmake --build --preset fast",
                "cmake --build out -- -j4 -k all",
                "ctest",
                "ctest -j8 --test-dir out -R watch",
            ],
            &[
                "cmake",
                "cmake -B out",
                "cmake --install out",
                "cmake -P deploy.cmake",
                "cmake --build out --target install",
                "cmake --build out --target=deploy",
                "cmake --build out -t all install",
                "cmake --build out -t package",
                "cmake --build out -- install",
                "cmake --build out --unknown all",
                "cmake --build out deploy",
                "cmake --workflow --preset release",
                "ctest -D Nightly",
                "ctest -S build.cmake",
                "ctest -T Submit",
            ],
        );
    }

    #[test]
    fn meson_compiles_and_tests() {
        check(
            &super::CMake,
            &["meson compile -C out", "meson compile all", "meson test -C out --suite fast"],
            &[
                "meson",
                "meson setup out",
                "meson install -C out",
                "meson dist",
                "meson compile --clean",
                "meson compile deploy",
                "meson test --gdb",
                "meson test -i",
            ],
        );
    }
}
