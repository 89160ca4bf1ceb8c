//! Commands that run whenever files change: when they do, when they do not, and on what.

use bd_tests::git::git;
use bd_tests::sandbox::PATIENCE;
use bd_tests::times::now_ms;
use bd_tests::{ClientProcess, Flag, ProcessTree, Sandbox, eventually};
use nix::sys::signal::Signal;
use serde_json::Value;
use std::cell::Cell;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::path::PathBuf;
use std::process::ExitStatus;
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex};
use std::thread;

/// Prints one line: what changed.
const SHOW: &str = r#"echo "run:$(sed 's/^/ /' "${BD_CHANGED_FILES:-/dev/null}" | tr -d '\n')""#;

/// More runs than a loop may have before it is stopped.
const LOOP_MAX: usize = 12;

/// A running `bdctl watch`.
struct Watcher {
    client: ClientProcess,
    lines: Receiver<String>,
    said: Arc<Mutex<String>>,
    /// Runs that were awaited.
    ran: Cell<usize>,
}

impl Watcher {
    /// `bdctl watch OPTIONS -- sh -c SCRIPT`, once it watches.
    fn start(sandbox: &Sandbox, options: &[&str], script: &str) -> Self {
        Self::with(sandbox, options, &["sh", "-c", script])
    }

    fn with(sandbox: &Sandbox, options: &[&str], command: &[&str]) -> Self {
        let arguments = [&["watch"], options, &["--"], command].concat();
        let mut client = sandbox.spawn(sandbox.bdctl(arguments));
        let stdout = BufReader::new(client.0.stdout.take().expect("output that is kept"));
        let (send, lines) = mpsc::channel();
        // Both end with the client's output.
        thread::spawn(move || {
            for line in stdout.lines() {
                let _ = send.send(line.expect("UTF-8"));
            }
        });
        let mut stderr = client.0.stderr.take().expect("words that are kept");
        let said = Arc::new(Mutex::new(String::new()));
        let saying = said.clone();
        thread::spawn(move || {
            let mut buffer = [0; 1024];
            while let Ok(read @ 1..) = stderr.read(&mut buffer) {
                let text = String::from_utf8_lossy(&buffer[..read]);
                saying.lock().expect("a reader").push_str(&text);
            }
        });
        let watcher = Self { client, lines, said, ran: Cell::new(0) };
        watcher.await_word("watching ");
        watcher
    }

    /// What it has said of its own.
    fn said(&self) -> String {
        self.said.lock().expect("a reader").clone()
    }

    /// Waits until it has said this.
    fn await_word(&self, word: &str) {
        eventually(&format!("it says {word:?}"), || {
            // Whoever reads it for us ends with it.
            let over = Arc::strong_count(&self.said) == 1;
            let said = self.said();
            assert!(!over || said.contains(word), "it ended without {word:?}, but with: {said}");
            said.contains(word)
        });
    }

    /// The next line that its command prints.
    fn line(&self) -> String {
        let line = self.lines.recv_timeout(PATIENCE);
        line.unwrap_or_else(|error| panic!("no line ({error}); it says: {}", self.said()))
    }

    /// The line of the next run, once it has ended well: whatever changes then supersedes nothing.
    fn ran(&self) -> String {
        let line = self.line();
        self.ran.set(self.ran.get() + 1);
        eventually("the run ends well", || self.said().matches("ok in ").count() >= self.ran.get());
        line
    }

    /// Waits for its end; the lines that were not read yet.
    fn ended(&mut self) -> (ExitStatus, Vec<String>) {
        let mut status = None;
        eventually("the watch ends", || {
            status = self.client.0.try_wait().expect("a client");
            status.is_some()
        });
        (status.expect("a status"), self.lines.iter().collect())
    }

    /// Ends it as Ctrl-C does, and makes sure that it ran no more than was read.
    fn end(mut self) {
        self.client.signal(Signal::SIGINT);
        let (status, rest) = self.ended();
        assert_eq!((status.code(), rest), (Some(130), vec![]), "{}", self.said());
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        let _ = self.client.0.kill();
        let _ = self.client.0.wait();
    }
}

fn write(sandbox: &Sandbox, path: &str, content: &str) {
    let path = at(sandbox, path);
    fs::create_dir_all(path.parent().expect("a parent")).expect("directories");
    fs::write(path, content).expect("a file");
}

fn at(sandbox: &Sandbox, path: &str) -> PathBuf {
    sandbox.workspace().join(path)
}

/// A workspace with these files.
fn with_files(files: &[&str]) -> Sandbox {
    let sandbox = Sandbox::new();
    files.iter().for_each(|file| write(&sandbox, file, "as it was"));
    sandbox
}

/// How the builds ended, oldest first.
fn endings(sandbox: &Sandbox) -> Vec<Value> {
    let history = sandbox.history();
    history.iter().rev().map(|build| build["outcome"]["status"].clone()).collect()
}

#[test]
fn it_runs_at_first_and_on_every_save() {
    let sandbox = with_files(&["a"]);
    let watcher = Watcher::start(&sandbox, &[], SHOW);
    assert_eq!(watcher.ran(), "run:");
    for (path, content) in [("a", "one"), ("b c", "new"), ("a", "two")] {
        write(&sandbox, path, content);
        assert_eq!(watcher.ran(), format!("run: {path}"));
    }
    fs::remove_file(at(&sandbox, "b c")).expect("a file to remove");
    assert_eq!(watcher.ran(), "run: b c");
    let said = watcher.said();
    assert!(said.contains("bdctl: first run\n") && said.contains("bdctl: a changed\n"), "{said}");
    watcher.end();
}

#[test]
fn without_a_first_run_it_waits_for_a_change() {
    let sandbox = with_files(&["a"]);
    let watcher = Watcher::start(&sandbox, &["--no-initial"], SHOW);
    write(&sandbox, "a", "new");
    assert_eq!(watcher.ran(), "run: a");
    watcher.end();
    assert_eq!(endings(&sandbox), ["ok"]);
}

#[test]
fn the_paths_can_be_arguments() {
    let sandbox = Sandbox::new();
    let script = r#"for path; do echo "[$path]"; done; echo end"#;
    let command = ["sh", "-c", script, "sh", "{changed}"];
    let watcher = Watcher::with(&sandbox, &[], &command);
    assert_eq!(watcher.ran(), "end", "nothing changed before the first run");
    write(&sandbox, "a b", "x");
    assert_eq!((watcher.line(), watcher.line()), ("[a b]".into(), "end".into()));
    watcher.end();
}

#[test]
fn only_what_the_patterns_say_counts() {
    let sandbox = with_files(&["README", "src/a.txt", "src/gen.rs", "main.rs"]);
    fs::create_dir(at(&sandbox, "src/deep")).expect("a directory");
    let options = ["--no-initial", "--on", "src/**/*.rs", "--on", "!gen.rs"];
    let watcher = Watcher::start(&sandbox, &options, SHOW);
    for path in ["README", "src/a.txt", "src/gen.rs", "main.rs", "src/deep/new.txt"] {
        write(&sandbox, path, "other");
    }
    write(&sandbox, "src/deep/new.rs", "x");
    assert_eq!(watcher.ran(), "run: src/deep/new.rs");
    write(&sandbox, "src/main.rs", "x");
    assert_eq!(watcher.ran(), "run: src/main.rs");
    watcher.end();
}

#[test]
fn what_is_ignored_starts_nothing() {
    let sandbox = with_files(&["a"]);
    write(&sandbox, ".gitignore", "target\n*.log\n");
    let watcher = Watcher::start(&sandbox, &["--no-initial"], SHOW);
    write(&sandbox, "target/debug/x", "x");
    write(&sandbox, "y.log", "x");
    write(&sandbox, ".git/index", "x");
    write(&sandbox, "marker", "x");
    assert_eq!(watcher.ran(), "run: marker");
    watcher.end();
}

#[test]
fn a_save_by_renaming_is_one_run() {
    let sandbox = with_files(&["a.txt"]);
    let watcher = Watcher::start(&sandbox, &["--no-initial"], SHOW);
    write(&sandbox, "a.txt~", "new");
    fs::rename(at(&sandbox, "a.txt~"), at(&sandbox, "a.txt")).expect("a rename");
    assert_eq!(watcher.ran(), "run: a.txt");
    write(&sandbox, "marker", "x");
    assert_eq!(watcher.ran(), "run: marker");
    watcher.end();
}

#[test]
fn a_directory_alone_starts_nothing() {
    let sandbox = with_files(&["a"]);
    let watcher = Watcher::start(&sandbox, &["--no-initial"], SHOW);
    fs::create_dir_all(at(&sandbox, "new/deep")).expect("directories");
    // Seen by now, whatever comes of it.
    let _ = sandbox.ok(&["changes"]);
    write(&sandbox, "marker", "x");
    assert_eq!(watcher.ran(), "run: marker");
    watcher.end();
}

#[test]
fn nothing_starts_before_a_file_is_closed() {
    let sandbox = with_files(&["file"]);
    let watcher = Watcher::start(&sandbox, &["--no-initial", "--on", "/file"], SHOW);
    let other = Watcher::start(&sandbox, &["--no-initial", "--on", "/marker"], SHOW);
    let mut file = File::options().write(true).open(at(&sandbox, "file")).expect("a file");
    file.set_len(0).expect("an empty file");
    let _ = sandbox.ok(&["changes"]);
    // Of two changes the later one is not acted upon earlier.
    write(&sandbox, "marker", "x");
    assert_eq!(other.ran(), "run: marker");
    assert_eq!(endings(&sandbox), ["ok"], "there was one run, the other one's");
    file.write_all(b"all of it").expect("a file to write to");
    drop(file);
    assert_eq!(watcher.ran(), "run: file");
    watcher.end();
    other.end();
}

#[test]
fn the_newest_state_wins() {
    let sandbox = Sandbox::new();
    let never = Flag::new(sandbox.outside(), "never");
    write(&sandbox, "input", "slow");
    let script = format!(
        r#"c=$(cat input); echo "begins $c"; if [ "$c" = slow ]; then {}; fi; echo "ends $c""#,
        never.pass()
    );
    let watcher = Watcher::start(&sandbox, &[], &script);
    assert_eq!(watcher.line(), "begins slow");
    write(&sandbox, "input", "quick");
    assert_eq!((watcher.line(), watcher.line()), ("begins quick".into(), "ends quick".into()));
    watcher.await_word("superseded after ");
    watcher.await_word("ok in ");
    watcher.end();
    assert_eq!(endings(&sandbox), ["cancelled", "ok"]);
}

#[test]
fn what_somebody_else_wants_as_well_goes_on() {
    let sandbox = Sandbox::new();
    let [one, two] = ["one", "two"].map(|name| Flag::new(sandbox.outside(), name));
    write(&sandbox, "input", "one");
    let script = r#"c=$(cat input); echo "begins $c"; until [ -e "../$c" ]; do sleep 0.02; done
        echo "ends $c""#;
    let watcher = Watcher::start(&sandbox, &["--join"], script);
    assert_eq!(watcher.line(), "begins one");
    let joined = sandbox.start(&["--join", "--session", "agent:joined", "--", "sh", "-c", script]);
    sandbox.await_builds("running", 2);
    write(&sandbox, "input", "two");
    assert_eq!(watcher.line(), "begins two");
    watcher.await_word("superseded");
    one.raise();
    let output = joined.output();
    assert_eq!((output.status.code(), &*output.stdout), (Some(0), &b"begins one\nends one\n"[..]));
    assert!(!sandbox.build_of("agent:joined")["joined"].is_null());
    two.raise();
    assert_eq!(watcher.line(), "ends two");
    watcher.end();
}

#[test]
fn a_loop_is_stopped_and_named_and_another_change_runs_again() {
    let sandbox = with_files(&["other"]);
    let watcher = Watcher::start(&sandbox, &[], "echo run; date +%N >>log.txt");
    watcher.await_word("warning: ");
    let said = watcher.said();
    let warning = said.lines().find(|line| line.contains("warning: ")).expect("a warning");
    assert!(warning.contains("log.txt"), "{said}");
    let before = watcher.lines.try_iter().count();
    assert!((1..=LOOP_MAX).contains(&before), "{before} runs");
    write(&sandbox, "other", "new");
    assert_eq!(watcher.line(), "run");
    eventually("nothing runs", || sandbox.live().is_empty());
    assert!(sandbox.history().len() <= 2 * LOOP_MAX, "{} runs", sandbox.history().len());
}

#[test]
fn the_first_failure_ends_it_where_that_is_wanted() {
    let sandbox = Sandbox::new();
    let never = Flag::new(sandbox.outside(), "never");
    write(&sandbox, "input", "0");
    let script = format!(
        "c=$(cat input); echo \"$c\"; if [ \"$c\" = slow ]; then {}; fi; exit \"$c\"",
        never.pass()
    );
    let mut watcher = Watcher::start(&sandbox, &["--exit-on-failure"], &script);
    for content in ["0", "slow", "7"] {
        assert_eq!(watcher.line(), content);
        match content {
            "0" => {
                watcher.await_word("ok in ");
                write(&sandbox, "input", "slow");
            }
            "slow" => write(&sandbox, "input", "7"),
            _ => {}
        }
    }
    let (status, rest) = watcher.ended();
    assert_eq!((status.code(), rest), (Some(7), vec![]), "{}", watcher.said());
    assert_eq!(endings(&sandbox), ["ok", "cancelled", "failed"]);
}

#[test]
fn ctrl_c_ends_the_run_and_the_watch() {
    let sandbox = Sandbox::new();
    let tree = ProcessTree::new(sandbox.outside(), "tree");
    let watcher = Watcher::start(&sandbox, &[], &tree.script());
    tree.await_start();
    watcher.end();
    assert_eq!(tree.alive(), []);
    assert_eq!(endings(&sandbox), ["cancelled"]);
}

#[test]
fn a_killed_client_takes_its_watch_along_within_a_second() {
    let sandbox = with_files(&["a"]);
    let tree = ProcessTree::new(sandbox.outside(), "tree");
    let mut watcher = Watcher::start(&sandbox, &[], &tree.script());
    tree.await_start();
    let killed_at = now_ms();
    watcher.client.signal(Signal::SIGKILL);
    let _ = watcher.ended();
    tree.assert_cancelled_within_a_second(&sandbox, killed_at);
    // Only who is there is served.
    let other = Watcher::start(&sandbox, &["--no-initial"], SHOW);
    write(&sandbox, "a", "new");
    assert_eq!(other.ran(), "run: a");
    other.end();
    assert_eq!(endings(&sandbox), ["cancelled", "ok"]);
}

#[test]
fn the_end_of_the_daemon_is_reported_and_is_code_125() {
    let sandbox = Sandbox::new();
    let never = Flag::new(sandbox.outside(), "never");
    let (idle, running) = ("echo run".to_owned(), format!("echo run; {}", never.pass()));
    for (script, ends) in [(&idle, true), (&running, false)] {
        let mut watcher = Watcher::start(&sandbox, &[], script);
        assert_eq!(watcher.line(), "run");
        if ends {
            watcher.await_word("ok in ");
        }
        sandbox.kill_daemon();
        let (status, rest) = watcher.ended();
        assert_eq!((status.code(), rest), (Some(125), vec![]));
        eventually("it says why", || watcher.said().contains("the daemon ended"));
        assert_eq!(watcher.said().matches("failed to").count(), 1, "{}", watcher.said());
    }
}

#[test]
fn another_branch_is_one_run() {
    const FILES: usize = 300;
    let sandbox = Sandbox::new();
    let ws = sandbox.workspace();
    let fill = |content: &str| {
        (0..FILES).for_each(|number| write(&sandbox, &format!("{}/{number}", number % 7), content));
    };
    git(&ws, &["init", "-q"]);
    for branch in ["one", "two"] {
        git(&ws, &["checkout", "-q", "-b", branch]);
        fill(branch);
        git(&ws, &["add", "."]);
        git(&ws, &["commit", "-q", "-m", branch]);
    }
    let script = r#"echo "run: $(grep -c '' "$BD_CHANGED_FILES")""#;
    let watcher = Watcher::start(&sandbox, &["--no-initial"], script);
    git(&ws, &["checkout", "-q", "one"]);
    assert_eq!(watcher.ran(), format!("run: {FILES}"));
    watcher.await_word("300 files changed: ");
    write(&sandbox, "marker", "x");
    assert_eq!(watcher.ran(), "run: 1");
    watcher.end();
    assert_eq!(endings(&sandbox), ["ok", "ok"]);
}
