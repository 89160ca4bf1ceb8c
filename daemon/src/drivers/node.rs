//! JavaScript and TypeScript: package managers with their scripts, task runners, and the tools
//! that they call.

use super::driver::{Call, Driver};
use super::words::Words;

/// The driver of Node's tools.
#[derive(Debug)]
pub(super) struct Node;

/// Scripts of a package that are builds by their common names, also with a suffix (`build:web`).
const SCRIPTS: &[&str] =
    &["build", "check", "compile", "lint", "test", "tsc", "typecheck", "type-check", "types"];

/// Programs of packages that build when they are run by name.
const PACKAGES: &[&str] =
    &["esbuild", "eslint", "jest", "nx", "rollup", "swc", "tsc", "turbo", "vitest", "webpack"];

/// Programs that only build, check or test, whatever their arguments.
const PLAIN: &[&str] = &["esbuild", "eslint", "jest", "swc", "tsc", "vitest"];

impl Driver for Node {
    fn name(&self) -> &'static str {
        "node"
    }

    fn recognise(&self, words: &Words<'_>) -> Option<Call> {
        let mut plain = words.plain();
        let builds = match words.program() {
            "npm" | "pnpm" | "yarn" | "bun" => match plain.next() {
                Some("run" | "run-script") => plain.next().is_some_and(is_script),
                Some("exec" | "dlx") => plain.next().is_some_and(is_package),
                word => word.is_some_and(is_script),
            },
            "npx" | "pnpx" | "bunx" => plain.next().is_some_and(is_package),
            "turbo" => match plain.next() {
                Some("run") => plain.next().is_some_and(is_script),
                word => word.is_some_and(is_script),
            },
            "nx" => match plain.next() {
                Some("affected" | "run" | "run-many") => true,
                word => word.is_some_and(is_script),
            },
            program => return PLAIN.contains(&program).then_some(Call::Build),
        };
        Some(Call::build_if(builds))
    }
}

fn is_script(name: &str) -> bool {
    SCRIPTS.iter().any(|script| {
        name.strip_prefix(script).is_some_and(|rest| rest.is_empty() || rest.starts_with(':'))
    })
}

fn is_package(name: &str) -> bool {
    PACKAGES.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::super::driver::tests::check;
    use super::Node;

    #[test]
    fn package_managers_build_by_the_names_of_scripts() {
        check(
            &Node,
            &[
                "npm test",
                "npm run build:web",
                "npm run-script types",
                "npm --silent test",
                "pnpm lint",
                "pnpm exec vitest",
                "yarn run typecheck",
                "yarn dlx tsc",
                "bun run compile",
            ],
            &[
                "npm",
                "npm ci",
                "npm install",
                "npm publish",
                "npm run",
                "npm run deploy",
                "npm run builder",
                "npm start",
                "pnpm dlx create-app",
                "yarn",
                "bun run dev",
            ],
        );
    }

    #[test]
    fn runners_of_packages_and_tasks_build_what_is_known_to() {
        check(
            &Node,
            &[
                "npx tsc --noEmit",
                "pnpx jest",
                "bunx webpack",
                "turbo run build",
                "turbo lint",
                "nx run-many -t build",
                "nx affected -t test",
                "nx run web:serve",
                "nx build web",
            ],
            &[
                "npx",
                "npx some-script",
                "turbo",
                "turbo dev",
                "turbo run dev",
                "nx",
                "nx serve web",
            ],
        );
    }

    #[test]
    fn compilers_linters_and_test_runners_build() {
        let builds = ["eslint .", "esbuild a.ts", "jest", "swc src", "tsc -p .", "vitest run"];
        check(&Node, &builds, &[]);
    }
}
