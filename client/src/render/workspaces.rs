//! Workspaces as text: their contents, and how their index compares with the disk. Knows nothing of
//! where they come from.

use super::facts::Facts;
use super::paint::{Paint, Style};
use super::table::table;
use super::text::{count, duration, escape_control, size};
use bd_protocol::OsText;
use bd_protocol::changes::Verification;
use bd_protocol::service::Workspace;

/// A path with control characters escaped.
pub(crate) fn path(text: &OsText) -> String {
    escape_control(&text.0.to_string_lossy())
}

/// One workspace, one line for each fact.
pub(crate) fn one(workspace: &Workspace, paint: Paint) -> String {
    let mut facts = Facts::new(paint);
    facts.add("root", path(&workspace.root));
    facts.add("files", format!("{} · {}", workspace.files, size(workspace.bytes)));
    facts.add("directories", workspace.dirs.to_string());
    facts.add("changes", detection(workspace));
    facts.add_some("clock", workspace.clock.as_deref().map(escape_control));
    facts.add_some("tree", workspace.tree_digest.as_deref().map(escape_control));
    facts.add_some("last sync", workspace.last_sync_ms.map(duration));
    for warning in &workspace.warnings {
        facts.add("warning", paint.apply(Style::Yellow, &escape_control(warning)));
    }
    facts.into_text()
}

/// How changes are detected.
fn detection(workspace: &Workspace) -> String {
    let source = escape_control(&workspace.source);
    match usize::try_from(workspace.watches).unwrap_or(usize::MAX) {
        0 => format!("by {source}"),
        // The plural of a watch is not made with an s alone.
        1 => format!("by {source} · 1 watch"),
        watches => format!("by {source} · {watches} watches"),
    }
}

/// All workspaces as a table with a heading; below each, its warnings.
pub(crate) fn list(workspaces: &[Workspace], paint: Paint, width: Option<usize>) -> String {
    if workspaces.is_empty() {
        return "no workspaces\n".to_owned();
    }
    let heading = ["FILES", "SIZE", "SOURCE", "WATCHES", "ROOT"];
    let mut rows = vec![heading.map(|text| (text.to_owned(), Style::Dim)).to_vec()];
    rows.extend(workspaces.iter().map(|workspace| {
        vec![
            (workspace.files.to_string(), Style::Plain),
            (size(workspace.bytes), Style::Plain),
            (escape_control(&workspace.source), Style::Plain),
            (workspace.watches.to_string(), Style::Plain),
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
    facts.add("state", state);
    facts.add("read", count(usize::try_from(verified.files).unwrap_or(usize::MAX), "file"));
    facts.add("believed", escape_control(&verified.believed));
    facts.add("found", escape_control(&verified.found));
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
             warning      too many\\ndirectories\n"
        );
    }

    #[test]
    fn a_list_has_a_line_a_workspace_and_its_warnings_below() {
        assert_eq!(list(&[], plain(), None), "no workspaces\n");
        let quiet = Workspace { root: "/b".into(), warnings: vec![], ..workspace() };
        assert_eq!(
            list(&[workspace(), quiet], plain(), None),
            "FILES  SIZE     SOURCE   WATCHES  ROOT\n\
             12     4.0 KiB  inotify  4        /home/me/pro\\u{1b}ject\n    \
                 warning: too many\\ndirectories\n\
             12     4.0 KiB  inotify  4        /b\n"
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
