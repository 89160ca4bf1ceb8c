//! Python: checkers and test runners, called by name, as a module, or through uv.

use super::driver::{Call, Driver};
use super::words::Words;

/// The driver of Python's tools.
#[derive(Debug)]
pub(super) struct Python;

/// Programs that only check or test, run through another one.
const MODULES: &[&str] = &["mypy", "pyright", "pytest", "ruff"];

/// The same, run by themselves.
const PLAIN: &[&str] = &["mypy", "py.test", "pyright", "pytest"];

impl Driver for Python {
    fn name(&self) -> &'static str {
        "python"
    }

    fn recognise(&self, words: &Words<'_>) -> Option<Call> {
        let mut plain = words.plain();
        let builds = match words.program() {
            "python" | "python3" => words.values("-m").any(is_module),
            "ruff" => plain.next() == Some("check") && !words.has("--fix"),
            "uv" => plain.next() == Some("run") && plain.next().is_some_and(is_module),
            program => return PLAIN.contains(&program).then_some(Call::Build),
        };
        Some(Call::build_if(builds))
    }
}

fn is_module(name: &str) -> bool {
    MODULES.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::super::driver::tests::check;

    #[test]
    fn checkers_and_test_runners_count_however_they_are_called() {
        check(
            &super::Python,
            &[
                "pytest",
                "py.test -x",
                "mypy src",
                "pyright",
                "ruff check src",
                "uv run pytest -x",
                "uv --offline run mypy .",
                "python -m pytest",
                "python3 -W error -m mypy src",
            ],
            &[
                "ruff",
                "ruff format",
                "ruff check --fix",
                "uv",
                "uv run serve",
                "uv pip install x",
                "uv sync",
                "python3 script.py",
                "python -m http.server",
                "python script.py -m",
            ],
        );
    }
}
