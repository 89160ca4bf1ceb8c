//! Compilers, linters, bundlers and runners of tests that packages of Node bring.

use super::names::options_act;
use super::words::Words;

/// Whether this call builds; `None` if its program is not known.
pub(super) fn builds(words: &Words<'_>) -> Option<bool> {
    let ends = |short: &str| !options_act(words.arguments(), short);
    Some(match words.program() {
        "tsc" | "tsgo" | "vue-tsc" => !is_typescript_watching(words) && ends("w"),
        "ava" | "esbuild" | "eslint" | "mocha" | "oxlint" | "rollup" | "stylelint"
        | "svelte-check" | "swc" | "tsup" => ends("w"),
        // Its `-w` says how many workers there are.
        "jest" => ends("u"),
        // Without its verb it watches, where it runs at a terminal.
        "vitest" => {
            let runs = verb(words, &["list", "run"], "uw");
            runs || (words.has(&["--run"]) && verb(words, &["--run", "related"], "uw"))
        }
        "playwright" => verb(words, &["test"], "u"),
        "prettier" => words.has(&["-c", "-l", "--check", "--list-different"]) && ends("w"),
        "biome" => verb(words, &["check", "ci", "format", "lint"], ""),
        "vite" | "rspack" => verb(words, &["build"], "w"),
        "astro" => verb(words, &["build", "check"], "w"),
        "next" => verb(words, &["build", "lint"], ""),
        "nuxt" | "nuxi" => verb(words, &["build", "typecheck"], ""),
        // Its tests watch unless they are told not to.
        "ng" => verb(words, &["b", "build", "lint"], ""),
        "webpack" => is_webpack_building(words) && ends("w"),
        _ => return None,
    })
}

/// Whether the first word is one of these verbs, and no option makes it do more.
fn verb(words: &Words<'_>, verbs: &[&str], short: &str) -> bool {
    words.first().is_some_and(|verb| {
        verbs.contains(&verb.program()) && !options_act(verb.arguments(), short)
    })
}

/// Its options can be written with one dash and in any case.
fn is_typescript_watching(words: &Words<'_>) -> bool {
    words.arguments().iter().filter_map(|word| word.to_str()).any(|word| {
        let name = word.trim_start_matches('-').to_ascii_lowercase();
        // A file with further arguments begins with an `@`.
        word.starts_with('@')
            || word.starts_with('-') && ["clean", "init", "w", "watch"].contains(&name.as_str())
    })
}

/// A word that is neither its verb nor a file is the value of an option, or another verb.
fn is_webpack_building(words: &Words<'_>) -> bool {
    let mut plain =
        words.arguments().iter().filter_map(|word| word.to_str()).filter(|w| !w.starts_with('-'));
    plain.all(|word| {
        ["b", "build", "bundle", "development", "none", "production"].contains(&word)
            || word.contains(['/', '.'])
    })
}

#[cfg(test)]
mod tests {
    use super::super::driver::tests::check;
    use super::super::node::Node;

    #[test]
    fn compilers_and_bundlers_build_once() {
        check(
            &Node,
            &[
                "tsc -p .",
                "tsc -b --force",
                "vue-tsc --noEmit",
                "esbuild a.ts --bundle --watch=false",
                "rollup -c",
                "swc src -d out",
                "tsup",
                "vite build",
                "rspack build",
                "astro check",
                "next build",
                "nuxt build",
                "ng build --configuration production",
                "webpack",
                "webpack build --mode production",
                "webpack --config webpack.prod.js",
            ],
            &[
                "tsc -w",
                "tsc --watch",
                "tsc -Watch",
                "tsc @options",
                "tsc --init",
                "tsc -b --clean",
                "esbuild a.ts --serve",
                "esbuild a.ts --servedir=www",
                "esbuild a.ts --watch=forever",
                "rollup -cw",
                "swc src -d out -w",
                "tsup --watch",
                "vite",
                "vite dev",
                "vite preview",
                "vite serve",
                "vite build --watch",
                "astro dev",
                "next dev",
                "next start",
                "nuxt dev",
                "ng serve",
                "ng test",
                "ng build --watch",
                "webpack serve",
                "webpack s",
                "webpack --mode development serve",
                "webpack --watch",
                "webpack -w",
            ],
        );
    }

    #[test]
    fn linters_and_runners_of_tests_check_once() {
        check(
            &Node,
            &[
                "eslint .",
                "oxlint src",
                "stylelint src/a.css",
                "biome ci",
                "biome check src",
                "prettier --check .",
                "prettier -l src",
                "svelte-check",
                "jest",
                "jest --runInBand -w 4 --detectOpenHandles",
                "jest --watchAll=false",
                "vitest run",
                "vitest run -t watch",
                "vitest list",
                "vitest --run",
                "mocha",
                "ava",
                "playwright test",
            ],
            &[
                "eslint . --fix",
                "eslint --init",
                "oxlint --fix",
                "stylelint --fix src",
                "biome check --write",
                "biome lint --fix",
                "biome start",
                "biome",
                "prettier .",
                "prettier --write .",
                "prettier -c -w .",
                "svelte-check --watch",
                "jest --watch",
                "jest --watch=true",
                "jest --watchAll",
                "jest -u",
                "jest --updateSnapshot",
                "vitest",
                "vitest watch",
                "vitest dev",
                "vitest run --watch",
                "vitest run -u",
                "vitest run --ui",
                "vitest bench",
                "vitest --run --update",
                "mocha -w",
                "playwright test --ui",
                "playwright test -u",
                "playwright show-report",
            ],
        );
    }
}
