//! A daemon that only knows the wire: says what the test tells it to say and notes what it hears.

use bd_protocol::envelope::{RawRequest, Reply};
use bd_protocol::events::{self, Kind, Subscribe};
use bd_protocol::hello::{Channel, ClientHello, OUR_RANGE, PRODUCT_VERSION, ServerHello};
use bd_protocol::rendezvous::Home;
use bd_protocol::service::{BdRequest, BdResponse};
use bd_protocol::submit::Submitted;
use bd_protocol::{
    Build, BuildState, Failure, Outcome, OutcomeSource, OutcomeStatus, Priority, frame, limits,
};
use std::io::Write as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A home for one test.
pub(crate) struct Place {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) home: Home,
}

impl Place {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::under(dir.path().join("home")).unwrap();
        home.prepare().unwrap();
        Self { dir, home }
    }

    /// `bdctl` with a clean environment.
    pub(crate) fn bdctl(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bdctl"));
        command
            .args(args)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("BD_HOME", self.dir.path().join("home"))
            .env("BD_NO_AUTOSTART", "1")
            .stdin(Stdio::null());
        command
    }

    pub(crate) fn run(&self, args: &[&str]) -> Output {
        self.bdctl(args).output().unwrap()
    }
}

type Answer = dyn Fn(BdRequest) -> Result<BdResponse, Failure> + Send + Sync;
type Tell = dyn Fn(Subscribe, &mut Events) + Send + Sync;

/// How a fake behaves.
#[derive(Clone)]
pub(crate) struct Script {
    pub(crate) version: String,
    pub(crate) idle: bool,
    /// Refuses every hello with this.
    pub(crate) refuse: Option<Failure>,
    /// Refuses to end when asked to end when idle.
    pub(crate) busy: bool,
    pub(crate) answer: Arc<Answer>,
    pub(crate) events: Arc<Tell>,
}

impl Default for Script {
    fn default() -> Self {
        Self {
            version: PRODUCT_VERSION.to_owned(),
            idle: true,
            refuse: None,
            busy: false,
            answer: Arc::new(|request| Ok(usual_answer(&request))),
            events: Arc::new(|_, _| {}),
        }
    }
}

/// One build, everything it is asked for.
fn usual_answer(request: &BdRequest) -> BdResponse {
    match request {
        BdRequest::Submit { .. } => BdResponse::Submit(Ok(Submitted { build: "b1".into() })),
        BdRequest::Build { .. } => BdResponse::Build(Ok(build(None))),
        BdRequest::Cancel { .. } => BdResponse::Cancel(Ok(build(Some((Some(0), None))))),
        BdRequest::Detach { .. } => BdResponse::Detach(Ok(())),
        BdRequest::History { .. } => BdResponse::History(Ok(vec![build(Some((Some(3), None)))])),
        BdRequest::Resize { .. } => BdResponse::Resize(Ok(())),
        _ => BdResponse::NotUnderstood(Err(Failure::user("unsupported", "not by this fake"))),
    }
}

/// A build that runs, or has ended with a code or a signal.
pub(crate) fn build(end: Option<(Option<i32>, Option<i32>)>) -> Build {
    Build {
        id: "b1".into(),
        state: if end.is_some() { BuildState::Ended } else { BuildState::Running },
        command: vec!["true".into()],
        tasks: Vec::new(),
        cwd: "/".into(),
        session: "user".parse().unwrap(),
        priority: Priority::User,
        submitted_at: "2026-11-21T06:00:00Z".into(),
        started_at: Some("2026-11-21T06:00:00Z".into()),
        ended_at: end.map(|_| "2026-11-21T06:00:01Z".into()),
        wait: None,
        joined: None,
        execution: Some("e1".into()),
        join_reason: Some("it writes nothing that is shared".into()),
        apart: None,
        estimate_ms: None,
        one_stream: false,
        colored: false,
        outcome: end.map(|(exit_code, signal)| Outcome {
            status: if exit_code == Some(0) { OutcomeStatus::Ok } else { OutcomeStatus::Failed },
            exit_code,
            signal,
            inputs_moved: None,
            duration_ms: Some(1000),
            cpu_ms: Some(1),
            peak_rss_bytes: Some(1),
            source: OutcomeSource::Executed,
            message: None,
        }),
    }
}

/// The daemon's end of an events channel.
pub(crate) struct Events {
    stream: UnixStream,
    position: u64,
    /// What was heard by the whole fake, to wait for.
    heard: Arc<Mutex<Vec<String>>>,
}

impl Events {
    pub(crate) fn output(&mut self, kind: Kind, bytes: &[u8]) {
        self.record(kind, self.position, bytes);
        self.position += bytes.len() as u64;
    }

    pub(crate) fn record(&mut self, kind: Kind, position: u64, bytes: &[u8]) {
        let mut records = Vec::new();
        events::push(&mut records, kind, position, bytes);
        let _ = frame::write(&mut self.stream, &records);
    }

    pub(crate) fn build(&mut self, build: &Build) {
        self.record(Kind::Build, 1, &serde_json::to_vec(build).unwrap());
    }

    pub(crate) fn end(&mut self, exit_code: Option<i32>, signal: Option<i32>) {
        self.build(&build(Some((exit_code, signal))));
        self.record(Kind::Done, 0, b"");
    }

    /// Until something was asked of any channel that contains `text`.
    pub(crate) fn wait_for(&self, text: &str) {
        for _ in 0..2000 {
            if self.heard.lock().unwrap().iter().any(|heard| heard.contains(text)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        panic!("nobody said {text:?}");
    }
}

/// A listening fake; it ends with the test.
pub(crate) struct Fake {
    heard: Arc<Mutex<Vec<String>>>,
    ended: Receiver<()>,
}

impl Fake {
    pub(crate) fn start(place: &Place, script: Script) -> Self {
        let socket = place.home.socket();
        Self::serve(UnixListener::bind(&socket).unwrap(), Some(socket), script)
    }

    /// Serves from an own thread; `socket` is removed at the end.
    pub(crate) fn serve(listener: UnixListener, socket: Option<PathBuf>, script: Script) -> Self {
        let heard = Arc::new(Mutex::new(Vec::new()));
        let (end, ended) = channel();
        let all = heard.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (script, heard, end) = (script.clone(), all.clone(), end.clone());
                let socket = socket.clone();
                std::thread::spawn(move || {
                    converse(stream, &script, &heard, &end, socket.as_deref());
                });
            }
        });
        Self { heard, ended }
    }

    /// Everything that was said to it, as JSON.
    pub(crate) fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap().clone()
    }

    /// Until it was asked to end.
    pub(crate) fn wait_for_end(&self, patience: Duration) -> bool {
        self.ended.recv_timeout(patience).is_ok()
    }
}

fn converse(
    mut stream: UnixStream,
    script: &Script,
    heard: &Arc<Mutex<Vec<String>>>,
    end: &Sender<()>,
    socket: Option<&Path>,
) {
    let mut buffer = Vec::new();
    if !matches!(frame::read(&mut stream, limits::HELLO_MAX_BYTES, &mut buffer), Ok(true)) {
        return;
    }
    heard.lock().unwrap().push(String::from_utf8(buffer.clone()).unwrap());
    let say = |stream: &mut UnixStream, hello: &ServerHello| {
        frame::write(stream, &serde_json::to_vec(hello).unwrap()).unwrap();
    };
    let refused = |failure: Failure| ServerHello::Refused {
        failure,
        protocol: OUR_RANGE,
        version: script.version.clone(),
    };
    let channel = match serde_json::from_slice(&buffer).unwrap() {
        ClientHello::Shutdown { .. } if script.busy => {
            return say(&mut stream, &refused(Failure::environment("busy", "builds are running")));
        }
        ClientHello::Shutdown { .. } => {
            say(&mut stream, &ServerHello::Ending);
            if let Some(socket) = socket {
                let _ = std::fs::remove_file(socket);
            }
            let _ = end.send(());
            return;
        }
        ClientHello::Hello { channel, .. } => channel,
    };
    if let Some(failure) = &script.refuse {
        return say(&mut stream, &refused(failure.clone()));
    }
    let welcome = ServerHello::Welcome {
        protocol: 1,
        version: script.version.clone(),
        pid: std::process::id(),
        connection: 1,
        idle: script.idle,
        capabilities: Vec::new(),
    };
    say(&mut stream, &welcome);
    let max = limits::CONTROL_MAX_BYTES;
    while let Ok(true) = frame::read(&mut stream, max, &mut buffer) {
        heard.lock().unwrap().push(String::from_utf8_lossy(&buffer).into_owned());
        match channel {
            Channel::Events => {
                let subscribe = serde_json::from_slice(&buffer).unwrap();
                let mut events = Events { stream, position: 0, heard: heard.clone() };
                return (script.events)(subscribe, &mut events);
            }
            Channel::Input => {}
            Channel::Control => {
                let raw: RawRequest<'_> = serde_json::from_slice(&buffer).unwrap();
                let request = serde_json::from_str(raw.call.unwrap().get()).unwrap();
                let reply = match (script.answer)(request) {
                    Ok(reply) => Reply { id: raw.id, reply: Some(reply), failure: None },
                    Err(failure) => Reply { id: raw.id, reply: None, failure: Some(failure) },
                };
                let reply = serde_json::to_vec(&reply).unwrap();
                let mut bytes = Vec::new();
                frame::write(&mut bytes, &reply).unwrap();
                if stream.write_all(&bytes).is_err() {
                    return;
                }
            }
        }
    }
}
