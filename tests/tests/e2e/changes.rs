//! What changed in a workspace since a moment, as `bdctl changes` reports it.

use bd_tests::git::git;
use bd_tests::sandbox::state;
use bd_tests::{ClientProcess, Sandbox, eventually};
use serde_json::{Value, json};
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// A clock of no daemon.
const FOREIGN: &str = "c:0123456789abcdef:42";

/// Longer than a change may share its time with the next one.
const OLD: Duration = Duration::from_millis(100);

/// Somebody who keeps the clock and asks with it.
struct Asker {
    sandbox: Sandbox,
    clock: String,
}

impl Asker {
    /// In a workspace that has these files by then.
    fn of(files: &[&str]) -> Self {
        let mut asker = Self { sandbox: Sandbox::new(), clock: String::new() };
        files.iter().for_each(|file| asker.write(file, file));
        let first = asker.sandbox.json(&["changes"]);
        assert_eq!((&first["fresh"], &first["changes"]), (&json!(false), &json!([])), "{first}");
        asker.keep(&first);
        asker
    }

    fn path(&self, path: &str) -> PathBuf {
        self.sandbox.workspace().join(path)
    }

    fn write(&self, path: &str, content: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().expect("a parent")).expect("directories");
        fs::write(path, content).expect("a file");
    }

    fn rename(&self, from: &str, to: &str) {
        fs::rename(self.path(from), self.path(to)).expect("a rename");
    }

    fn keep(&mut self, document: &Value) {
        assert_eq!(document["schema"], "bd.changes/1");
        self.clock = document["clock"].as_str().expect("a clock").to_owned();
        let parts: Vec<_> = self.clock.split(':').collect();
        assert!(parts.len() == 3 && parts[0] == "c" && parts[1].len() == 16, "{}", self.clock);
    }

    /// Asks again when a file has been left alone so long that its times show another change of it: of
    /// a younger one that nobody has read, a later daemon cannot know that it did not change.
    fn ask_when_old(&mut self, path: &str) {
        let path = self.path(path);
        eventually("the file is old", || {
            let changed = fs::metadata(&path).and_then(|found| found.modified()).expect("a time");
            changed.elapsed().is_ok_and(|age| age > OLD)
        });
        assert_eq!(self.ask(), Vec::<String>::new());
    }

    /// What changed since the last question.
    fn ask(&mut self) -> Vec<String> {
        let document = self.sandbox.json(&["changes", "--since", &self.clock]);
        assert_eq!(document["fresh"], false, "{document}");
        self.keep(&document);
        lines(&document)
    }
}

/// Changes as text: "added file a", "renamed dir b from a".
fn lines(document: &Value) -> Vec<String> {
    let changes = document["changes"].as_array().expect("changes");
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    let line = |change: &Value| {
        let words = [&change["kind"], &change["type"], &change["path"]].map(text).join(" ");
        match &change["from"] {
            Value::Null => words,
            from => format!("{words} from {}", text(from)),
        }
    };
    changes.iter().map(line).collect()
}

#[test]
fn every_kind_of_change_is_reported_once_and_sorted() {
    let mut asker = Asker::of(&["b", "dir/old", "gone", "z.txt"]);
    assert_eq!(asker.ask(), [""; 0], "nothing was written");
    asker.write("b", "other");
    asker.write("dir/new/deep", "x");
    asker.write("dir.txt", "x");
    fs::remove_file(asker.path("gone")).expect("a file to remove");
    symlink("b", asker.path("link")).expect("a link");
    asker.rename("z.txt", "a.txt");
    assert_eq!(
        asker.ask(),
        [
            "renamed file a.txt from z.txt",
            "modified file b",
            "added file dir.txt",
            "added dir dir/new",
            "added file dir/new/deep",
            "removed file gone",
            "added symlink link",
        ]
    );
    assert_eq!(asker.ask(), [""; 0], "it was reported");
    fs::set_permissions(asker.path("b"), fs::Permissions::from_mode(0o755)).expect("a mode");
    assert_eq!(asker.ask(), ["modified file b"]);
}

#[test]
fn what_came_and_went_between_two_questions_is_not_reported() {
    let mut asker = Asker::of(&["a"]);
    asker.write("passing/file", "x");
    fs::remove_dir_all(asker.path("passing")).expect("a directory to remove");
    assert_eq!(asker.ask(), [""; 0]);
    fs::remove_file(asker.path("a")).expect("a file to remove");
    fs::create_dir(asker.path("a")).expect("a directory");
    let lines = asker.ask();
    assert!(lines.len() == 1 && lines[0].ends_with("dir a"), "{lines:?}");
}

#[test]
fn a_renamed_directory_is_reported_with_all_that_is_in_it() {
    let mut asker = Asker::of(&["old/a", "old/sub/b", "other"]);
    asker.rename("old", "new");
    assert_eq!(
        asker.ask(),
        [
            "renamed dir new from old",
            "renamed file new/a from old/a",
            "renamed dir new/sub from old/sub",
            "renamed file new/sub/b from old/sub/b",
        ]
    );
    // What is written in it afterwards is seen at its new place.
    asker.write("new/sub/b", "edited");
    assert_eq!(asker.ask(), ["modified file new/sub/b"]);
}

#[test]
fn a_clock_of_another_daemon_gets_everything() {
    let asker = Asker::of(&["b/c", "a"]);
    let everything = ["added file a", "added dir b", "added file b/c"];
    let document = asker.sandbox.json(&["changes", "--since", FOREIGN]);
    assert_eq!(
        (&document["fresh"], lines(&document)),
        (&json!(true), everything.map(str::to_owned).to_vec())
    );
    let root = fs::canonicalize(asker.sandbox.workspace()).expect("a workspace");
    assert_eq!(document["root"], json!(root));
    let text = asker.sandbox.ok(&["changes", "--since", FOREIGN]);
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines[..3], ["A a", "A b", "A b/c"]);
    assert!(
        lines[3].starts_with("everything is listed") && lines[4].starts_with("clock c:"),
        "{text}"
    );
    // One that it will give out some day is not known either.
    let (line, _) = asker.clock.rsplit_once(':').expect("a tick");
    let future = asker.sandbox.json(&["changes", "--since", &format!("{line}:{}", u64::MAX)]);
    assert_eq!(future["fresh"], true, "{future}");
}

#[test]
fn an_earlier_daemons_clock_is_known_or_gets_everything() {
    for stop in [true, false] {
        let mut asker = Asker::of(&["a", "b"]);
        asker.ask_when_old("a");
        if stop {
            let _ = asker.sandbox.ok(&["daemon", "stop"]);
        } else {
            asker.sandbox.kill_daemon();
        }
        asker.write("b", "edited while nobody looked");
        let document = asker.sandbox.json(&["changes", "--since", &asker.clock]);
        let expected = match document["fresh"] == true {
            true => vec!["added file a".to_owned(), "added file b".to_owned()],
            false => vec!["modified file b".to_owned()],
        };
        let mut found = lines(&document);
        if !stop && document["fresh"] == false {
            // It was young when it was saved, and the daemon was killed before that was made good.
            found.retain(|line| line != "modified file a");
        }
        assert_eq!(found, expected, "{document}");
    }
}

#[test]
fn a_wait_ends_with_a_change() {
    let asker = Asker::of(&["a"]);
    let ended = |waiting: ClientProcess, begun: Instant| {
        let output = waiting.output();
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        let document: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        assert_eq!(lines(&document), ["modified file a"]);
        // A single question waits for longer.
        assert!(begun.elapsed() < Duration::from_secs(15), "it did not end with the change");
    };
    let begun = Instant::now();
    let waiting = ["changes", "--since", &asker.clock, "--wait=60", "--json"];
    let waiting = asker.sandbox.spawn(asker.sandbox.bdctl(waiting));
    // For it to wait by then, most of the time; it has to end in any case.
    eventually("it sleeps", || state(waiting.pid()).is_some_and(|state| state.starts_with('S')));
    asker.write("a", "edited");
    ended(waiting, begun);

    // Written again and again, since nobody knows when "now" is.
    let begun = Instant::now();
    let mut waiting = asker.sandbox.spawn(asker.sandbox.bdctl(["changes", "--wait", "--json"]));
    let mut round = 0;
    eventually("the wait ends", || {
        round += 1;
        asker.write("a", &format!("edited {round} times"));
        waiting.0.try_wait().expect("a client").is_some()
    });
    ended(waiting, begun);
}

#[test]
fn a_wait_in_which_nothing_changes_expires() {
    let asker = Asker::of(&["a", ".gitignore"]);
    asker.write(".gitignore", "ignored\n");
    let clock = asker.sandbox.json(&["changes"])["clock"].as_str().expect("a clock").to_owned();
    let begun = Instant::now();
    let waiting = asker.sandbox.bdctl(["changes", "--since", &clock, "--wait=700ms", "--json"]);
    let waiting = asker.sandbox.spawn(waiting);
    asker.write("ignored", "nobody is notified");
    let output = waiting.output();
    assert_eq!(output.status.code(), Some(124), "{output:?}");
    assert!(begun.elapsed() >= Duration::from_millis(700));
    let document: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!((&document["fresh"], lines(&document)), (&json!(false), vec![]));
}

#[test]
fn what_is_ignored_is_not_reported_and_the_rules_may_change() {
    let mut asker = Asker::of(&["a", "x.log", "target/out"]);
    asker.write(".gitignore", "*.log\n/target\n");
    let lines = asker.ask();
    assert_eq!(
        lines,
        [
            "added file .gitignore",
            "removed dir target",
            "removed file target/out",
            "removed file x.log"
        ]
    );
    let digest = |asker: &Asker| asker.sandbox.json(&["ws", "info"])["tree_digest"].clone();
    let before = digest(&asker);
    asker.write("x.log", "more");
    asker.write("target/other", "x");
    assert_eq!((asker.ask(), digest(&asker)), (vec![], before));
    asker.write(".gitignore", "/target\n");
    assert_eq!(asker.ask(), ["modified file .gitignore", "added file x.log"]);
    asker.write("x.log", "and more");
    assert_eq!(asker.ask(), ["modified file x.log"]);
}

#[test]
fn what_git_does_to_a_checkout_is_seen_by_the_next_question() {
    let mut asker = Asker::of(&[]);
    let place = asker.sandbox.workspace();
    git(&place, &["init", "--quiet"]);
    asker.write("same", "same");
    asker.write("edited", "on main");
    asker.write("only-main/file", "x");
    git(&place, &["add", "."]);
    git(&place, &["commit", "--quiet", "--message", "main"]);
    git(&place, &["checkout", "--quiet", "-b", "other"]);
    git(&place, &["rm", "--quiet", "-r", "only-main"]);
    asker.write("edited", "on the other branch");
    asker.write("only-other", "y");
    git(&place, &["add", "."]);
    git(&place, &["commit", "--quiet", "--message", "other"]);
    let added = ["added file edited", "added file only-other", "added file same"];
    assert_eq!(asker.ask(), added, "nothing of .git is reported");
    git(&place, &["checkout", "--quiet", "main"]);
    let there = [
        "modified file edited",
        "added dir only-main",
        "added file only-main/file",
        "removed file only-other",
    ];
    assert_eq!(asker.ask(), there);
    let clean = asker.sandbox.json(&["ws", "info"])["tree_digest"].clone();
    asker.write("edited", "not committed");
    assert_eq!(asker.ask(), ["modified file edited"]);
    git(&place, &["stash", "--quiet"]);
    assert_eq!(asker.ask(), ["modified file edited"]);
    assert_eq!(asker.sandbox.json(&["ws", "info"])["tree_digest"], clean);
    git(&place, &["stash", "pop", "--quiet"]);
    assert_eq!(asker.ask(), ["modified file edited"]);
    assert_ne!(asker.sandbox.json(&["ws", "info"])["tree_digest"], clean);
}

#[test]
fn a_root_that_is_deleted_is_reported_and_comes_back() {
    let asker = Asker::of(&["a"]);
    let place = asker.sandbox.workspace();
    let bdctl = |arguments: &[&str]| {
        let mut bdctl = asker.sandbox.bdctl(arguments);
        bdctl.arg(&place).current_dir(asker.sandbox.outside());
        asker.sandbox.spawn(bdctl).output()
    };
    fs::remove_dir_all(&place).expect("a workspace to remove");
    for arguments in
        [&["changes", "--since", &asker.clock][..], &["ws", "info"], &["state", "verify"]]
    {
        let output = bdctl(arguments);
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(125), "{arguments:?}: {text}");
        assert!(text.contains("cannot access") && text.contains("hint: "), "{arguments:?}: {text}");
    }
    fs::create_dir_all(place.join(".git")).expect("a workspace");
    asker.write("b", "new");
    let output = bdctl(&["changes", "--json", "--since", &asker.clock]);
    let document: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let expected = match document["fresh"] == true {
        true => vec!["added file b"],
        false => vec!["removed file a", "added file b"],
    };
    assert_eq!(lines(&document), expected, "{document}");
    fs::remove_dir_all(&place).expect("a workspace to remove");
    let output = bdctl(&["ws", "remove"]);
    assert!(output.status.success(), "{output:?}");
    fs::create_dir_all(place).expect("a place for the end");
}

#[test]
fn names_that_are_no_text_are_reported_and_harmless() {
    let mut asker = Asker::of(&[]);
    let odd = asker.sandbox.workspace().join(OsStr::from_bytes(b"odd\xff"));
    fs::write(odd, "x").expect("a file");
    asker.write("steer\x1b[2J\n", "x");
    let document = asker.sandbox.json(&["changes", "--since", &asker.clock]);
    let paths: Vec<_> = document["changes"]
        .as_array()
        .expect("changes")
        .iter()
        .map(|change| &change["path"])
        .collect();
    assert_eq!(paths, [&json!({ "base64": "b2Rk/w==" }), &json!("steer\x1b[2J\n")]);
    let text = asker.sandbox.ok(&["changes", "--since", &asker.clock]);
    assert!(text.contains("A steer\\u{1b}[2J\\n\n"), "{text:?}");
    asker.keep(&document);
    assert_eq!(asker.ask(), [""; 0]);
}

#[test]
fn a_list_that_fits_no_single_answer_is_complete() {
    const FILES: usize = 20_000;
    let asker = Asker::of(&[]);
    let name = "n".repeat(150);
    for number in 0..FILES {
        let path = asker.path(&format!("{}/{number:05}-{name}", number / 1000));
        if number % 1000 == 0 {
            fs::create_dir(path.parent().expect("a parent")).expect("a directory");
        }
        fs::write(path, "").expect("a file");
    }
    let document = asker.sandbox.json(&["changes", "--since", &asker.clock]);
    let paths: Vec<_> = document["changes"]
        .as_array()
        .expect("changes")
        .iter()
        .map(|change| change["path"].as_str().expect("text"))
        .collect();
    assert_eq!(paths.len(), FILES + FILES / 1000);
    assert!(paths.windows(2).all(|pair| pair[0] < pair[1]), "sorted, and nothing twice");
}

#[test]
fn workspaces_are_listed_as_they_are_known() {
    let asker = Asker::of(&["a"]);
    let second = asker.sandbox.outside().join("a-second");
    fs::create_dir(&second).expect("a directory");
    let second = fs::canonicalize(second).expect("a path");
    let _ = asker.sandbox.ok(&["ws", "add", second.to_str().expect("UTF-8")]);
    let root = fs::canonicalize(asker.sandbox.workspace()).expect("a path");
    let roots = |command: &str| -> Vec<Value> {
        let list = asker.sandbox.json(&[command])["workspaces"].clone();
        list.as_array().expect("workspaces").iter().map(|one| one["root"].clone()).collect()
    };
    assert_eq!((roots("ws"), roots("status")), (vec![json!(second), json!(root)], roots("ws")));
    let info = asker.sandbox.json(&["ws", "info"]);
    let inspected = asker.sandbox.json(&["state", "inspect"]);
    for field in ["root", "files", "bytes", "dirs", "clock", "source", "watches"] {
        assert_eq!(info[field], inspected[field], "{field}");
    }
    // The changes and the summary of the workspace are of one clock.
    assert_eq!(asker.sandbox.json(&["changes"])["clock"], info["clock"]);
    let _ = asker.sandbox.ok(&["ws", "remove"]);
    assert_eq!(roots("ws"), [json!(second)]);
    // Nobody has watched it meanwhile.
    let again = asker.sandbox.json(&["changes", "--since", &asker.clock]);
    assert_eq!((&again["fresh"], lines(&again)), (&json!(true), vec!["added file a".to_owned()]));
}

#[test]
fn a_state_is_compared_with_the_disk() {
    let asker = Asker::of(&["a", "sub/b"]);
    for round in 0..3 {
        asker.write("a", &format!("round {round}"));
        let verified = asker.sandbox.json(&["state", "verify"]);
        assert_eq!(verified["schema"], "bd.state_verify/1");
        assert_eq!(verified["believed"], verified["found"]);
        assert_eq!(verified["found"], asker.sandbox.json(&["ws", "info"])["tree_digest"]);
        assert_eq!((&verified["differences"], &verified["repaired"]), (&json!([]), &json!(false)));
        assert_eq!(verified["files"], 2, "{verified}");
    }
    let text = asker.sandbox.ok(&["state", "verify", "--repair", "sub"]);
    assert!(text.contains("equals the disk"), "{text}");
}
