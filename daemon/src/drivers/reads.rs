//! What tools read whatever their ecosystem: the choice of versions that version managers make.

use crate::model::tool_reads::{Place, ToolHome, ToolReads};

/// Files in which version managers of several ecosystems find their choice.
pub(super) const VERSIONS: ToolReads = ToolReads {
    homes: &[
        ToolHome::at(Place::Home(""), &[".tool-versions", ".asdfrc"]),
        ToolHome::named(
            "MISE_CONFIG_DIR",
            Place::Config("mise"),
            &["config.toml", "config.local.toml", "conf.d"],
        ),
    ],
    named_files: &["MISE_GLOBAL_CONFIG_FILE", "ASDF_CONFIG_FILE"],
    upward: &[
        ".tool-versions",
        "mise.toml",
        "mise.local.toml",
        ".mise.toml",
        ".mise.local.toml",
        ".mise/config.toml",
        ".config/mise.toml",
        ".config/mise/config.toml",
    ],
    ..NOTHING
};

/// The compilers and linkers of C, which build scripts and package managers start as well.
pub(super) const NATIVE: ToolReads = ToolReads {
    programs: &["cc", "c++", "gcc", "g++", "clang", "clang++", "ld", "ar", "pkg-config"],
    named_programs: &["CC", "CXX", "LD", "AR"],
    ..NOTHING
};

/// What nothing is read of and made of.
pub(super) const NOTHING: ToolReads = ToolReads {
    homes: &[],
    named_files: &[],
    named_trees: &[],
    system: &[],
    upward: &[],
    workspaces: &[],
    manifests: &[],
    installed: &[],
    programs: &[],
    named_programs: &[],
    outputs: &[],
    named_outputs: &[],
};
