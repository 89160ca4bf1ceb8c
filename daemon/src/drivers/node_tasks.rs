//! Runners of tasks over the packages of a workspace. A task is a build by its name.

use super::names::{handed_on_act, is_build, options_act};
use super::words::{Syntax, Words};

/// Options of turbo, up to two dashes.
const TURBO: Syntax = Syntax {
    flags: &[
        "-v",
        "-vv",
        "--affected",
        "--color",
        "--continue",
        "--daemon",
        "--dry",
        "--dry-run",
        "--force",
        "--no-cache",
        "--no-color",
        "--no-daemon",
        "--no-update-notifier",
        "--only",
        "--parallel",
        "--remote-only",
        "--single-package",
        "--skip-infer",
    ],
    valued: &[
        "-F",
        "--api",
        "--cache",
        "--cache-dir",
        "--concurrency",
        "--cwd",
        "--env-mode",
        "--filter",
        "--log-order",
        "--log-prefix",
        "--output-logs",
        "--team",
        "--token",
        "--ui",
        "--verbosity",
    ],
    counted: &[],
};

/// Whether this call builds; `None` if its program runs no tasks.
pub(super) fn builds(words: &Words<'_>) -> Option<bool> {
    Some(match words.program() {
        "turbo" => turbo(words).unwrap_or(false),
        "nx" => words.first().is_some_and(|verb| nx(&verb)),
        "lerna" => words
            .first()
            .filter(|verb| verb.program() == "run")
            .is_some_and(|run| run.first().is_some_and(|task| is_task(task.program(), &task))),
        _ => return None,
    })
}

fn turbo(words: &Words<'_>) -> Option<bool> {
    let (own, handed_on) = words.split();
    let plain = own.plain(TURBO)?;
    let tasks = plain.strip_prefix(&["run"]).unwrap_or(&plain);
    // A task can be one of a package (`web#build`, or `//#build` of the root).
    let is_build = |task: &&str| is_build(task.rsplit_once('#').map_or(*task, |(_, task)| task));
    Some(!tasks.is_empty() && tasks.iter().all(is_build) && !handed_on_act(handed_on))
}

fn nx(verb: &Words<'_>) -> bool {
    match verb.program() {
        // `PROJECT:TARGET`, or `PROJECT:TARGET:CONFIGURATION`.
        "run" => verb.first().is_some_and(|task| {
            task.program().split_once(':').is_some_and(|(_, target)| is_task(target, &task))
        }),
        "affected" | "run-many" => {
            targets(verb)
                .is_some_and(|targets| !targets.is_empty() && targets.into_iter().all(is_build))
                && !options_act(verb.arguments(), "uw")
        }
        verb_of_all => {
            let target = verb_of_all.strip_prefix("affected:").unwrap_or(verb_of_all);
            is_task(target, verb)
        }
    }
}

/// The targets among the options of `nx run-many`, several of which may follow theirs. `None` if a
/// word is not UTF-8, or belongs to no option.
fn targets<'a>(verb: &Words<'a>) -> Option<Vec<&'a str>> {
    let mut targets = Vec::new();
    let mut option = None;
    for word in verb.arguments() {
        let word = word.to_str()?;
        if word == "--" {
            return None;
        }
        let (name, value) = match word.split_once('=') {
            Some((name, value)) if word.starts_with('-') => (name, Some(value)),
            _ => (word, None),
        };
        if name.starts_with('-') {
            option = Some(name);
        }
        let said = if name.starts_with('-') { value } else { Some(word) };
        if let ("-t" | "--target" | "--targets", Some(said)) = (option?, said) {
            targets.extend(said.split(','));
        }
    }
    Some(targets)
}

fn is_task(name: &str, words: &Words<'_>) -> bool {
    is_build(name) && !options_act(words.arguments(), "uw")
}

#[cfg(test)]
mod tests {
    use super::super::driver::tests::check;
    use super::super::node::Node;

    #[test]
    fn all_tasks_of_turbo_have_to_be_builds() {
        check(
            &Node,
            &[
                "turbo build",
                "turbo lint test",
                "turbo run build --filter web",
                "turbo run web#build //#lint",
                "turbo --cwd x run build test --concurrency=50%",
                "turbo run test -- --coverage",
            ],
            &[
                "turbo",
                "turbo run",
                "turbo dev",
                "turbo run deploy",
                "turbo run build deploy",
                "turbo run --filter build dev",
                "turbo watch build",
                "turbo login",
                "turbo prune web",
                "turbo run test -- --watch",
                "turbo build --unknown x",
                "turbo run build#deploy",
            ],
        );
    }

    #[test]
    fn the_target_of_nx_has_to_be_a_build() {
        check(
            &Node,
            &[
                "nx build web",
                "nx lint",
                "nx test web --coverage",
                "nx run web:build",
                "nx run web:build:production",
                "nx run-many -t build",
                "nx run-many -t build test -p web api",
                "nx run-many --targets=lint,test --parallel 3",
                "nx affected -t test --base main",
                "nx affected:build",
                "nx format:check",
                "lerna run build --scope web",
            ],
            &[
                "nx",
                "nx run",
                "nx serve web",
                "nx run web:serve",
                "nx run app:deploy",
                "nx run build",
                "nx run-many",
                "nx run-many -t build deploy",
                "nx run-many --targets=build,serve",
                "nx run-many -p build -t deploy",
                "nx affected -t serve",
                "nx build web --watch",
                "nx lint web --fix",
                "nx test web -u",
                "nx graph",
                "nx release",
                "nx watch --all",
                "nx migrate latest",
                "lerna publish",
                "lerna run deploy",
            ],
        );
    }
}
