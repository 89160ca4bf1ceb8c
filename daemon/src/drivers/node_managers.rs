//! Package managers of Node, and what they start: scripts, which are builds by their names, and
//! the programs of packages. Knows no tool but by asking for it.

use super::names::{handed_on_act, is_build};
use super::node_options::{BUN, FOREACH, NPM, NPX, PNPM, YARN};
use super::words::{Part, Syntax, Words};
use super::{node_tasks, node_tools};

/// Whether this call builds; `None` if its program is no package manager.
pub(super) fn builds(words: &Words<'_>) -> Option<bool> {
    Some(match words.program() {
        "npm" => npm(words).unwrap_or(false),
        "pnpm" => words.verb(PNPM).is_some_and(|verb| pnpm(&verb)),
        "yarn" => words.verb(YARN).is_some_and(|verb| yarn(&verb)),
        "bun" => words.verb(BUN).is_some_and(|verb| bun(&verb)),
        "npx" => package(words, NPX),
        "pnpx" => package(words, PNPM),
        "bunx" => package(words, BUN),
        _ => return None,
    })
}

fn npm(words: &Words<'_>) -> Option<bool> {
    let verb = words.verb(NPM)?;
    if ["exec", "x"].contains(&verb.program()) {
        return Some(package(&verb, NPX));
    }
    // Its options may stand anywhere before the dashes; what stands behind them gets the script.
    let (own, handed_on) = words.split();
    let plain = own.plain(NPM)?;
    let (name, handed_on_too) = match *plain.as_slice() {
        ["run" | "run-script" | "rum" | "urn", name, ref rest @ ..] => (name, rest),
        ["t" | "test" | "tst", ref rest @ ..] => ("test", rest),
        _ => return None,
    };
    // A word of a script's own may be anything, as `watch` is to a runner of tests.
    let builds = handed_on_too.is_empty() || !handed_on_too.iter().any(|word| !is_file(word));
    Some(builds && is_build(name) && !handed_on_act(handed_on))
}

fn pnpm(verb: &Words<'_>) -> bool {
    match verb.program() {
        "run" | "run-script" => verb.verb(PNPM).is_some_and(|script| is_script(&script)),
        "exec" | "dlx" => package(verb, PNPM),
        _ => script_or_tool(verb),
    }
}

fn yarn(verb: &Words<'_>) -> bool {
    match verb.program() {
        "run" => verb.verb(YARN).is_some_and(|script| script_or_tool(&script)),
        "exec" | "dlx" => package(verb, YARN),
        // Behind it stands the name of the workspace.
        "workspace" => {
            let inner = verb.first().and_then(|name| name.verb(YARN));
            inner.is_some_and(|inner| inner.program() != "workspace" && yarn(&inner))
        }
        "workspaces" => verb.first().is_some_and(|mode| match mode.program() {
            "run" => mode.first().is_some_and(|script| is_script(&script)),
            "foreach" => mode.verb(FOREACH).is_some_and(|inner| {
                inner.program() == "run" && inner.first().is_some_and(|script| is_script(&script))
            }),
            _ => false,
        }),
        _ => script_or_tool(verb),
    }
}

fn bun(verb: &Words<'_>) -> bool {
    match verb.program() {
        "run" => verb.verb(BUN).is_some_and(|script| script_or_tool(&script)),
        "x" => package(verb, BUN),
        // Its own bundler and runner of tests. Other scripts are run by their names alone.
        _ => is_script(verb),
    }
}

/// What starts the program of a package: it is that program's call. A version may be said.
fn package(words: &Words<'_>, syntax: Syntax) -> bool {
    let (mut parts, mut arguments) = (words.parts(syntax), words.arguments());
    loop {
        let name = match parts.next() {
            Some(Part::Option(..)) => {
                arguments = parts.rest();
                continue;
            }
            Some(Part::Plain(name)) => name,
            Some(Part::End) => match arguments.get(1).and_then(|name| name.to_str()) {
                Some(name) => {
                    arguments = parts.rest();
                    name
                }
                None => return false,
            },
            Some(Part::Unknown) | None => return false,
        };
        let name = match name {
            "@biomejs/biome" => "biome",
            _ => name.split_once('@').map_or(name, |(name, _version)| name),
        };
        return is_tool(&Words::of(name, &arguments[1..])).unwrap_or(false);
    }
}

/// A script by its name, or the program of a package that is called without `exec`.
fn script_or_tool(words: &Words<'_>) -> bool {
    is_tool(words).unwrap_or_else(|| is_script(words))
}

fn is_script(words: &Words<'_>) -> bool {
    is_build(words.program()) && !handed_on_act(words.arguments())
}

fn is_tool(words: &Words<'_>) -> Option<bool> {
    node_tasks::builds(words).or_else(|| node_tools::builds(words))
}

fn is_file(word: &str) -> bool {
    word.contains(['/', '.'])
}

#[cfg(test)]
mod tests {
    use super::super::driver::tests::check;
    use super::super::node::Node;

    #[test]
    fn npm_builds_by_the_names_of_scripts() {
        check(
            &Node,
            &[
                "npm test",
                "npm t",
                "npm run build:web",
                "npm run-script types",
                "npm --silent test",
                "npm -w pkg run build",
                "npm run build -w pkg",
                "npm --workspace=pkg test",
                "npm run build --workspaces --if-present",
                "npm --prefix web run build",
                "npm -C web run lint",
                "npm test -- --ci --coverage",
                "npm test src/watch.test.ts",
                "npm exec tsc",
                "npm exec -- tsc --noEmit",
            ],
            &[
                "npm",
                "npm ci",
                "npm i",
                "npm install",
                "npm publish",
                "npm run",
                "npm run deploy",
                "npm run builder",
                "npm run build:watch",
                "npm run lint:fix",
                "npm run dev",
                "npm -w build run dev",
                "npm --prefix test start",
                "npm start",
                "npm version patch",
                "npm test -- --watch",
                "npm test -- -u",
                "npm test watch",
                "npm run build --watch",
                "npm run lint -- --fix",
                "npm exec create-app",
                "npm --unknown test run dev",
            ],
        );
    }

    #[test]
    fn others_build_by_the_names_of_scripts_and_programs() {
        check(
            &Node,
            &[
                "pnpm lint",
                "pnpm -r build",
                "pnpm --filter web build",
                "pnpm -F web run test:unit",
                "pnpm -C web -w test",
                "pnpm run build --mode production",
                "pnpm exec vitest run",
                "pnpm --filter web exec tsc -b",
                "pnpm turbo run build",
                "yarn build",
                "yarn run typecheck",
                "yarn --cwd web test",
                "yarn workspace web build",
                "yarn workspace web run lint",
                "yarn workspaces run build",
                "yarn workspaces foreach -Apt run build",
                "yarn workspaces foreach --all --exclude docs run test",
                "yarn dlx tsc",
                "yarn eslint .",
                "bun run compile",
                "bun run --filter web build",
                "bun --cwd web run build",
                "bun test",
                "bun build ./index.ts --outdir out",
                "bun x tsc",
            ],
            &[
                "pnpm",
                "pnpm install",
                "pnpm dev",
                "pnpm --filter build dev",
                "pnpm -r publish",
                "pnpm test --watch",
                "pnpm lint --fix",
                "pnpm exec vitest",
                "pnpm dlx create-app",
                "pnpm deploy",
                "yarn",
                "yarn install",
                "yarn start",
                "yarn build -w",
                "yarn test -u",
                "yarn workspace build dev",
                "yarn workspace build",
                "yarn workspaces foreach -A publish",
                "yarn workspaces foreach -A run dev",
                "yarn npm publish",
                "yarn eslint --fix .",
                "bun",
                "bun run dev",
                "bun install",
                "bun index.ts",
                "bun --watch test",
                "bun test --watch",
                "bun run build --watch",
                "bun publish",
            ],
        );
    }

    #[test]
    fn runners_of_packages_are_what_they_start() {
        check(
            &Node,
            &[
                "npx tsc --noEmit",
                "npx -y tsc@5 -p .",
                "npx -- tsc",
                "npx --package typescript tsc",
                "npx @biomejs/biome check",
                "npx nx build web",
                "npx turbo run build",
                "pnpx jest",
                "bunx webpack",
                "bunx --bun vite build",
            ],
            &[
                "npx",
                "npx --",
                "npx some-script",
                "npx @evil/tsc",
                "npx tsc -w",
                "npx vitest",
                "npx nx serve app",
                "npx turbo run deploy",
                "npx -c tsc",
                "npx --unknown tsc run",
                "bunx --bun vite",
            ],
        );
    }
}
