//! Workspaces as text: their contents, and how their index compares with the disk. Knows nothing of
//! where they come from.

use super::facts::Facts;
use super::paint::{Paint, Style};
use super::table::{Cell, table};
use super::text::{command, count, duration, escape_control, os, size};
use bd_protocol::OsText;
use bd_protocol::changes::Verification;
use bd_protocol::service::Workspace;
use bd_protocol::watch::{OnChange, OnChangeCommand, OnChangeState};

/// A path, with what is unseen escaped.
pub(crate) fn path(text: &OsText) -> String {
    os(text)
}

/// One workspace, one line for each fact.
pub(crate) fn one(workspace: &Workspace, paint: Paint) -> String {
    let mut facts = Facts::new(paint);
    facts.add("root", path(&workspace.root));
    facts.add("files", format!("{} · {}", workspace.files, size(workspace.bytes)));
    facts.add("directories", workspace.dirs.to_string());
    facts.add("changes", detection(workspace));
    facts.add_some("clock", workspace.clock.as_deref());
    facts.add_some("tree", workspace.tree_digest.as_deref());
    facts.add_some("last sync", workspace.last_sync_ms.map(duration));
    if let Some(on_change) = &workspace.on_change {
        add_on_change(&mut facts, on_change);
    }
    for warning in &workspace.warnings {
        facts.add_styled("warning", Style::Yellow, warning);
    }
    facts.into_text()
}

/// What is run on change, and whether it is.
fn add_on_change(facts: &mut Facts, on_change: &OnChange) {
    let Some(word) = word_of(on_change.state) else { return };
    facts.add("on change", word);
    for OnChangeCommand { on, run } in &on_change.commands {
        let on = if on.is_empty() { "any file".to_owned() } else { on.join(" ") };
        facts.add("", format!("{}  ({on})", command(run)));
    }
}

/// Whether what a workspace has run on change is run; `None` where there is nothing to run.
fn word_of(state: OnChangeState) -> Option<&'static str> {
    match state {
        OnChangeState::None => None,
        OnChangeState::Enabled => Some("enabled"),
        OnChangeState::NotEnabled => Some("not enabled"),
        OnChangeState::Changed => Some("changed, not run"),
        OnChangeState::Unknown => Some("unknown"),
    }
}

/// How changes are detected.
fn detection(workspace: &Workspace) -> String {
    let source = &workspace.source;
    match usize::try_from(workspace.watches).unwrap_or(usize::MAX) {
        0 => format!("by {source}"),
        // The plural of a watch is not made with an s alone.
        1 => format!("by {source} · 1 watch"),
        watches => format!("by {source} · {watches} watches"),
    }
}

fn runs_on_change(workspace: &Workspace) -> Cell {
    let state = workspace.on_change.as_ref().map_or(OnChangeState::None, |runs| runs.state);
    let style = match state {
        OnChangeState::NotEnabled | OnChangeState::Changed => Style::Yellow,
        _ => Style::Plain,
    };
    (word_of(state).unwrap_or("-").to_owned(), style)
}

/// All workspaces as a table with a heading; below each, its warnings.
pub(crate) fn list(workspaces: &[Workspace], paint: Paint, width: Option<usize>) -> String {
    if workspaces.is_empty() {
        return "no workspaces\n".to_owned();
    }
    let heading = ["FILES", "SIZE", "SOURCE", "WATCHES", "ON CHANGE", "ROOT"];
    let mut rows = vec![heading.map(|text| (text.to_owned(), Style::Dim)).to_vec()];
    rows.extend(workspaces.iter().map(|workspace| {
        vec![
            (workspace.files.to_string(), Style::Plain),
            (size(workspace.bytes), Style::Plain),
            (workspace.source.clone(), Style::Plain),
            (workspace.watches.to_string(), Style::Plain),
            runs_on_change(workspace),
            (path(&workspace.root), Style::Bold),
        ]
    }));
    let lines = table(&rows, paint, width);
    let mut text = String::new();
    let warnings = workspaces.iter().map(|workspace| &workspace.warnings[..]);
    // The first line is the heading.
    for (line, warnings) in
        lines.split_inclusive('\n').zip(std::iter::once(&[][..]).chain(warnings))
    {
        text.push_str(line);
        for warning in warnings {
            let warning = format!("    warning: {}", escape_control(warning));
            text.push_str(&paint.apply(Style::Yellow, &warning));
            text.push('\n');
        }
    }
    text
}

/// The result of a comparison with the disk.
pub(crate) fn verification(verified: &Verification, paint: Paint) -> String {
    let mut facts = Facts::new(paint);
    let differences = verified.differences.len();
    let places = match differences {
        // Paths can be equal where the digest is not: it was computed wrongly.
        0 => "its digest differs".to_owned(),
        _ => count(differences, "path"),
    };
    let state = match (verified.equal(), verified.repaired) {
        (true, _) => paint.apply(Style::Green, "equals the disk"),
        (false, true) => {
            paint.apply(Style::Yellow, &format!("differed from the disk ({places}), repaired"))
        }
        (false, false) => paint.apply(Style::Red, &format!("differs from the disk ({places})")),
    };
    facts.add("root", path(&verified.root));
    facts.add_painted("state", &state);
    facts.add("read", count(usize::try_from(verified.files).unwrap_or(usize::MAX), "file"));
    facts.add("believed", &verified.believed);
    facts.add("found", &verified.found);
    for difference in &verified.differences {
        facts.add("differs", path(difference));
    }
    facts.into_text()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::paint::ColorChoice;

    fn plain() -> Paint {
        Paint::new(ColorChoice::Never, &std::io::stdout())
    }

    fn workspace() -> Workspace {
        Workspace {
            schema: "bd.workspace/1".into(),
            root: "/home/me/pro\x1bject".into(),
            files: 12,
            bytes: 4096,
            dirs: 3,
            watches: 4,
            source: "inotify".into(),
            clock: Some("c:0000000000000001:7".into()),
            tree_digest: None,
            last_sync_ms: Some(2),
            warnings: vec!["too many\ndirectories".into()],
            on_change: Some(OnChange {
                state: OnChangeState::Changed,
                commands: vec![OnChangeCommand {
                    on: vec!["*.rs".into()],
                    run: vec!["cargo".into(), "che\x1bck".into()],
                }],
            }),
        }
    }

    #[test]
    fn a_workspace_is_a_line_a_fact() {
        assert_eq!(
            one(&workspace(), plain()),
            "root         /home/me/pro\\u{1b}ject\n\
             files        12 · 4.0 KiB\n\
             directories  3\n\
             changes      by inotify · 4 watches\n\
             clock        c:0000000000000001:7\n\
             last sync    2 ms\n\
             on change    changed, not run\n\
             \x20            cargo 'che\\u{1b}ck'  (*.rs)\n\
             warning      too many\\ndirectories\n"
        );
    }

    #[test]
    fn a_list_has_a_line_a_workspace_and_its_warnings_below() {
        assert_eq!(list(&[], plain(), None), "no workspaces\n");
        let quiet =
            Workspace { root: "/b".into(), warnings: vec![], on_change: None, ..workspace() };
        assert_eq!(
            list(&[workspace(), quiet], plain(), None),
            "FILES  SIZE     SOURCE   WATCHES  ON CHANGE         ROOT\n\
             12     4.0 KiB  inotify  4        changed, not run  /home/me/pro\\u{1b}ject\n    \
                 warning: too many\\ndirectories\n\
             12     4.0 KiB  inotify  4        -                 /b\n"
        );
    }

    #[test]
    fn a_comparison_says_whether_the_state_is_true_and_where_it_is_not() {
        let equal = Verification {
            root: "/ws".into(),
            believed: "aa".into(),
            found: "aa".into(),
            files: 1,
            differences: vec![],
            repaired: false,
        };
        assert_eq!(
            verification(&equal, plain()),
            "root         /ws\nstate        equals the disk\nread         1 file\n\
             believed     aa\nfound        aa\n"
        );
        let differs = Verification {
            found: "bb".into(),
            differences: vec!["a".into(), "b\tc".into()],
            ..equal
        };
        let text = verification(&differs, plain());
        assert!(text.contains("state        differs from the disk (2 paths)\n"), "{text}");
        assert!(text.ends_with("differs      a\ndiffers      b\\tc\n"), "{text}");
        let text = verification(&Verification { repaired: true, ..differs }, plain());
        assert!(text.contains("differed from the disk (2 paths), repaired"), "{text}");
    }
}
