//! Python's interpreter, its checkers and its runners of tests.

use super::driver::Call;
use super::names::{is_build, options_act};
use super::words::{Part, Syntax, Words};

/// Options of the interpreter. `-i` and `-c` are missing: one never ends, the other runs anything.
const INTERPRETER: Syntax = Syntax {
    flags: &["-B", "-E", "-I", "-O", "-P", "-R", "-S", "-b", "-d", "-q", "-s", "-u", "-v", "-x"],
    valued: &["-W", "-X", "-m", "--check-hash-based-pycs"],
    counted: &[],
};

/// Modules that are no programs of their own, and only build or test.
const MODULES: &[&str] = &["build", "compileall", "py_compile", "unittest"];

/// Programs that only check or test, and are modules by the same name.
const CHECKERS: &[&str] = &[
    "basedpyright",
    "black",
    "flake8",
    "isort",
    "mypy",
    "nox",
    "py.test",
    "pyflakes",
    "pylint",
    "pyright",
    "pytest",
    "ruff",
    "tox",
];

/// Options of `coverage run`, up to what it runs.
const COVERAGE: Syntax = Syntax {
    flags: &["-a", "-p", "--append", "--branch", "--parallel-mode"],
    valued: &["-m", "--concurrency", "--data-file", "--include", "--omit", "--rcfile", "--source"],
    counted: &[],
};

/// Options of ruff before its verb.
const RUFF: Syntax = Syntax {
    flags: &["-q", "-s", "-v", "--isolated", "--quiet", "--silent", "--verbose"],
    valued: &["--config"],
    counted: &[],
};

/// Options of tox and nox, around their verb.
const SESSIONS: Syntax = Syntax {
    flags: &["-q", "-r", "-v", "-vv", "--recreate", "--reuse-existing-virtualenvs"],
    valued: &["-c", "-e", "-f", "-n", "-s", "--noxfile", "--session", "--sessions"],
    counted: &[],
};

/// What this call does; `None` if its program is not known.
pub(super) fn recognise<'a>(words: &Words<'a>) -> Option<Call<'a>> {
    let program = words.program();
    if is_interpreter(program) {
        return Some(runs_module(words, INTERPRETER));
    }
    if program == "coverage" {
        return Some(coverage(words));
    }
    CHECKERS.contains(&program).then(|| Call::build_if(checks(words)))
}

/// Whether this is an interpreter, of whatever version (`python3.11`).
fn is_interpreter(program: &str) -> bool {
    let version = program.strip_prefix("python").or_else(|| program.strip_prefix("pypy"));
    version.is_some_and(|version| version.chars().all(|l| l.is_ascii_digit() || l == '.'))
}

fn coverage<'a>(words: &Words<'a>) -> Call<'a> {
    let run = words.first().filter(|verb| verb.program() == "run");
    run.map_or(Call::Other, |run| runs_module(&run, COVERAGE))
}

/// What the module does that `-m` names among these options.
fn runs_module<'a>(words: &Words<'a>, syntax: Syntax) -> Call<'a> {
    let mut parts = words.parts(syntax);
    loop {
        match parts.next() {
            Some(Part::Option("-m", Some(name))) => {
                return module(&Words::of(name, parts.rest()));
            }
            Some(Part::Option(..)) => {}
            Some(Part::Plain(_) | Part::End | Part::Unknown) | None => return Call::Other,
        }
    }
}

/// What `python -m` does with this module.
pub(super) fn module<'a>(words: &Words<'a>) -> Call<'a> {
    let name = words.program();
    if name == "coverage" {
        return coverage(words);
    }
    let builds = if CHECKERS.contains(&name) {
        checks(words)
    } else {
        MODULES.contains(&name) && !options_act(words.arguments(), "")
    };
    Call::build_if(builds)
}

fn checks(words: &Words<'_>) -> bool {
    let ends = |short: &str| !options_act(words.arguments(), short);
    match words.program() {
        "black" => words.has(&["--check"]),
        "isort" => words.has(&["-c", "--check", "--check-only"]),
        "ruff" => words.verb(RUFF).is_some_and(|verb| match verb.program() {
            "check" => !options_act(verb.arguments(), "w"),
            "format" => verb.has(&["--check", "--diff"]),
            _ => false,
        }),
        "pyright" | "basedpyright" => ends("w"),
        // They debug at a terminal, or run again and again.
        "pytest" | "py.test" => {
            !words.has(&["-f", "--inline-snapshot", "--looponfail", "--trace"]) && ends("")
        }
        "nox" | "tox" => sessions(words),
        _ => ends(""),
    }
}

/// Whether all sessions of tox or nox that are asked for are builds by their names. Those that run
/// when none is said are tests by custom.
fn sessions(words: &Words<'_>) -> bool {
    let (own, handed_on) = words.split();
    let mut option = "";
    let builds = own.parts(SESSIONS).all(|part| match part {
        Part::Option(name, None) => {
            option = name;
            true
        }
        Part::Option(name, Some(value)) => {
            option = name;
            let names = ["-e", "-s", "--session", "--sessions"].contains(&name);
            !names || value.split(',').all(is_session)
        }
        // More sessions of nox may follow the first.
        Part::Plain("p" | "r" | "run" | "run-parallel") if option.is_empty() => true,
        Part::Plain(name) => is_session(name),
        Part::End | Part::Unknown => false,
    });
    builds && !options_act(handed_on, "uw")
}

/// A session can be of a version (`py312`, `tests-3.12`).
fn is_session(name: &str) -> bool {
    let version = name.strip_prefix("py").unwrap_or("");
    is_build(name) || version.starts_with(|letter: char| letter.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::super::driver::tests::check;
    use super::super::python::Python;

    #[test]
    fn checkers_and_runners_of_tests_count_however_they_are_called() {
        check(
            &Python,
            &[
                "pytest",
                "py.test -x",
                "pytest -k update -rf --lf --cov=src",
                "mypy src",
                "pyright",
                "flake8",
                "pylint src",
                "black --check .",
                "isort -c .",
                "ruff check src",
                "ruff check --no-fix",
                "ruff --quiet check",
                "ruff format --check",
                "ruff format --diff",
                "python -m pytest",
                "python3.11 -m pytest -x",
                "python3 -W error -m mypy src",
                "python3 -Wd -um unittest",
                "python3 -mpytest",
                "pypy3 -m unittest discover",
                "python -m compileall src",
                "python -m build --wheel",
                "python -m ruff check",
                "coverage run --branch -m pytest",
                "python -m coverage run -m unittest",
                "tox",
                "tox -e py312,lint",
                "tox run -e type-check -- --durations 5",
                "nox -s tests-3.12 lint",
            ],
            &[
                "ruff",
                "ruff format",
                "ruff check --fix",
                "ruff check --add-noqa",
                "ruff check --watch",
                "ruff server",
                "black .",
                "isort .",
                "pyright -w",
                "pyright --createstub x",
                "pytest --pdb",
                "pytest --snapshot-update",
                "pytest -f",
                "pytest --inline-snapshot=fix",
                "mypy --install-types",
                "python",
                "python3 script.py",
                "python3 -c pass",
                "python3 -i -m pytest",
                "python -m http.server",
                "python -m pip install x",
                "python -m black .",
                "python script.py -m pytest",
                "coverage run manage.py test",
                "coverage run -m http.server",
                "coverage erase",
                "tox -e release",
                "tox -e py312,deploy",
                "tox devenv",
                "tox -e lint -- --fix",
                "nox -s publish",
                "nox -s tests publish",
                "nox --unknown",
            ],
        );
    }
}
