//! Managers of Python's environments: they start the command that stands behind their own words,
//! which is a build if that one is.

use super::driver::Call;
use super::names::{handed_on_act, is_build};
use super::python_tools;
use super::words::{Part, Syntax, Words};

/// Options of uv, before and behind `run`.
const UV: Syntax = Syntax {
    flags: &[
        "-U",
        "-n",
        "-q",
        "-v",
        "--active",
        "--all-extras",
        "--all-groups",
        "--all-packages",
        "--dev",
        "--exact",
        "--frozen",
        "--isolated",
        "--locked",
        "--managed-python",
        "--native-tls",
        "--no-build",
        "--no-cache",
        "--no-config",
        "--no-default-groups",
        "--no-dev",
        "--no-editable",
        "--no-env-file",
        "--no-index",
        "--no-managed-python",
        "--no-progress",
        "--no-project",
        "--no-python-downloads",
        "--no-sync",
        "--offline",
        "--only-dev",
        "--quiet",
        "--refresh",
        "--reinstall",
        "--upgrade",
        "--verbose",
    ],
    valued: &[
        "-C",
        "-P",
        "-f",
        "-i",
        "-m",
        "-p",
        "-w",
        "--allow-insecure-host",
        "--cache-dir",
        "--color",
        "--config-file",
        "--config-setting",
        "--default-index",
        "--directory",
        "--env-file",
        "--exclude-newer",
        "--extra",
        "--find-links",
        "--from",
        "--group",
        "--index",
        "--index-strategy",
        "--link-mode",
        "--module",
        "--no-extra",
        "--no-group",
        "--only-group",
        "--package",
        "--prerelease",
        "--project",
        "--python",
        "--python-platform",
        "--refresh-package",
        "--reinstall-package",
        "--resolution",
        "--upgrade-package",
        "--with",
        "--with-editable",
        "--with-requirements",
    ],
    counted: &[],
};

const POETRY: Syntax = Syntax {
    flags: &[
        "-n",
        "-q",
        "-v",
        "-vv",
        "-vvv",
        "--ansi",
        "--no-ansi",
        "--no-cache",
        "--no-interaction",
        "--no-plugins",
        "--quiet",
        "--verbose",
    ],
    valued: &["-C", "-P", "--directory", "--project"],
    counted: &[],
};

const HATCH: Syntax = Syntax {
    flags: &["-q", "-v", "--color", "--no-color", "--no-interactive", "--quiet", "--verbose"],
    valued: &["-e", "-p", "--cache-dir", "--config", "--data-dir", "--env", "--project"],
    counted: &[],
};

const PDM: Syntax = Syntax {
    flags: &["-q", "-s", "-v", "-vv", "--quiet", "--site-packages", "--verbose"],
    valued: &["-c", "-p", "--config", "--project"],
    counted: &[],
};

const PIPENV: Syntax = Syntax { flags: &["-q", "-v", "--quiet", "--verbose"], ..Syntax::NONE };

/// What this call does; `None` if its program manages no environments.
pub(super) fn recognise<'a>(words: &Words<'a>) -> Option<Call<'a>> {
    Some(match words.program() {
        "uv" => words.verb(UV).map_or(Call::Other, |verb| uv(&verb)),
        "uvx" => tool(words),
        "poetry" => words.verb(POETRY).map_or(Call::Other, |verb| match verb.program() {
            "run" => Call::starts(verb.started(POETRY)),
            name => Call::build_if(["build", "check"].contains(&name)),
        }),
        "hatch" => words.verb(HATCH).map_or(Call::Other, |verb| hatch(&verb)),
        "pdm" => words.verb(PDM).map_or(Call::Other, |verb| match verb.program() {
            "run" => verb.started(PDM).map_or(Call::Other, script),
            "build" => Call::Build,
            // A short form for scripts only.
            name => Call::build_if(is_build(name) && !handed_on_act(verb.arguments())),
        }),
        "pipenv" => words.verb(PIPENV).map_or(Call::Other, |verb| match verb.program() {
            "run" => verb.started(PIPENV).map_or(Call::Other, script),
            _ => Call::Other,
        }),
        _ => return None,
    })
}

fn uv<'a>(verb: &Words<'a>) -> Call<'a> {
    match verb.program() {
        "build" => Call::Build,
        "run" => {
            let mut parts = verb.parts(UV);
            loop {
                match parts.next() {
                    Some(Part::Option("-m" | "--module", Some(name))) => {
                        return python_tools::module(&Words::of(name, parts.rest()));
                    }
                    Some(Part::Option(..)) => {}
                    _ => return Call::starts(verb.started(UV)),
                }
            }
        }
        "tool" => match verb.first() {
            Some(run) if run.program() == "run" => tool(&run),
            _ => Call::Other,
        },
        _ => Call::Other,
    }
}

/// A program of a package, perhaps of a version that is said (`ruff@0.9`).
fn tool<'a>(words: &Words<'a>) -> Call<'a> {
    words.started(UV).map_or(Call::Other, |tool| {
        let name = tool.program();
        let name = name.split_once('@').map_or(name, |(name, _version)| name);
        Call::Starts(Words::of(name, tool.arguments()))
    })
}

fn hatch<'a>(verb: &Words<'a>) -> Call<'a> {
    match verb.program() {
        "build" | "test" => Call::build_if(!handed_on_act(verb.arguments())),
        "fmt" => Call::build_if(verb.has(&["--check"])),
        // The environment may stand before the command (`lint:ruff check`).
        "run" => verb.started(HATCH).map_or(Call::Other, |inner| {
            let name = inner.program();
            let name = name.split_once(':').map_or(name, |(_environment, name)| name);
            script(Words::of(name, inner.arguments()))
        }),
        _ => Call::Other,
    }
}

/// A script by its name, or else whatever program that is.
fn script(words: Words<'_>) -> Call<'_> {
    let name = words.program();
    // Programs of these names are known better than by their names.
    let is_program = ["mypy", "pytest"].contains(&name);
    if is_build(name) && !is_program {
        return Call::build_if(!handed_on_act(words.arguments()));
    }
    Call::Starts(words)
}

#[cfg(test)]
mod tests {
    use super::super::driver::tests::check;
    use super::super::python::Python;

    #[test]
    fn managers_of_environments_are_what_they_start() {
        check(
            &Python,
            &[
                "uv run pytest -x",
                "uv run -- pytest",
                "uv --offline run mypy .",
                "uv run --with pytest-xdist --python 3.12 pytest -n4",
                "uv run --group lint ruff check",
                "uv run -m pytest",
                "uv run python -m pytest",
                "uv run --directory sub python3.12 -m unittest",
                "uv tool run ruff check",
                "uv build",
                "uvx ruff@0.9 check .",
                "uvx --from mypy mypy src",
                "poetry run pytest",
                "poetry -C sub run mypy .",
                "poetry build",
                "hatch test",
                "hatch run pytest -x",
                "hatch run test",
                "hatch run lint:ruff check",
                "hatch -e ci run mypy .",
                "hatch fmt --check",
                "pdm run pytest",
                "pdm test",
                "pdm run -p sub lint",
                "pipenv run pytest",
            ],
            &[
                "uv",
                "uv run",
                "uv run serve",
                "uv run test.py",
                "uv run --with pytest serve",
                "uv run --unknown pytest serve",
                "uv run -m http.server",
                "uv run ruff check --fix",
                "uv pip install x",
                "uv publish",
                "uv sync",
                "uvx --from pytest serve",
                "uvx ruff format",
                "poetry",
                "poetry install",
                "poetry publish --build",
                "poetry run serve",
                "hatch",
                "hatch publish",
                "hatch shell",
                "hatch run serve",
                "hatch run test:serve",
                "hatch fmt",
                "pdm install",
                "pdm make",
                "pdm publish",
                "pdm run start",
                "pdm run test --pdb",
                "pipenv shell",
                "pipenv run start",
            ],
        );
    }
}
