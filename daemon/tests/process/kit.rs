//! Starts attempts under the real supervisor, collects their events and output, and finds their
//! processes without the help of the code under test.

use bd_daemon::process::{
    self, AttemptEnd, AttemptEvent, AttemptHandle, Launch, OutputSink, OutputStream,
};
use nix::unistd::Pid;
use std::ffi::OsStr;
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

/// Far more than anything here takes; a test that reaches it has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Default)]
pub(crate) struct Collected {
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: Vec<u8>,
    pub(crate) finished: bool,
}

#[derive(Clone, Default)]
pub(crate) struct Collector(pub(crate) Arc<(Mutex<Collected>, Condvar)>);

impl OutputSink for Collector {
    fn append(&mut self, stream: OutputStream, bytes: &[u8]) {
        let mut collected = self.0.0.lock().unwrap();
        match stream {
            OutputStream::Stdout | OutputStream::Both => collected.stdout.extend_from_slice(bytes),
            OutputStream::Stderr => collected.stderr.extend_from_slice(bytes),
        }
        self.0.1.notify_all();
    }

    fn finish(&mut self) {
        self.0.0.lock().unwrap().finished = true;
        self.0.1.notify_all();
    }
}

pub(crate) struct Attempt {
    pub(crate) handle: AttemptHandle,
    pub(crate) reports: Receiver<AttemptEvent>,
    pub(crate) output: Collector,
    pub(crate) marker: String,
}

pub(crate) fn command<S: AsRef<OsStr>>(argv: impl IntoIterator<Item = S>) -> Launch {
    static NEXT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    let number = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    Launch {
        argv: argv.into_iter().map(|argument| argument.as_ref().to_owned()).collect(),
        cwd: "/".into(),
        environment: vec![("PATH".into(), std::env::var_os("PATH").unwrap())],
        umask: None,
        nofile: None,
        state: None,
        descriptors: Vec::new(),
        stdin: None,
        one_stream: false,
        terminal: None,
        marker: format!("test-{}-{number}", std::process::id()),
    }
}

pub(crate) fn shell(script: &str) -> Launch {
    command(["bash", "-c", script])
}

pub(crate) fn start_with(launch: Launch, sink: Box<dyn OutputSink>, output: Collector) -> Attempt {
    let (send, reports) = channel();
    let marker = launch.marker.clone();
    let program = Path::new(env!("CARGO_BIN_EXE_bdd"));
    let report = move |report| drop(send.send(report));
    let handle = process::start(program, launch, sink, report).unwrap();
    Attempt { handle, reports, output, marker }
}

pub(crate) fn start(launch: Launch) -> Attempt {
    let output = Collector::default();
    start_with(launch, Box::new(output.clone()), output)
}

impl Attempt {
    pub(crate) fn started(&self) -> Pid {
        match self.reports.recv_timeout(PATIENCE) {
            Ok(AttemptEvent::Started { pid }) => Pid::from_raw(pid.cast_signed()),
            other => panic!("expected the start: {other:?}"),
        }
    }

    /// The end, with stdout and stderr; and no process that was ever marked is alive.
    pub(crate) fn end(&self) -> (AttemptEnd, Vec<u8>, Vec<u8>) {
        loop {
            if let AttemptEvent::Ended(ended) = self.reports.recv_timeout(PATIENCE).expect("an end")
            {
                let mut output = self.output.0.0.lock().unwrap();
                assert!(output.finished, "the sink is finished before the end is reported");
                assert_eq!(marked(&self.marker), [0; 0], "survivors");
                let closed = self.reports.recv_timeout(PATIENCE);
                assert_eq!(closed, Err(RecvTimeoutError::Disconnected), "the end is the last");
                let stdout = std::mem::take(&mut output.stdout);
                return (ended, stdout, std::mem::take(&mut output.stderr));
            }
        }
    }

    /// Waits until stdout holds this many lines, and returns it.
    pub(crate) fn lines(&self, count: usize) -> Vec<String> {
        let (output, changed) = &*self.output.0;
        let few = |output: &mut Collected| {
            output.stdout.iter().filter(|&&byte| byte == b'\n').count() < count
        };
        let (output, timeout) =
            changed.wait_timeout_while(output.lock().unwrap(), PATIENCE, few).unwrap();
        assert!(!timeout.timed_out(), "{:?}", String::from_utf8_lossy(&output.stdout));
        String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect()
    }

    pub(crate) fn supervisor(&self, command: Pid) -> Pid {
        let stat = std::fs::read_to_string(format!("/proc/{command}/stat")).unwrap();
        Pid::from_raw(stat.rsplit_once(") ").unwrap().1.split(' ').nth(1).unwrap().parse().unwrap())
    }
}

pub(crate) fn run(launch: Launch) -> (AttemptEnd, Vec<u8>, Vec<u8>) {
    start(launch).end()
}

/// Processes with this marker, by the test's own means.
pub(crate) fn marked(marker: &str) -> Vec<i32> {
    let wanted = format!("BD_ATTEMPT={marker}");
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    processes
        .filter_map(|entry| {
            let pid = entry.file_name().to_str()?.parse().ok()?;
            let environment = std::fs::read(entry.path().join("environ")).ok()?;
            environment.split(|&byte| byte == 0).any(|one| one == wanted.as_bytes()).then_some(pid)
        })
        .collect()
}

pub(crate) fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < PATIENCE, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Prints `ready N` once each of its processes has: plain child, own session, double fork with
/// TERM ignored, a stopped one, and one that ignores everything it can.
pub(crate) const STUBBORN_TREE: &str = r#"
trap '' TERM
sleep 1000 & echo ready
setsid bash -c 'trap "" TERM HUP INT; echo ready; while :; do sleep 1000; done' &
(setsid bash -c 'trap "" TERM HUP; (trap "" TERM HUP; echo ready; while :; do sleep 1000; done) & exit' &)
bash -c 'echo ready; kill -STOP $$; sleep 1000' &
while :; do sleep 1000; done
"#;
