//! The options of Node's package managers that stand around their verbs, as tables.

use super::words::Syntax;

/// Options of npm, before and behind its verb and up to two dashes.
pub(super) const NPM: Syntax = Syntax {
    flags: &[
        "-d",
        "-q",
        "-s",
        "-ws",
        "--color",
        "--foreground-scripts",
        "--if-present",
        "--include-workspace-root",
        "--no-audit",
        "--no-color",
        "--no-fund",
        "--no-update-notifier",
        "--offline",
        "--prefer-offline",
        "--quiet",
        "--silent",
        "--verbose",
        "--workspaces",
    ],
    valued: &[
        "-C",
        "-w",
        "--cache",
        "--loglevel",
        "--node-options",
        "--prefix",
        "--script-shell",
        "--userconfig",
        "--workspace",
    ],
    counted: &[],
};

/// Options of npx before the program.
pub(super) const NPX: Syntax = Syntax {
    flags: &[
        "-q",
        "-y",
        "--no",
        "--no-install",
        "--offline",
        "--prefer-offline",
        "--quiet",
        "--yes",
    ],
    valued: &["-p", "-w", "--package", "--prefix", "--workspace"],
    counted: &[],
};

/// Options of pnpm around its verb. Behind the name of a script all words are the script's.
pub(super) const PNPM: Syntax = Syntax {
    flags: &[
        "-r",
        "-s",
        "-w",
        "--aggregate-output",
        "--color",
        "--if-present",
        "--include-workspace-root",
        "--no-bail",
        "--no-color",
        "--no-sort",
        "--parallel",
        "--recursive",
        "--report-summary",
        "--silent",
        "--sort",
        "--stream",
        "--workspace-root",
    ],
    valued: &[
        "-C",
        "-F",
        "--dir",
        "--filter",
        "--filter-prod",
        "--loglevel",
        "--package",
        "--reporter",
        "--resume-from",
        "--workspace-concurrency",
    ],
    counted: &[],
};

/// Options of yarn, as those of pnpm.
pub(super) const YARN: Syntax = Syntax {
    flags: &[
        "-B",
        "-T",
        "-q",
        "-s",
        "--binaries-only",
        "--frozen-lockfile",
        "--non-interactive",
        "--offline",
        "--quiet",
        "--silent",
        "--top-level",
        "--verbose",
    ],
    valued: &["-p", "--cwd", "--package"],
    counted: &[],
};

/// Options of `yarn workspaces foreach`.
pub(super) const FOREACH: Syntax = Syntax {
    flags: &[
        "-A",
        "-R",
        "-W",
        "-i",
        "-p",
        "-t",
        "-v",
        "--all",
        "--interlaced",
        "--no-private",
        "--parallel",
        "--recursive",
        "--since",
        "--topological",
        "--topological-dev",
        "--verbose",
        "--worktree",
    ],
    valued: &["-j", "--exclude", "--from", "--include", "--jobs"],
    counted: &[],
};

/// Options of bun, as those of pnpm.
pub(super) const BUN: Syntax = Syntax {
    flags: &["-b", "--bun", "--if-present", "--no-install", "--silent", "--workspaces"],
    valued: &["-F", "--cwd", "--elide-lines", "--env-file", "--filter", "--shell"],
    counted: &[],
};
