//! A fake daemon: it holds the lock and the socket of a home and answers as the test says, so that
//! bdctl meets daemons of other versions.

use crate::Sandbox;
use bd_protocol::frame;
use nix::sys::socket::{Shutdown, shutdown};
use serde_json::{Value, json};
use std::fs::{DirBuilder, File};
use std::io::Write as _;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::DirBuilderExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

/// Largest frame that it reads.
const MOST_BYTES: usize = 8 << 20;

/// How a fake daemon behaves.
pub struct FakeBehavior {
    /// Its product version.
    pub version: &'static str,
    /// Oldest and newest protocol it speaks.
    pub protocol: (u32, u32),
    /// Whether it says that it has nothing to do, and ends when it is asked to end when idle.
    pub idle: bool,
    /// Further fields of its welcome, which today's daemon does not send: an object.
    pub more: Value,
    /// What it answers to the call of a request: a reply without its id.
    pub answer: fn(&Value) -> Value,
    /// The frames it sends to subscribers.
    pub events: Vec<Vec<u8>>,
}

/// See the [module](self). Ends on drop.
pub struct FakeDaemon {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    behavior: FakeBehavior,
    listener: UnixListener,
    state: Mutex<FakeState>,
}

struct FakeState {
    /// First frames of all connections.
    first_frames: Vec<Value>,
    /// Held while it lives.
    lock: Option<File>,
}

impl FakeDaemon {
    /// A daemon that behaves so, in a sandbox that has none.
    ///
    /// # Panics
    ///
    /// When there is one already.
    #[must_use]
    pub fn start(sandbox: &Sandbox, behavior: FakeBehavior) -> Self {
        let run = sandbox.home().join("run");
        DirBuilder::new().recursive(true).mode(0o700).create(&run).expect("a home");
        let mut lock = File::create(run.join("bdd.lock")).expect("a lock");
        lock.try_lock().expect("no other daemon");
        // Of no process: should bdctl want to kill it, it finds nobody.
        writeln!(lock, "{}", i32::MAX).expect("a pid");
        let listener = UnixListener::bind(sandbox.socket()).expect("a socket");
        let state = Mutex::new(FakeState { first_frames: Vec::new(), lock: Some(lock) });
        let shared = Arc::new(Shared { behavior, listener, state });
        let serving = shared.clone();
        let thread = std::thread::spawn(move || {
            // Taking connections fails when the listener is shut down.
            while let Ok((stream, _)) = serving.listener.accept() {
                let serving = serving.clone();
                std::thread::spawn(move || serving.serve(stream));
            }
        });
        Self { shared, thread: Some(thread) }
    }

    /// How many connections began like this: `hello` or `shutdown`.
    #[must_use]
    pub fn connections(&self, word: &str) -> usize {
        self.shared.state().first_frames.iter().filter(|first| first["bd"] == word).count()
    }

    /// Whether it has not ended.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        self.shared.state().lock.is_some()
    }
}

impl Drop for FakeDaemon {
    fn drop(&mut self) {
        self.shared.end();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, FakeState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn end(&self) {
        let _ = shutdown(self.listener.as_raw_fd(), Shutdown::Both);
        drop(self.state().lock.take());
    }

    /// Serves one connection for as long as the peer is connected and valid.
    fn serve(&self, mut stream: UnixStream) -> Option<()> {
        let hello = read(&mut stream)?;
        self.state().first_frames.push(hello.clone());
        if hello["bd"] == "shutdown" {
            if self.behavior.idle || hello["when"] == "now" {
                write(&mut stream, &json!({ "bd": "ending" }))?;
                self.end();
            } else {
                write(&mut stream, &self.refusal("busy", "builds are running"))?;
            }
            return Some(());
        }
        let (min, max) = self.behavior.protocol;
        let theirs = |end: &str| hello["protocol"][end].as_u64();
        if theirs("min")? > max.into() || theirs("max")? < min.into() {
            write(&mut stream, &self.refusal("protocol_mismatch", "we share no protocol"))?;
            return Some(());
        }
        write(&mut stream, &self.welcome())?;
        match hello["channel"].as_str()? {
            "control" => loop {
                let request = read(&mut stream)?;
                let mut reply = (self.behavior.answer)(&request["call"]);
                reply["id"] = request["id"].clone();
                write(&mut stream, &reply)?;
            },
            _ => {
                read(&mut stream)?;
                for frame in &self.behavior.events {
                    frame::write(&mut stream, frame).ok()?;
                }
                // Until the peer hangs up.
                while read(&mut stream).is_some() {}
            }
        }
        Some(())
    }

    fn welcome(&self) -> Value {
        let mut welcome = json!({
            "bd": "welcome",
            "protocol": 1,
            "version": self.behavior.version,
            "pid": 1,
            "connection": 1,
            "idle": self.behavior.idle,
        });
        let more = self.behavior.more.as_object().cloned().unwrap_or_default();
        welcome.as_object_mut().expect("an object").extend(more);
        welcome
    }

    fn refusal(&self, code: &str, message: &str) -> Value {
        let (min, max) = self.behavior.protocol;
        json!({
            "bd": "refused",
            "failure": { "code": code, "tier": "environment", "message": message, "hint": null },
            "protocol": { "min": min, "max": max },
            "version": self.behavior.version,
        })
    }
}

fn read(stream: &mut UnixStream) -> Option<Value> {
    let mut buffer = Vec::new();
    frame::read(stream, MOST_BYTES, &mut buffer).ok()?.then_some(())?;
    serde_json::from_slice(&buffer).ok()
}

fn write(stream: &mut UnixStream, message: &Value) -> Option<()> {
    frame::write(stream, message.to_string().as_bytes()).ok()
}
