//! A watchman of our own, asked in JSON on its socket: nobody else's is touched.

use crate::skipped;
use bd_tests::eventually;
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// See the [module](self).
pub(crate) struct Watchman {
    dir: PathBuf,
    server: Child,
    socket: BufReader<UnixStream>,
}

impl Watchman {
    /// Starts one that keeps its state in `dir`; `None`, with a line that says so, where there is
    /// no such program.
    pub(crate) fn start(dir: &Path) -> Option<Self> {
        let socket = dir.join("wm.sock");
        let mut command = Command::new("watchman");
        command.arg("--foreground").arg(format!("--sockname={}", socket.display()));
        for (option, name) in
            [("logfile", "wm.log"), ("statefile", "wm.state"), ("pidfile", "wm.pid")]
        {
            command.arg(format!("--{option}={}", dir.join(name).display()));
        }
        command.env("HOME", dir).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let Ok(server) = command.spawn() else {
            skipped("watchman", "it is not installed");
            return None;
        };
        let mut stream = None;
        eventually("watchman listens", || {
            stream = UnixStream::connect(&socket).ok();
            stream.is_some()
        });
        let socket = BufReader::new(stream.expect("BUG: not connected"));
        Some(Self { dir: dir.to_path_buf(), server, socket })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.server.id()
    }

    /// Ends it in order, and starts it again.
    pub(crate) fn restart(mut self) -> Option<Self> {
        let _ = self.ask(&json!(["shutdown-server"]));
        self.server.wait().expect("an end");
        let dir = self.dir.clone();
        std::mem::drop(self);
        Self::start(&dir)
    }

    pub(crate) fn ask(&mut self, request: &Value) -> Value {
        // In one piece: watchman guesses the encoding by what it reads first.
        let line = format!("{request}\n");
        self.socket.get_mut().write_all(line.as_bytes()).expect("a watchman that reads");
        let mut line = String::new();
        self.socket.read_line(&mut line).expect("a watchman that answers");
        let answer: Value = serde_json::from_str(&line).expect("JSON");
        assert!(answer.get("error").is_none(), "{request}: {answer}");
        answer
    }

    /// Begins to watch a root.
    pub(crate) fn watch(&mut self, root: &Path) {
        self.ask(&json!(["watch", root]));
    }

    /// A clock after everything written before the call.
    pub(crate) fn clock(&mut self, root: &Path) -> String {
        let answer = self.ask(&json!(["clock", root, { "sync_timeout": 60_000 }]));
        answer["clock"].as_str().expect("a clock").to_owned()
    }

    /// The names that changed since, likewise; and the clock for the next question.
    pub(crate) fn since(&mut self, root: &Path, clock: &str) -> (Value, String) {
        let query = json!({ "since": clock, "fields": ["name"] });
        let mut answer = self.ask(&json!(["query", root, query]));
        let clock = answer["clock"].as_str().expect("a clock").to_owned();
        (answer["files"].take(), clock)
    }
}

impl Drop for Watchman {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}
