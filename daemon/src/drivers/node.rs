//! JavaScript and TypeScript: one driver for package managers, runners of tasks, and tools.

use super::driver::{Call, Driver};
use super::reads::NOTHING;
use super::words::Words;
use super::{node_managers, node_tasks, node_tools};
use crate::model::{Place, ToolHome, ToolReads};

/// The driver of Node's tools.
#[derive(Debug)]
pub(super) struct Node;

/// What Node's package managers and tools read.
const READS: ToolReads = ToolReads {
    homes: &[
        ToolHome::at(
            Place::Home(""),
            &[".npmrc", ".yarnrc", ".yarnrc.yml", ".bunfig.toml", ".node-version", ".nvmrc"],
        ),
        ToolHome::named("XDG_CONFIG_HOME", Place::Home(".config"), &[".bunfig.toml"]),
        ToolHome::at(Place::Config("pnpm"), &["rc", "config.yaml"]),
        ToolHome::at(Place::Config("yarn"), &["config"]),
        ToolHome::named("NVM_DIR", Place::Home(".nvm"), &["alias", "alias/default"]),
        ToolHome::named("VOLTA_HOME", Place::Home(".volta"), &["tools/user/platform.json"]),
        ToolHome::named("FNM_DIR", Place::Home(".local/share/fnm"), &["aliases"]),
    ],
    named_files: &[
        "NPM_CONFIG_USERCONFIG",
        "npm_config_userconfig",
        "NPM_CONFIG_GLOBALCONFIG",
        "npm_config_globalconfig",
    ],
    named_trees: &["NODE_PATH"],
    system: &["/etc/npmrc", "/usr/local/etc/npmrc", "/usr/etc/npmrc"],
    upward: &[
        ".npmrc",
        ".yarnrc",
        ".yarnrc.yml",
        ".nvmrc",
        ".node-version",
        "package.json",
        "package-lock.json",
        "pnpm-workspace.yaml",
        "pnpm-lock.yaml",
        "yarn.lock",
        "bunfig.toml",
        "turbo.json",
        "nx.json",
        "lerna.json",
        "tsconfig.json",
        "tsconfig.base.json",
        ".eslintrc.json",
        ".eslintrc.js",
        ".eslintrc.cjs",
        "eslint.config.js",
        "eslint.config.mjs",
        ".prettierrc",
        ".editorconfig",
        ".browserslistrc",
        "babel.config.js",
        "biome.json",
    ],
    workspaces: &[("package.json", "\"workspaces\""), ("pnpm-workspace.yaml", "")],
    manifests: &["package.json", "pnpm-workspace.yaml", "tsconfig.json", "tsconfig.base.json"],
    installed: &[
        "node_modules/.package-lock.json",
        "node_modules/.modules.yaml",
        "node_modules/.pnpm/lock.yaml",
        "node_modules/.yarn-integrity",
        "node_modules/.yarn-state.yml",
        ".pnp.cjs",
    ],
    programs: &["node", "bun"],
    ..NOTHING
};

impl Driver for Node {
    fn name(&self) -> &'static str {
        "node"
    }

    fn reads(&self) -> &'static ToolReads {
        &READS
    }

    fn starts_any(&self) -> bool {
        true
    }

    fn recognise<'a>(&self, words: &Words<'a>) -> Option<Call<'a>> {
        node_managers::builds(words)
            .or_else(|| node_tasks::builds(words))
            .or_else(|| node_tools::builds(words))
            .map(Call::build_if)
    }
}
