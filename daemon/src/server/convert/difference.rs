//! What keeps two runs of one command apart, in one sentence, with what would let them share.

use crate::model::{Apart, Difference, JoinReason};
use bd_protocol::OsText;
use std::path::{Path, PathBuf};

/// Paths that are named.
const SHOWN: usize = 3;

/// The same for programs.
pub(super) fn apart(reason: &JoinReason) -> Option<Box<bd_protocol::build::Apart>> {
    let JoinReason::Apart { from, by } = reason else { return None };
    let one = |name: &Path| vec![OsText::from(name.to_path_buf())];
    let (kind, names) = match by {
        Difference::Variable(name) => ("env", vec![OsText::from(&**name)]),
        Difference::Program(program) => ("tool", one(program)),
        Difference::Command(_) => ("command", vec![]),
        Difference::Files(files) => ("file", files.iter().cloned().map(OsText::from).collect()),
        Difference::Surroundings(Apart::Input(path)) => ("config", one(path)),
        Difference::Surroundings(Apart::Output(path)) => ("output", one(path)),
        Difference::Surroundings(Apart::Doubt(_)) => ("unknown", vec![]),
    };
    Some(Box::new(bd_protocol::build::Apart {
        from: from.to_string(),
        kind: kind.into(),
        names,
        advice: advice(by),
    }))
}

/// The sentence.
pub(super) fn difference(by: &Difference) -> String {
    match advice(by) {
        Some(advice) => format!("{} ({advice})", what(by)),
        None => what(by),
    }
}

/// What is not the same.
fn what(by: &Difference) -> String {
    match by {
        Difference::Variable(name) => format!("the variable {name} is not the same"),
        Difference::Program(program) => {
            format!("{} is another program, or was replaced", program.display())
        }
        Difference::Command(what) => format!("{what} is not the same"),
        Difference::Files(files) if files.is_empty() => {
            "something in the workspace has come and gone, or was changed back, since it started"
                .into()
        }
        Difference::Files(files) => {
            let more = if files.len() > SHOWN { " and others" } else { "" };
            let verb = if files.len() == 1 { "has" } else { "have" };
            format!("{}{more} {verb} changed since it started", listed(files))
        }
        Difference::Surroundings(Apart::Input(path)) => {
            format!("{}, which it may read, has changed since it started", path.display())
        }
        Difference::Surroundings(Apart::Output(path)) => {
            format!("{}, which it makes or uses, was removed since it started", path.display())
        }
        Difference::Surroundings(Apart::Doubt(why)) => why.clone(),
    }
}

/// What would let them share.
fn advice(by: &Difference) -> Option<String> {
    match by {
        Difference::Variable(name) if name != "PATH" => {
            Some(format!("ignore_env = [\"{name}\"] in bd.toml or config.toml lets them share"))
        }
        Difference::Files(files) => {
            let file = files.first()?;
            Some(format!(
                "if it is no input, ignore = [\"/{}\"] in bd.toml lets them share",
                file.display()
            ))
        }
        _ => None,
    }
}

fn listed(files: &[PathBuf]) -> String {
    let shown = files.iter().take(SHOWN).map(|file| file.display().to_string());
    shown.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_sentence_says_what_it_is_and_what_helps() {
        for (by, expected) in [
            (
                Difference::Variable("FOO".into()),
                "the variable FOO is not the same (ignore_env = [\"FOO\"] in bd.toml or \
                 config.toml lets them share)",
            ),
            (Difference::Variable("PATH".into()), "the variable PATH is not the same"),
            (
                Difference::Files(vec!["src/a.rs".into()]),
                "src/a.rs has changed since it started (if it is no input, ignore = \
                 [\"/src/a.rs\"] in bd.toml lets them share)",
            ),
            (
                Difference::Files(vec![]),
                "something in the workspace has come and gone, or was changed back, since it started",
            ),
            (
                Difference::Surroundings(Apart::Input("/lib".into())),
                "/lib, which it may read, has changed since it started",
            ),
            (
                Difference::Surroundings(Apart::Output("/ws/target".into())),
                "/ws/target, which it makes or uses, was removed since it started",
            ),
        ] {
            assert_eq!(difference(&by), expected);
        }
    }
}
