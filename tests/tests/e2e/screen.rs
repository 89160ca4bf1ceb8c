//! What somebody sees who runs `bdctl watch` in a terminal of their own.

use bd_tests::{ClientProcess, Sandbox, eventually};
use nix::pty::openpty;
use std::fs::{self, File};
use std::io::Read as _;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;

const CLEARED: &str = "\x1b[H\x1b[2J";
const RUNG: &str = "\x07";

/// A terminal, and a command in it, until it is dropped.
struct Terminal {
    shown: Arc<Mutex<String>>,
    client: ClientProcess,
}

impl Terminal {
    fn with(mut command: Command) -> Self {
        let ends = openpty(None, None).expect("a terminal");
        let own = || Stdio::from(ends.slave.try_clone().expect("a descriptor"));
        command.stdin(own()).stdout(own()).stderr(own());
        let client = ClientProcess(command.spawn().expect("bdctl starts"));
        let shown = Arc::new(Mutex::new(String::new()));
        let (mut from, to) = (File::from(ends.master), shown.clone());
        // Ends with whoever has the other end.
        thread::spawn(move || {
            let mut buffer = [0; 1024];
            while let Ok(count @ 1..) = from.read(&mut buffer) {
                let text = String::from_utf8_lossy(&buffer[..count]);
                to.lock().expect("a reader").push_str(&text);
            }
        });
        Self { shown, client }
    }

    fn shown(&self) -> String {
        self.shown.lock().expect("a reader").clone()
    }

    fn await_times(&self, what: &str, times: usize) {
        eventually(&format!("it shows {what:?} {times} times"), || {
            self.shown().matches(what).count() == times
        });
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.client.0.kill();
        let _ = self.client.0.wait();
    }
}

fn watch(sandbox: &Sandbox, term: &str, options: &[&str]) -> Terminal {
    let script = ["--", "sh", "-c", "echo it ran"];
    let mut command = sandbox.bdctl([&["watch"], options, &script].concat());
    command.env("TERM", term);
    Terminal::with(command)
}

#[test]
fn it_is_cleared_before_each_run_and_rings_after_it() {
    let sandbox = Sandbox::new();
    let terminal = watch(&sandbox, "xterm", &["--clear", "--notify"]);
    for (times, text) in [(1, "1"), (2, "2"), (3, "3")] {
        terminal.await_times(RUNG, times);
        let shown = terminal.shown();
        let runs: Vec<&str> = shown.split(CLEARED).skip(1).collect();
        assert_eq!(runs.len(), times, "{shown:?}");
        let order = ["it ran", "\x1b]9;bd: sh -c 'echo it ran': ", RUNG]
            .map(|what| runs[times - 1].find(what));
        assert!(order.is_sorted() && order[0].is_some(), "{order:?}: {shown:?}");
        fs::write(sandbox.workspace().join("file"), text).expect("a save");
    }
}

#[test]
fn it_stays_as_it_is_when_nobody_asks_for_more() {
    let sandbox = Sandbox::new();
    let terminal = watch(&sandbox, "xterm", &[]);
    terminal.await_times("it ran", 1);
    fs::write(sandbox.workspace().join("file"), "saved").expect("a save");
    terminal.await_times("it ran", 2);
    let shown = terminal.shown();
    assert!(!shown.contains(CLEARED) && !shown.contains(RUNG), "{shown:?}");
}

#[test]
fn one_that_knows_no_sequences_rings_and_is_not_cleared() {
    let sandbox = Sandbox::new();
    let terminal = watch(&sandbox, "dumb", &["--clear", "--notify", "--color", "never"]);
    terminal.await_times(RUNG, 1);
    assert!(!terminal.shown().contains('\x1b'), "{:?}", terminal.shown());
}
