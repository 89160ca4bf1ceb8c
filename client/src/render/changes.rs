//! Changes of a workspace as text for users and scripts: one line for each change. Knows nothing of
//! where they come from.

use super::paint::{Paint, Style};
use super::text::escape_control;
use super::workspaces::path;
use bd_protocol::changes::{Change, ChangeKind, Changes};

/// One line for each change, a note if everything is listed, and the clock on the last line.
pub(crate) fn lines(changes: &Changes, paint: Paint) -> String {
    let mut text: String = changes.changes.iter().map(|change| line(change, paint)).collect();
    if changes.fresh {
        let word = "everything is listed: the clock is too old or came from another daemon";
        text.push_str(&paint.apply(Style::Yellow, word));
        text.push('\n');
    }
    text.push_str(&paint.apply(Style::Dim, &format!("clock {}", escape_control(&changes.clock))));
    text.push('\n');
    text
}

fn line(change: &Change, paint: Paint) -> String {
    let (letter, style) = match change.kind {
        ChangeKind::Added => ("A", Style::Green),
        ChangeKind::Modified => ("M", Style::Yellow),
        ChangeKind::Removed => ("D", Style::Red),
        ChangeKind::Renamed => ("R", Style::Cyan),
        ChangeKind::Unknown => ("?", Style::Dim),
    };
    let from = change.from.as_ref().map(|from| format!("{} -> ", path(from)));
    let letter = paint.apply(style, letter);
    format!("{letter} {}{}\n", from.unwrap_or_default(), path(&change.path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::paint::ColorChoice;
    use bd_protocol::OsText;
    use bd_protocol::changes::EntryType;

    fn change(kind: ChangeKind, path: &str, from: Option<&str>) -> Change {
        Change { path: path.into(), kind, entry: EntryType::File, from: from.map(OsText::from) }
    }

    #[test]
    fn a_change_is_a_line_and_the_clock_is_the_last() {
        let changes = Changes {
            root: "/ws".into(),
            clock: "c:0000000000000001:7".into(),
            fresh: false,
            changes: vec![
                change(ChangeKind::Added, "a", None),
                change(ChangeKind::Modified, "b c", None),
                change(ChangeKind::Removed, "d\x1b[2J", None),
                change(ChangeKind::Renamed, "f", Some("e\n")),
                change(ChangeKind::Unknown, "g", None),
            ],
            more: false,
        };
        let paint = |choice| Paint::new(choice, &std::io::stdout());
        assert_eq!(
            lines(&changes, paint(ColorChoice::Never)),
            "A a\nM b c\nD d\\u{1b}[2J\nR e\\n -> f\n? g\nclock c:0000000000000001:7\n"
        );
        let painted = lines(&changes, paint(ColorChoice::Always));
        assert!(painted.starts_with("\x1b[32mA\x1b[0m a\n"), "{painted}");
    }

    #[test]
    fn that_everything_is_listed_is_said() {
        let clock = "c:0000000000000001:7".to_owned();
        let changes =
            Changes { root: "/ws".into(), clock, fresh: true, changes: vec![], more: false };
        let text = lines(&changes, Paint::new(ColorChoice::Never, &std::io::stdout()));
        let said: Vec<_> = text.lines().collect();
        assert!(said.len() == 2 && said[0].starts_with("everything is listed"), "{text}");
    }
}
