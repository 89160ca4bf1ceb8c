//! Make and its kind: programs whose goals a project names as it likes.
//!
//! A goal of any name may do anything, so only those count that a name or an ending says are built:
//! no goal at all (by custom that builds), names as `all`, `test` or `lib`, and files as compilers
//! and linkers write them. A program that is called `app` runs each time unless it is asked for
//! with `--join`.

use super::driver::{Call, Driver};
use super::names::{acts, is_build};
use super::reads::NOTHING;
use super::words::{Part, Syntax, Words};
use crate::model::{Place, ToolHome, ToolReads};
use std::ffi::OsString;

/// The driver of Make, Ninja and just.
#[derive(Debug)]
pub(super) struct Make;

/// Goals that are built by custom, beside those that [`is_build`] knows.
const GOALS: &[&str] = &[
    "ALL_BUILD",
    "RUN_TESTS",
    "all",
    "bin",
    "binaries",
    "default",
    "doc",
    "docs",
    "html",
    "lib",
    "libs",
    "modules",
    "objects",
];

/// Endings of files that are only ever made by building.
const ENDINGS: &[&str] = &[
    "a", "bc", "bin", "class", "d", "dll", "dylib", "elf", "exe", "hex", "i", "jar", "ko", "lib",
    "ll", "o", "obj", "pdf", "rlib", "so", "wasm",
];

/// Options of GNU Make. Those that touch files, evaluate text or only print something are missing.
const MAKE: Syntax = Syntax {
    flags: &[
        "-B",
        "-O",
        "-S",
        "-e",
        "-i",
        "-k",
        "-n",
        "-r",
        "-R",
        "-s",
        "-w",
        "--always-make",
        "--dry-run",
        "--environment-overrides",
        "--ignore-errors",
        "--just-print",
        "--keep-going",
        "--no-builtin-rules",
        "--no-builtin-variables",
        "--no-keep-going",
        "--no-print-directory",
        "--no-silent",
        "--output-sync",
        "--print-directory",
        "--quiet",
        "--recon",
        "--shuffle",
        "--silent",
        "--stop",
        "--trace",
        "--warn-undefined-variables",
    ],
    valued: &[
        "-C",
        "-I",
        "-W",
        "-f",
        "-o",
        "--assume-new",
        "--assume-old",
        "--directory",
        "--file",
        "--include-dir",
        "--makefile",
        "--new-file",
        "--old-file",
        "--what-if",
    ],
    counted: &["-j", "-l", "--jobs", "--load-average", "--max-load"],
};

/// Options of Ninja, but for its tools (`-t`).
const NINJA: Syntax = Syntax {
    flags: &["-n", "-v", "--quiet", "--verbose"],
    valued: &["-C", "-d", "-f", "-j", "-k", "-l", "-w"],
    counted: &[],
};

/// What may stand behind `cmake --build DIR --`: options of whatever tool there is.
const NATIVE: Syntax = Syntax {
    flags: &["-B", "-n", "-r", "-s", "-v", "-w", "--no-print-directory", "--quiet", "--verbose"],
    valued: &[],
    counted: &["-j", "-k", "-l", "--jobs", "--load-average"],
};

/// Options of just before its recipes.
const JUST: Syntax = Syntax {
    flags: &["-n", "-q", "-u", "-v", "--dry-run", "--quiet", "--unstable", "--verbose"],
    valued: &["-d", "-f", "--color", "--justfile", "--working-directory"],
    counted: &[],
};

/// What make, ninja and just read by themselves; what they start reads more.
const READS: ToolReads = ToolReads {
    upward: &["Makefile", "makefile", "GNUmakefile", "justfile", ".justfile", "build.ninja"],
    manifests: &["Makefile", "makefile", "GNUmakefile", "justfile"],
    named_files: &["MAKEFILES"],
    homes: &[ToolHome::at(Place::Config("just"), &["justfile"])],
    outputs: &["build"],
    ..NOTHING
};

impl Driver for Make {
    fn name(&self) -> &'static str {
        "make"
    }

    fn reads(&self) -> &'static ToolReads {
        &READS
    }

    fn starts_any(&self) -> bool {
        true
    }

    fn recognise<'a>(&self, words: &Words<'a>) -> Option<Call<'a>> {
        let builds = match words.program() {
            "make" | "gmake" => are_goals(words, MAKE),
            "ninja" | "ninja-build" | "samu" => are_goals(words, NINJA),
            "just" => {
                // Without a recipe, the first of the file is run, which is seldom a build.
                let recipes = words.plain(JUST);
                !of_other_file(words, JUST)
                    && recipes.is_some_and(|recipes| {
                        let mut recipes = recipes.into_iter().filter(|word| !is_assignment(word));
                        recipes.next().is_some_and(is_recipe) && recipes.all(is_recipe)
                    })
            }
            _ => return None,
        };
        Some(Call::build_if(builds))
    }
}

/// Whether this goal of a build tool is one that is built.
pub(super) fn is_goal(goal: &str) -> bool {
    let ending = || {
        let (stem, ending) = goal.rsplit_once('.').unwrap_or((goal, ""));
        !stem.is_empty() && ENDINGS.contains(&ending)
    };
    // `all` may say of what (`all-gcc`).
    let all = goal.starts_with("all-") || goal.starts_with("all_");
    is_build(goal) || ((GOALS.contains(&goal) || all || ending()) && !acts(goal))
}

/// Whether these are options and goals of a native build tool, and all goals are built.
pub(super) fn are_native(arguments: &[OsString]) -> bool {
    are_goals(&Words::of("make", arguments), NATIVE)
}

fn are_goals(words: &Words<'_>, syntax: Syntax) -> bool {
    !of_other_file(words, syntax)
        && words
            .plain(syntax)
            .is_some_and(|goals| goals.into_iter().all(|goal| is_assignment(goal) || is_goal(goal)))
}

/// Whether it reads goals from a file whose name says that they act (`deploy.mk`).
fn of_other_file(words: &Words<'_>, syntax: Syntax) -> bool {
    words.parts(syntax).any(|part| match part {
        Part::Option("-f" | "--file" | "--makefile" | "--justfile", Some(file)) => acts(file),
        _ => false,
    })
}

fn is_assignment(word: &str) -> bool {
    word.find('=').is_some_and(|at| at > 0)
}

/// A recipe can be one of a module (`web::build`).
fn is_recipe(name: &str) -> bool {
    let (module, name) = name.rsplit_once("::").unwrap_or(("", name));
    is_build(name) && !acts(module)
}

#[cfg(test)]
mod tests {
    use super::super::driver::tests::check;
    use super::Make;

    #[test]
    fn goals_that_are_built_are_known_by_name_or_ending() {
        check(
            &Make,
            &[
                "make",
                "make -w",
                "make -j8 CC=clang all",
                "make -j 8 -C sub --no-print-directory check",
                "make -kj4 -f Makefile.unix",
                "make DESTDIR=install",
                "make build/app.o lib.so",
                "make all-gcc",
                "make docs lint V=1",
                "make -s -- test",
                "gmake test",
                "ninja -C out",
                "ninja -C out -k 0 src/main.o",
                "ninja -v check-llvm",
            ],
            &[
                "make install",
                "make all install",
                "make deploy-prod",
                "make -C all deploy",
                "make -f test deploy",
                "make -fdeploy.mk",
                "make --file ops/deploy.mk all",
                "make build-and-push",
                "make clean",
                "make flash",
                "make release",
                "make app",
                "make k8s/rollout",
                "make deploy/app.o",
                "make .o",
                "make --eval x all",
                "make -t",
                "make -p",
                "make --version",
                "gmake deploy",
                "ninja -t clean",
                "ninja upload",
                "ninja -C build run",
            ],
        );
    }

    #[test]
    fn recipes_are_known_by_name() {
        check(
            &Make,
            &[
                "just lint",
                "just -f x/justfile build test",
                "just mode=fast check",
                "just web::test",
            ],
            &[
                "just",
                "just --list",
                "just --choose",
                "just build prod",
                "just deploy-prod",
                "just deploy::build",
                "just -f deploy.just build",
                "just mode=fast",
                "just serve",
                "just --set mode fast build",
            ],
        );
    }

    #[test]
    fn the_lists_are_sorted_so_that_they_stay_readable() {
        for list in [super::GOALS, super::ENDINGS] {
            assert!(list.is_sorted());
        }
    }
}
