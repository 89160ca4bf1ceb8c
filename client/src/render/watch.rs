//! What a trigger did, as text. Knows nothing of where it comes from.

use super::text::{command, escape_control};
use super::workspaces::path;
use bd_protocol::OsText;
use bd_protocol::watch::Triggered;

/// Paths that are named if several changed; the rest is counted.
const NAMED: usize = 2;

/// Why a run starts: "src/main.rs changed", "3 files changed: a, b, …", "first run".
pub(crate) fn trigger(triggered: &Triggered, first: bool) -> String {
    let listed = triggered.changed.len();
    let count = usize::try_from(triggered.changed_count).unwrap_or(usize::MAX).max(listed);
    match (count, &triggered.changed[..]) {
        (0, _) if first => "first run".to_owned(),
        (0, _) => "files changed".to_owned(),
        (1, [only]) => format!("{} changed", path(only)),
        (_, []) => format!("{count} files changed"),
        (_, paths) => {
            let named: Vec<_> = paths.iter().take(NAMED).map(path).collect();
            let rest = if count > named.len() { ", …" } else { "" };
            format!("{count} files changed: {}{rest}", named.join(", "))
        }
    }
}

/// The message of a trigger, or `otherwise` if it has none.
pub(crate) fn message(triggered: &Triggered, otherwise: &str) -> String {
    triggered.message.as_deref().map_or_else(|| otherwise.to_owned(), escape_control)
}

/// Rings the terminal, and shows `ending` as a notification if the terminal supports that.
pub(crate) fn notification(words: &[OsText], ending: &str) -> String {
    // The name in front keeps a text that begins with a number and a semicolon from being read as
    // one of the other commands that some terminals have under this number.
    format!("\x1b]9;bd: {}: {}\x1b\\\x07", command(words), escape_control(ending))
}

#[cfg(test)]
mod tests {
    use super::*;
    use bd_protocol::watch::News;

    fn triggered(changed: &[&str], changed_count: u64) -> Triggered {
        let changed = changed.iter().map(|path| OsText::from(*path)).collect();
        Triggered { news: News::Started, build: None, changed, changed_count, message: None }
    }

    #[test]
    fn what_changed_is_one_line_however_much_it_is() {
        let line = |changed: &[&str], count| trigger(&triggered(changed, count), false);
        assert_eq!(trigger(&triggered(&[], 0), true), "first run");
        assert_eq!(line(&[], 0), "files changed");
        assert_eq!(line(&["src/main.rs"], 1), "src/main.rs changed");
        assert_eq!(line(&["a", "b"], 2), "2 files changed: a, b");
        assert_eq!(line(&["a", "b", "c"], 3), "3 files changed: a, b, …");
        assert_eq!(line(&["a", "b"], 5000), "5000 files changed: a, b, …");
        assert_eq!(line(&["a"], 7), "7 files changed: a, …");
        assert_eq!(line(&[], 7), "7 files changed");
        assert_eq!(line(&["a\x1b[2J\n"], 1), "a\\u{1b}[2J\\n changed");
        // A first run may come of a change, too.
        assert_eq!(trigger(&triggered(&["a"], 1), true), "a changed");
    }

    #[test]
    fn what_a_watch_says_steers_no_terminal() {
        let said = |message: Option<&str>| {
            let message = message.map(str::to_owned);
            super::message(&Triggered { message, ..triggered(&[], 0) }, "nothing")
        };
        assert_eq!(said(Some("log\x07.txt is written")), "log\\u{7}.txt is written");
        assert_eq!(said(None), "nothing");
        let shown = notification(&["sh".into(), "\x1b\\".into()], "ok\x07");
        assert_eq!(shown, "\x1b]9;bd: sh '\\u{1b}\\': ok\\u{7}\x1b\\\x07");
    }
}
