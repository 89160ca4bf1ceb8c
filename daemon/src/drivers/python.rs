//! Python: one driver for its tools, and for what manages its environments.

use super::driver::{Call, Driver};
use super::reads::NOTHING;
use super::words::Words;
use super::{python_managers, python_tools};
use crate::model::{Place, ToolHome, ToolReads};

/// The driver of Python's tools.
#[derive(Debug)]
pub(super) struct Python;

/// What Python's tools and its managers of environments read.
const READS: ToolReads = ToolReads {
    homes: &[
        ToolHome::at(
            Place::Home(""),
            &[".pip/pip.conf", ".pypirc", ".pydistutils.cfg", ".pylintrc", ".mypy.ini"],
        ),
        ToolHome::at(Place::Config("pip"), &["pip.conf"]),
        ToolHome::at(Place::Config("uv"), &["uv.toml"]),
        ToolHome::at(Place::Config("mypy"), &["config"]),
        ToolHome::at(Place::Config("ruff"), &["ruff.toml", ".ruff.toml", "pyproject.toml"]),
        ToolHome::at(Place::Config("pypoetry"), &["config.toml"]),
        ToolHome::at(Place::Config("pdm"), &["config.toml"]),
        ToolHome::at(Place::Config("black"), &[]),
        ToolHome::named("PYENV_ROOT", Place::Home(".pyenv"), &["version"]),
    ],
    named_files: &[
        "PIP_CONFIG_FILE",
        "UV_CONFIG_FILE",
        "PYTHONSTARTUP",
        "VIRTUAL_ENV",
        "RUFF_CONFIG",
        "MYPY_CONFIG_FILE",
        "COVERAGE_RCFILE",
    ],
    named_trees: &["PYTHONPATH"],
    system: &["/etc/pip.conf", "/etc/uv/uv.toml"],
    upward: &[
        "pyproject.toml",
        "uv.toml",
        "uv.lock",
        "setup.cfg",
        "tox.ini",
        "pytest.ini",
        "conftest.py",
        ".python-version",
        ".ruff.toml",
        "ruff.toml",
        ".flake8",
        "mypy.ini",
        ".coveragerc",
    ],
    workspaces: &[("pyproject.toml", "[tool.uv.workspace")],
    manifests: &["pyproject.toml", "requirements.txt", "Pipfile", "uv.toml"],
    installed: &[".venv/pyvenv.cfg", "venv/pyvenv.cfg"],
    programs: &["python3", "python"],
    ..NOTHING
};

impl Driver for Python {
    fn name(&self) -> &'static str {
        "python"
    }

    fn reads(&self) -> &'static ToolReads {
        &READS
    }

    fn starts_any(&self) -> bool {
        true
    }

    fn recognise<'a>(&self, words: &Words<'a>) -> Option<Call<'a>> {
        python_tools::recognise(words).or_else(|| python_managers::recognise(words))
    }
}
