//! What the names that people give to scripts, tasks and goals say of them, and what options say
//! that mean the same everywhere. Knows no tool.

use std::ffi::OsString;

/// First words of names whose bearers build, check, test or lint.
const BUILDS: &[&str] = &[
    "build",
    "bundle",
    "check",
    "checks",
    "clippy",
    "compile",
    "coverage",
    "eslint",
    "lint",
    "mypy",
    "pytest",
    "test",
    "tests",
    "transpile",
    "tsc",
    "typecheck",
    "types",
    "unit",
    "unittest",
    "validate",
    "verify",
    "vet",
];

/// What formats; a build only where the last word of the name is `check`.
const FORMATTERS: &[&str] = &["fmt", "format", "formatting", "prettier", "style"];

/// Words that make a name one that acts, serves, writes or never ends, wherever they stand in it.
const ACTS: &[&str] = &[
    "accept",
    "analyse",
    "analyze",
    "analyzer",
    "apply",
    "approve",
    "bench",
    "benchmark",
    "bless",
    "bootstrap",
    "bump",
    "clean",
    "cleanup",
    "commit",
    "create",
    "daemon",
    "debug",
    "delete",
    "deploy",
    "deployment",
    "destroy",
    "dev",
    "develop",
    "down",
    "exec",
    "fix",
    "flash",
    "ftp",
    "generate",
    "helm",
    "hot",
    "init",
    "inspect",
    "install",
    "interactive",
    "kill",
    "kubectl",
    "live",
    "login",
    "loop",
    "migrate",
    "monitor",
    "notarize",
    "notify",
    "open",
    "perf",
    "preview",
    "promote",
    "provision",
    "publish",
    "push",
    "record",
    "regen",
    "release",
    "reload",
    "remove",
    "repl",
    "reset",
    "restart",
    "restore",
    "rollback",
    "rollout",
    "rsync",
    "run",
    "s3",
    "scp",
    "seed",
    "send",
    "serve",
    "setup",
    "sftp",
    "shell",
    "ship",
    "sign",
    "start",
    "stop",
    "submit",
    "sync",
    "tag",
    "terraform",
    "transfer",
    "ui",
    "uninstall",
    "up",
    "update",
    "updates",
    "upgrade",
    "upload",
    "watch",
    "watcher",
    "write",
];

/// Words of options that make a tool do more than build and end.
const OPTIONS: &[&str] = &[
    "accept",
    "add",
    "apply",
    "bless",
    "clean",
    "continuous",
    "createstub",
    "deploy",
    "fix",
    "hot",
    "init",
    "inspect",
    "install",
    "interactive",
    "listen",
    "lsp",
    "pdb",
    "publish",
    "push",
    "record",
    "regen",
    "serve",
    "servedir",
    "ui",
    "update",
    "upload",
    "watch",
    "write",
];

/// The same, where they are all of an option: with others they mean something else
/// (`--detectOpenHandles`).
const WHOLE_OPTIONS: &[&str] = &["--browser", "--debug", "--dev", "--open", "--start"];

/// Whether a script, task or goal of this name builds, checks, tests or lints, to go by its name:
/// one of a few first words, and none that says more (`test:unit` does, `test:watch` does not).
pub(super) fn is_build(name: &str) -> bool {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || ":-_./".contains(letter);
    if !name.starts_with(|letter: char| letter.is_ascii_alphanumeric()) || !name.chars().all(plain)
    {
        return false;
    }
    let words = words_of(name);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let builds = match words[..] {
        [first, ..] if BUILDS.contains(&first) => true,
        ["type", "check", ..] => true,
        [first, .., "check"] => FORMATTERS.contains(&first),
        _ => false,
    };
    builds && !words.iter().any(|word| ACTS.contains(word))
}

/// Whether this name has a word of those that act, serve, write or never end.
pub(super) fn acts(name: &str) -> bool {
    words_of(name).iter().any(|word| ACTS.contains(&word.as_str()))
}

/// Whether one of these arguments is an option that makes a tool do more than build and end:
/// watch, serve, or write what it was given. `short` has the letters that say so for this tool.
pub(super) fn options_act(arguments: &[OsString], short: &str) -> bool {
    arguments.iter().any(|argument| {
        // What cannot be read may say anything.
        let Some(argument) = argument.to_str() else { return true };
        let (name, value) = argument.split_once('=').unwrap_or((argument, ""));
        let Some(dashed) = name.strip_prefix('-').filter(|rest| !rest.is_empty()) else {
            return false;
        };
        if value == "false" || name.starts_with("--no-") {
            return false;
        }
        let letters = !dashed.starts_with('-') && dashed.contains(|l: char| short.contains(l));
        letters
            || WHOLE_OPTIONS.contains(&name)
            || words_of(name).iter().any(|word| OPTIONS.contains(&word.as_str()))
    })
}

/// Whether arguments that are handed on to a tool of which nothing is known make it act: options
/// as above, or a word that is one of a name that acts.
pub(super) fn handed_on_act(arguments: &[OsString]) -> bool {
    options_act(arguments, "uw")
        || arguments.iter().filter_map(|word| word.to_str()).any(|word| ACTS.contains(&word))
}

/// The words of a name in lower case: apart by signs, or by a capital letter (`buildAndDeploy`).
fn words_of(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut small = false;
    for letter in name.chars() {
        if !letter.is_alphanumeric() || (small && letter.is_uppercase()) {
            words.push(String::new());
        }
        small = letter.is_lowercase();
        if letter.is_alphanumeric() {
            words.last_mut().expect("BUG: there is a first word").extend(letter.to_lowercase());
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::super::words::tests::argv;
    use super::*;

    #[test]
    fn names_say_whether_their_bearers_build() {
        for name in [
            "build",
            "build:web",
            "build-storybook",
            "build_all",
            "build:prod",
            "build:server",
            "check",
            "check-types",
            "compile",
            "coverage",
            "fmt:check",
            "format-check",
            "lint",
            "lint:js",
            "prettier:check",
            "test",
            "test.unit",
            "test:e2e",
            "testUnit",
            "tsc",
            "type-check",
            "typeCheck",
            "types",
            "unit",
            "unit-tests",
            "verify",
        ] {
            assert!(is_build(name), "{name}");
        }
        for name in [
            "",
            "/^build/",
            "build && x",
            "build*",
            "build-and-push",
            "build:dev",
            "build:watch",
            "buildAndDeploy",
            "build:s3",
            "builder",
            "check-updates",
            "checkout",
            "dev",
            "deploy",
            "deploy:build",
            "fmt",
            "format",
            "lint:fix",
            "prebuild",
            "preview",
            "publish",
            "release",
            "serve",
            "start",
            "test:debug",
            "test:ui",
            "test:update",
            "test:watch",
            "testWatch",
            "watch:test",
        ] {
            assert!(!is_build(name), "{name}");
        }
    }

    #[test]
    fn options_say_whether_a_tool_does_more() {
        for line in [
            "--watch",
            "--watch=true",
            "--watchAll",
            "--fix",
            "--fix-dry-run",
            "--updateSnapshot",
            "--snapshot-update",
            "--write",
            "--servedir=x",
            "--ui",
            "--open",
            "--inspect-brk",
            "a -w",
            "a -cw",
            "-watch",
        ] {
            assert!(options_act(&argv(line), "w"), "{line}");
        }
        for line in [
            "watch",
            "--watch=false",
            "--no-watch",
            "--runInBand --detectOpenHandles",
            "--watchman",
            "-c x --cache",
            "- --",
        ] {
            assert!(!options_act(&argv(line), "w"), "{line}");
        }
        assert!(!options_act(&argv("-w"), "u"));
        assert!(handed_on_act(&argv("a watch")) && handed_on_act(&argv("-u")));
        assert!(!handed_on_act(&argv("src/watch.test.ts --ci")));
    }

    #[test]
    fn the_lists_are_sorted_so_that_they_stay_readable() {
        for list in [BUILDS, FORMATTERS, ACTS, OPTIONS, WHOLE_OPTIONS] {
            assert!(list.is_sorted());
        }
    }
}
