//! Rule 3: an operation, then a question: the answer covers the operation, every time, whoever
//! did it. An answer that is late by one event is caught at the next question at the latest, since
//! each is compared with a full walk.

use crate::fixture::{Fixture, write};
use bd_tests::rng::Rng;
use std::fs::{self, Permissions};
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

const ROUNDS: u64 = 20_000;

/// One question in so many is for all that changed since the last one.
const TOLD: u64 = 4;

/// A shell that does one thing after the other and says when it is done.
struct Shell {
    child: Child,
    to: Option<ChildStdin>,
    from: BufReader<ChildStdout>,
}

impl Shell {
    fn new(dir: &Path) -> Self {
        let mut command = Command::new("sh");
        command.current_dir(dir).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("sh starts");
        let to = child.stdin.take();
        let from = BufReader::new(child.stdout.take().expect("a pipe"));
        Self { child, to, from }
    }

    fn run(&mut self, text: &str) {
        let to = self.to.as_mut().expect("a pipe");
        writeln!(to, "{text}; echo done").and_then(|()| to.flush()).expect("a shell that reads");
        let mut line = String::new();
        self.from.read_line(&mut line).expect("a shell that answers");
        assert_eq!(line, "done\n", "{text}");
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        drop(self.to.take());
        let _ = self.child.wait();
    }
}

/// One thing of many kinds, on few names, so that they meet. What can not be done is not done.
fn act(root: &Path, shell: &mut Shell, rng: &mut Rng, round: u64) {
    let (a, b) = (rng.below(6), rng.below(6));
    let (file, other) = (root.join(format!("f{a}")), root.join(format!("f{b}")));
    let (dir, other_dir) = (root.join(format!("d{a}")), root.join(format!("d{b}")));
    let _ = match rng.below(16) {
        0..=2 => fs::write(&file, format!("{round}")),
        3 => fs::rename(&file, &other),
        4 => fs::remove_file(&file),
        5 => fs::create_dir(&dir).and_then(|()| fs::write(dir.join("x"), format!("{round}"))),
        6 => fs::create_dir_all(dir.join("in/ner")),
        7 => fs::write(dir.join("in/ner/y"), format!("{round}")),
        8 => fs::rename(&dir, &other_dir),
        9 => fs::remove_dir_all(&dir),
        10 => {
            let mode = if rng.one_in(2) { 0o755 } else { 0o644 };
            fs::set_permissions(&file, Permissions::from_mode(mode))
        }
        11 => symlink(format!("f{b}"), dir.join(format!("l{a}"))),
        12 => fs::rename(&file, dir.join(format!("f{b}"))),
        13 => fs::copy(&file, &other).map(drop),
        14 => {
            shell.run(&format!("echo {round} 2>&- >f{a}"));
            Ok(())
        }
        _ => {
            // Whole processes are dear, and one in sixteen is enough of them.
            let text = match rng.below(5) {
                0 => format!("mv -f f{a} f{b}"),
                1 => format!("mkdir -p d{a}/in/ner && echo {round} >d{a}/in/ner/z"),
                2 => format!("chmod u+x f{a}"),
                3 => format!("rm -rf d{a}"),
                _ => format!("mv -T d{a} d{b} && echo {round} >d{b}/moved"),
            };
            shell.run(&format!("{{ {text}; }} 2>/dev/null"));
            Ok(())
        }
    };
}

#[test]
fn twenty_thousand_operations_by_several_processes_are_each_seen_by_the_next_question() {
    let mut fixture = Fixture::with(&["f0", "f1", "d0/x", "d1/in/ner/y"]);
    let mut shell = Shell::new(fixture.root());
    let (mut rng, root) = (Rng::new(3), fixture.root().to_path_buf());
    for round in 0..ROUNDS {
        if rng.one_in(TOLD) {
            fixture.step(|root| act(root, &mut shell, &mut rng, round));
        } else {
            act(&root, &mut shell, &mut rng, round);
            let compared = fixture.compare();
            assert!(compared.is_ok(), "round {round}: {compared:?}");
        }
    }
}

#[test]
fn questions_from_several_sides_have_each_seen_what_was_written_before_them() {
    // Each thread has a file and a source of its own below one root.
    let fixture = Fixture::with(&["start"]);
    let root = fixture.root();
    std::thread::scope(|scope| {
        for thread in 0..3 {
            scope.spawn(move || {
                let mine = root.join(format!("mine{thread}"));
                let mut watched = bd_tests::Watched::new(root);
                let mut clock = watched.clock();
                for round in 0..300 {
                    write(&mine, &format!("{round:04}"));
                    let reported = watched.since(clock);
                    let name = format!("mine{thread}");
                    let named =
                        reported.changes.iter().any(|change| change.path == Path::new(&name));
                    assert!(named, "{round}: {reported:?}");
                    clock = reported.clock;
                }
            });
        }
    });
}
