//! What tools read beside the files of the workspace they are called in, as tables: which files in
//! the home directory, which names in the directories above, which programs. Knows no file system.

use std::sync::Arc;

/// The tables for the tools that a command may start.
pub type Reads = Arc<[&'static ToolReads]>;

/// What the tools of one ecosystem read and make.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct ToolReads {
    /// Directories of the user's, with what is read in them.
    pub homes: &'static [ToolHome],
    /// Variables that name a file, or a directory with files, that is read.
    pub named_files: &'static [&'static str],
    /// Variables that name directories, between colons, in which everything may be read.
    pub named_trees: &'static [&'static str],
    /// Files of the system.
    pub system: &'static [&'static str],
    /// Files that are looked for in the directory of the call and in each one above it.
    pub upward: &'static [&'static str],
    /// The same for marks of a workspace that is begun above: all that is in the directory of one
    /// may be read. What the file has to say for that, where its name is not enough.
    pub workspaces: &'static [(&'static str, &'static str)],
    /// Manifests, which may name directories outside of the workspace.
    pub manifests: &'static [&'static str],
    /// What installing packages leaves in the root, or in the directory of the call.
    pub installed: &'static [&'static str],
    /// Programs that it starts, as they are found by `PATH`.
    pub programs: &'static [&'static str],
    /// Variables that name such a program.
    pub named_programs: &'static [&'static str],
    /// Directories it makes, in which single directories may be removed by hand.
    pub outputs: &'static [&'static str],
    /// Variables that name such a directory.
    pub named_outputs: &'static [&'static str],
}

/// All names of manifests, sorted: files that may name directories outside of the workspace.
pub const MANIFESTS: &[&str] = &[
    ".bazelrc",
    ".cargo/config",
    ".cargo/config.toml",
    "CMakeLists.txt",
    "CMakePresets.json",
    "CMakeUserPresets.json",
    "Cargo.toml",
    "Directory.Build.props",
    "Directory.Build.targets",
    "GNUmakefile",
    "MODULE.bazel",
    "Makefile",
    "Package.swift",
    "Pipfile",
    "WORKSPACE",
    "WORKSPACE.bazel",
    "build.gradle",
    "build.gradle.kts",
    "build.sbt",
    "build.zig",
    "build.zig.zon",
    "go.mod",
    "go.work",
    "justfile",
    "makefile",
    "meson.build",
    "mix.exs",
    "package.json",
    "pnpm-workspace.yaml",
    "pom.xml",
    "pyproject.toml",
    "rebar.config",
    "requirements.txt",
    "settings.gradle",
    "settings.gradle.kts",
    "tsconfig.base.json",
    "tsconfig.json",
    "uv.toml",
];

/// A directory of the user's, with what is read in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ToolHome {
    /// The variable that names it; empty where there is none.
    pub variable: &'static str,
    /// Where it is without that.
    pub usual: Place,
    /// The names of what is read there; of a directory, what it lists.
    pub reads: &'static [&'static str],
}

/// A path in the home directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Relative to it.
    Home(&'static str),
    /// Relative to where configuration is (`XDG_CONFIG_HOME`).
    Config(&'static str),
}

impl ToolHome {
    /// A directory of the user's that no variable names.
    #[must_use]
    pub const fn at(usual: Place, reads: &'static [&'static str]) -> Self {
        Self { variable: "", usual, reads }
    }

    /// One that this variable names, if it is set.
    #[must_use]
    pub const fn named(
        variable: &'static str,
        usual: Place,
        reads: &'static [&'static str],
    ) -> Self {
        Self { variable, usual, reads }
    }
}
