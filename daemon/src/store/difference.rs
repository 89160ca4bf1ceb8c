//! What kept two runs apart, as one text in a record: the build, the kind, and what it is about,
//! with a line break between its parts. Paths that are no UTF-8 are kept approximately: they are
//! only shown.

use crate::model::{Apart, BuildId, Difference, JoinReason};
use std::path::Path;

pub(super) fn write(from: BuildId, by: &Difference) -> String {
    let path = |path: &Path| path.to_string_lossy().into_owned();
    let (kind, about) = match by {
        Difference::Variable(name) => ("variable", name.clone()),
        Difference::Program(program) => ("program", path(program)),
        Difference::Command(what) => ("command", what.clone()),
        Difference::Files(files) => {
            let files: Vec<_> = files.iter().map(|file| path(file)).collect();
            ("files", files.join("\n"))
        }
        Difference::Surroundings(Apart::Input(input)) => ("input", path(input)),
        Difference::Surroundings(Apart::Output(output)) => ("output", path(output)),
        Difference::Surroundings(Apart::Doubt(why)) => ("doubt", why.clone()),
    };
    format!("{from}\n{kind}\n{about}")
}

pub(super) fn read(text: &str) -> Option<JoinReason> {
    let mut parts = text.splitn(3, '\n');
    let (from, kind, about) = (parts.next()?.parse().ok()?, parts.next()?, parts.next()?);
    let by = match kind {
        "variable" => Difference::Variable(about.to_owned()),
        "program" => Difference::Program(about.into()),
        "command" => Difference::Command(about.to_owned()),
        "files" => Difference::Files(about.lines().map(Into::into).collect()),
        "input" => Difference::Surroundings(Apart::Input(about.into())),
        "output" => Difference::Surroundings(Apart::Output(about.into())),
        "doubt" => Difference::Surroundings(Apart::Doubt(about.to_owned())),
        _ => return None,
    };
    Some(JoinReason::Apart { from, by })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let from = BuildId(77);
        for by in [
            Difference::Variable("CC".into()),
            Difference::Program("/bin/cc".into()),
            Difference::Command("the umask".into()),
            Difference::Files(vec![]),
            Difference::Files(vec!["a b".into(), "c".into()]),
            Difference::Surroundings(Apart::Input("/lib".into())),
            Difference::Surroundings(Apart::Output("/ws/target".into())),
            Difference::Surroundings(Apart::Doubt("too large".into())),
        ] {
            let reason = JoinReason::Apart { from, by: by.clone() };
            assert_eq!(read(&write(from, &by)), Some(reason));
        }
        for text in ["", "b", "b\nvariable\nx", "1\n2\n3"] {
            assert_eq!(read(text), None, "{text:?}");
        }
    }
}
