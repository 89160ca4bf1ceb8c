//! Attempts as the daemon runs them: the real supervisor, real commands, real signals.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::ffi::{OsStr, OsString};
use std::io::{Read, Write};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use bd_daemon::process::{
    self, Ended, Exit, Launch, OutputSink, Report, Running, Stream, TerminalSize, sweep,
};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// Far more than anything here takes; a test that reaches it has failed.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Default)]
struct Collected {
    stdout: Vec<u8>,
    stderr: Vec<u8>,
    finished: bool,
}

#[derive(Clone, Default)]
struct Collector(Arc<(Mutex<Collected>, Condvar)>);

impl OutputSink for Collector {
    fn append(&mut self, stream: Stream, bytes: &[u8]) {
        let mut collected = self.0.0.lock().unwrap();
        match stream {
            Stream::Stdout => collected.stdout.extend_from_slice(bytes),
            Stream::Stderr => collected.stderr.extend_from_slice(bytes),
        }
        self.0.1.notify_all();
    }

    fn finish(&mut self) {
        self.0.0.lock().unwrap().finished = true;
        self.0.1.notify_all();
    }
}

struct Attempt {
    running: Running,
    reports: Receiver<Report>,
    output: Collector,
    marker: String,
}

fn command<S: AsRef<OsStr>>(argv: impl IntoIterator<Item = S>) -> Launch {
    static NEXT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    let number = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    Launch {
        argv: argv.into_iter().map(|argument| argument.as_ref().to_owned()).collect(),
        cwd: "/".into(),
        environment: vec![("PATH".into(), std::env::var_os("PATH").unwrap())],
        umask: None,
        nofile: None,
        stdin: None,
        terminal: None,
        marker: format!("test-{}-{number}", std::process::id()),
    }
}

fn shell(script: &str) -> Launch {
    command(["bash", "-c", script])
}

fn start_with(launch: Launch, sink: Box<dyn OutputSink>, output: Collector) -> Attempt {
    let (tell, reports) = channel();
    let marker = launch.marker.clone();
    let program = Path::new(env!("CARGO_BIN_EXE_bdd"));
    let report = move |report| drop(tell.send(report));
    let running = process::start(program, launch, sink, report).unwrap();
    Attempt { running, reports, output, marker }
}

fn start(launch: Launch) -> Attempt {
    let output = Collector::default();
    start_with(launch, Box::new(output.clone()), output)
}

impl Attempt {
    fn started(&self) -> Pid {
        match self.reports.recv_timeout(PATIENCE) {
            Ok(Report::Started { pid }) => Pid::from_raw(pid.cast_signed()),
            other => panic!("expected the start: {other:?}"),
        }
    }

    /// The end, with stdout and stderr; and no process that was ever marked is alive.
    fn end(&self) -> (Ended, Vec<u8>, Vec<u8>) {
        loop {
            if let Report::Ended(ended) = self.reports.recv_timeout(PATIENCE).expect("an end") {
                let mut output = self.output.0.0.lock().unwrap();
                assert!(output.finished, "the sink is finished before the end is told");
                assert_eq!(marked(&self.marker), [0; 0], "survivors");
                let closed = self.reports.recv_timeout(PATIENCE);
                assert_eq!(closed, Err(RecvTimeoutError::Disconnected), "the end is the last");
                let stdout = std::mem::take(&mut output.stdout);
                return (ended, stdout, std::mem::take(&mut output.stderr));
            }
        }
    }

    /// Waits until stdout holds this many lines, and returns it.
    fn lines(&self, count: usize) -> Vec<String> {
        let (output, changed) = &*self.output.0;
        let few = |output: &mut Collected| {
            output.stdout.iter().filter(|&&byte| byte == b'\n').count() < count
        };
        let (output, timeout) =
            changed.wait_timeout_while(output.lock().unwrap(), PATIENCE, few).unwrap();
        assert!(!timeout.timed_out(), "{:?}", String::from_utf8_lossy(&output.stdout));
        String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect()
    }

    fn supervisor(&self, command: Pid) -> Pid {
        let stat = std::fs::read_to_string(format!("/proc/{command}/stat")).unwrap();
        Pid::from_raw(stat.rsplit_once(") ").unwrap().1.split(' ').nth(1).unwrap().parse().unwrap())
    }
}

fn run(launch: Launch) -> (Ended, Vec<u8>, Vec<u8>) {
    start(launch).end()
}

/// Processes with this marker, by the test's own means.
fn marked(marker: &str) -> Vec<i32> {
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

fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < PATIENCE, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Prints `ready N` once each of its processes has: plain child, own session, double fork with
/// TERM ignored, a stopped one, and one that ignores everything it can.
const FAMILY: &str = r#"
trap '' TERM
sleep 1000 & echo ready
setsid bash -c 'trap "" TERM HUP INT; echo ready; while :; do sleep 1000; done' &
(setsid bash -c 'trap "" TERM HUP; (trap "" TERM HUP; echo ready; while :; do sleep 1000; done) & exit' &)
bash -c 'echo ready; kill -STOP $$; sleep 1000' &
while :; do sleep 1000; done
"#;

#[test]
fn exit_codes_and_signals_are_those_of_the_command() {
    for (script, exit) in [
        ("exit 0", Exit::Code(0)),
        ("exit 3", Exit::Code(3)),
        ("exit 255", Exit::Code(255)),
        ("kill -9 $$", Exit::Signal(9)),
        ("kill -TERM $$", Exit::Signal(15)),
        ("kill -SEGV $$", Exit::Signal(11)),
        ("kill -40 $$", Exit::Signal(40)),
    ] {
        assert_eq!(run(shell(script)).0.exit, exit, "{script}");
    }
}

#[test]
fn programs_are_looked_up_as_a_shell_does() {
    let dir = tempfile::tempdir().unwrap();
    let script = |name: &str, text: &str, mode: u32| {
        std::fs::write(dir.path().join(name), text).unwrap();
        let mode = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(dir.path().join(name), mode).unwrap();
    };
    script("plain", "echo plain ran", 0o755);
    script("mute", "echo no", 0o644);
    script("lost", "#!/no/such/interpreter\n", 0o755);
    std::fs::create_dir(dir.path().join("folder")).unwrap();
    let in_dir = |program: &str, path: &str| {
        let mut launch = command([program]);
        launch.cwd = dir.path().into();
        launch.environment = vec![("PATH".into(), path.into())];
        run(launch)
    };
    // No `#!`: /bin/sh runs it. A relative PATH is relative to the command's directory.
    let (ended, stdout, _) = in_dir("plain", ".");
    assert_eq!((ended.exit, stdout.as_slice()), (Exit::Code(0), b"plain ran\n".as_slice()));
    assert_eq!(in_dir("./plain", "").0.exit, Exit::Code(0));
    for absent in ["no-such-program", "./absent", "./lost"] {
        let exit = in_dir(absent, "/bin").0.exit;
        assert!(
            matches!(&exit, Exit::NotFound { message } if message.contains(absent)),
            "{exit:?}"
        );
    }
    for refused in ["./mute", "./folder", "/"] {
        let exit = in_dir(refused, "/bin").0.exit;
        let named = |message: &str| message.contains(refused);
        assert!(matches!(&exit, Exit::NotExecutable { message } if named(message)), "{exit:?}");
    }
    let mut launch = command(["true"]);
    launch.cwd = "/no/such/directory".into();
    let exit = run(launch).0.exit;
    let named = |message: &str| message.contains("/no/such/directory");
    assert!(matches!(&exit, Exit::Unstartable { message } if named(message)), "{exit:?}");
}

#[test]
fn a_launch_that_makes_no_sense_is_refused() {
    let mut with_nul = command(["true"]);
    with_nul.argv.push(OsString::from_vec(vec![b'a', 0]));
    for launch in [command::<&str>([]), with_nul] {
        let sink = Box::new(Collector::default());
        let refused = process::start(Path::new("/bin/false"), launch, sink, |_| panic!("a report"));
        assert!(matches!(refused, Err(process::ExecError::InvalidLaunch(_))), "{refused:?}");
    }
}

#[test]
fn a_supervisor_that_is_not_there_or_is_another_program_is_told() {
    for (program, lost) in [("/no/such/bdd", false), ("/bin/true", true)] {
        let (tell, reports) = channel();
        let sink = Box::new(Collector::default());
        process::start(Path::new(program), command(["true"]), sink, move |report| {
            tell.send(report).unwrap();
        })
        .unwrap();
        match reports.recv_timeout(PATIENCE).unwrap() {
            Report::Ended(ended) if lost => assert_eq!(ended.exit, Exit::SupervisorLost),
            Report::Ended(ended) => {
                assert!(matches!(ended.exit, Exit::Unstartable { .. }), "{ended:?}");
            }
            started @ Report::Started { .. } => panic!("{started:?}"),
        }
    }
}

#[test]
fn stdout_and_stderr_come_apart_and_byte_for_byte() {
    let all: Vec<u8> = (0..=255).cycle().take(1_000_003).collect();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("bytes");
    std::fs::write(&path, &all).unwrap();
    let script = format!("cat {0}; tac {0} >&2; cat {0}", path.display());
    let (ended, stdout, stderr) = run(shell(&script));
    assert_eq!(ended.exit, Exit::Code(0));
    assert!(stdout == [all.as_slice(), &all].concat());
    let reversed = std::process::Command::new("tac").arg(&path).output().unwrap().stdout;
    assert!(stderr == reversed);
}

#[test]
fn directory_environment_mask_and_limits_are_exact() {
    let dir = tempfile::tempdir().unwrap();
    let real = std::fs::canonicalize(dir.path()).unwrap();
    let mut launch =
        command(["sh", "-c", "pwd -P; umask; ulimit -Sn; ulimit -Hn; ls /proc/self/fd"]);
    launch.cwd = real.clone();
    launch.umask = Some(0o137);
    launch.nofile = Some((77, 99));
    // A descriptor of this process that is not closed on exec does not reach the command.
    let leaked = nix::unistd::dup(std::io::stderr()).unwrap();
    let (_, stdout, _) = run(launch);
    drop(leaked);
    let expected = format!("{}\n0137\n77\n99\n0\n1\n2\n3\n", real.display());
    assert_eq!(String::from_utf8(stdout).unwrap(), expected);

    let mut launch = command(["env", "-0"]);
    launch.environment.push(("ODD".into(), OsString::from_vec(vec![0xfe, b'\n', b'='])));
    launch.environment.push(("EMPTY".into(), OsString::new()));
    let mut expected: Vec<Vec<u8>> = launch
        .environment
        .iter()
        .map(|(name, value)| [name.as_encoded_bytes(), b"=", value.as_encoded_bytes()].concat())
        .chain([format!("BD_ATTEMPT={}", launch.marker).into_bytes()])
        .collect();
    expected.sort();
    let (_, stdout, _) = run(launch);
    let mut got: Vec<Vec<u8>> = stdout.split(|&byte| byte == 0).map(<[u8]>::to_vec).collect();
    assert_eq!(got.pop(), Some(Vec::new()));
    got.sort();
    assert_eq!(got, expected);

    // Signals that the supervisor blocks are neither blocked nor ignored in the command. (Those
    // above 31 have no use but their user's, and some environments ignore the C library's own.)
    let (_, stdout, _) = run(command(["grep", "-E", "^Sig(Blk|Ign)", "/proc/self/status"]));
    let masks: Vec<u64> = String::from_utf8(stdout)
        .unwrap()
        .lines()
        .map(|line| u64::from_str_radix(line.split_whitespace().nth(1).unwrap(), 16).unwrap())
        .collect();
    assert!(matches!(masks[..], [0, ignored] if ignored & 0x7fff_ffff == 0), "{masks:x?}");
}

#[test]
fn a_stop_leaves_nothing_of_a_tree_that_does_not_want_to_go() {
    let attempt = start(shell(FAMILY));
    attempt.lines(4);
    attempt.running.stop(Duration::from_millis(100));
    assert_eq!(attempt.end().0.exit, Exit::Signal(9));
}

#[test]
fn a_stop_gives_the_grace_and_is_over_when_the_tree_is() {
    let attempt =
        start(shell("trap 'echo bye; exit 5' TERM; echo ready; while :; do sleep 0.01; done"));
    attempt.lines(1);
    attempt.running.stop(Duration::from_secs(3600));
    let (ended, stdout, _) = attempt.end();
    assert_eq!(ended.exit, Exit::Code(5));
    assert_eq!(stdout, b"ready\nbye\n");
}

#[test]
fn a_second_stop_shortens_the_grace() {
    let attempt = start(shell("trap '' TERM; echo ready; while :; do sleep 1000; done"));
    attempt.lines(1);
    attempt.running.stop(Duration::from_secs(3600));
    attempt.running.stop(Duration::ZERO);
    assert_eq!(attempt.end().0.exit, Exit::Signal(9));
}

#[test]
fn a_storm_of_forks_is_stopped() {
    // Processes that fork and exit all the time, in sessions of their own; bounded, in case.
    let storm = r#"
        trap '' TERM
        fork() { [ $1 -gt 0 ] && { (trap '' TERM; fork $(($1 - 1))) & (fork $(($1 - 1))) & } ; sleep 1000; }
        fork 5 &
        chain() { [ $1 -gt 0 ] && (chain $(($1 - 1)) &) ; }
        setsid bash -c "$(declare -f chain); chain 2000" &
        echo ready
        fork 4"#;
    let attempt = start(shell(storm));
    attempt.lines(1);
    attempt.running.stop(Duration::ZERO);
    assert_eq!(attempt.end().0.exit, Exit::Signal(9));
}

#[test]
fn what_a_command_leaves_behind_is_ended() {
    let script = "setsid bash -c 'trap \"\" TERM; echo ready; while :; do sleep 1000; done' & \
                  (sleep 1000 &) ; read -r line < <(sleep 0.05; echo x); exit 4";
    let attempt = start(shell(script));
    let begun = Instant::now();
    let (ended, stdout, _) = attempt.end();
    assert_eq!((ended.exit, stdout.as_slice()), (Exit::Code(4), b"ready\n".as_slice()));
    assert!(begun.elapsed() < Duration::from_secs(5));
    assert!(ended.duration < begun.elapsed(), "what was left behind does not count");
}

#[test]
fn what_only_finishes_writing_is_not_disturbed() {
    let (ended, stdout, _) = run(shell("exec > >(sleep 0.03; sed 's/^/> /'); echo line"));
    assert_eq!((ended.exit, stdout.as_slice()), (Exit::Code(0), b"> line\n".as_slice()));
}

#[test]
fn a_daemon_that_dies_takes_the_tree_with_it() {
    // This process can not die for the test, so another one is the daemon: the test program
    // itself, told to run only the function below.
    let mut daemon = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "daemon_for_another_test", "--nocapture", "--include-ignored"])
        .env("EXEC_TEST_DAEMON", "1")
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdout = std::io::BufReader::new(daemon.stdout.take().unwrap());
    let marker = std::iter::repeat_with(|| {
        let mut line = String::new();
        assert!(std::io::BufRead::read_line(&mut stdout, &mut line).unwrap() > 0, "it ended");
        line
    })
    .find_map(|line| Some(line.trim().split_once("marker ")?.1.to_owned()))
    .unwrap();
    assert!(marked(&marker).len() >= 5);
    daemon.kill().unwrap();
    daemon.wait().unwrap();
    let begun = Instant::now();
    wait_until("the tree of a dead daemon ends", || marked(&marker).is_empty());
    assert!(begun.elapsed() < Duration::from_secs(1));
}

#[test]
#[ignore = "the daemon that `a_daemon_that_dies_takes_the_tree_with_it` kills"]
fn daemon_for_another_test() {
    if std::env::var_os("EXEC_TEST_DAEMON").is_none() {
        return;
    }
    let attempt = start(shell(FAMILY));
    attempt.lines(4);
    println!("marker {}", attempt.marker);
    attempt.end();
}

#[test]
fn survivors_of_a_killed_supervisor_are_swept() {
    let attempt = start(shell(FAMILY));
    let command = attempt.started();
    attempt.lines(4);
    let bystander = start(shell("echo ready; exec sleep 1000"));
    bystander.lines(1);
    kill(attempt.supervisor(command), Signal::SIGKILL).unwrap();
    assert_eq!(attempt.end().0.exit, Exit::SupervisorLost);
    // Not at once: a process that is just being replaced by another program shows no environment.
    wait_until("another attempt goes on", || !marked(&bystander.marker).is_empty());
    bystander.running.stop(Duration::ZERO);
    bystander.end();
}

#[test]
fn a_sweep_ends_what_has_the_marker_and_nothing_else() {
    let orphan = |marker: &str| {
        let mut child = std::process::Command::new("setsid")
            .args(["bash", "-c", "trap '' TERM HUP; echo ready; while :; do sleep 1000; done"])
            .env("BD_ATTEMPT", marker)
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let mut ready = [0; 6];
        child.stdout.take().unwrap().read_exact(&mut ready).unwrap();
        child
    };
    let this = std::process::id();
    let (old, new) = (format!("old{this}/1"), format!("new{this}/1"));
    let (mut swept, mut kept) = (orphan(&old), orphan(&new));
    wait_until("the shell has its child", || marked(&old).len() == 2);
    assert_eq!(sweep(|marker| marker.starts_with(&format!("old{this}/"))), 2);
    assert_eq!(marked(&old), [0; 0]);
    swept.wait().unwrap();
    assert!(kept.try_wait().unwrap().is_none());
    assert!(sweep(|marker| marker == new) >= 1);
    kept.wait().unwrap();
}

#[test]
fn a_terminal_is_one_and_has_its_size() {
    let script = "for f in 0 1 2; do test -t $f && echo tty; done; stty size; \
                  trap 'stty size; exit' WINCH; echo ready; while :; do sleep 0.01; done";
    let mut launch = shell(script);
    launch.terminal = Some(TerminalSize { rows: 30, columns: 100 });
    let attempt = start(launch);
    assert_eq!(attempt.lines(5), ["tty", "tty", "tty", "30 100", "ready"]);
    attempt.running.resize(TerminalSize { rows: 31, columns: 101 });
    let (ended, stdout, stderr) = attempt.end();
    assert_eq!(ended.exit, Exit::Code(0));
    assert!(String::from_utf8(stdout).unwrap().ends_with("ready\r\n31 101\r\n"));
    assert_eq!(stderr, b"");
}

#[test]
fn what_is_typed_into_a_terminal_is_read_up_to_its_end() {
    let mut launch = shell("stty -echo; echo ready; cat; echo end");
    launch.terminal = Some(TerminalSize { rows: 30, columns: 100 });
    let (input, mut typist) = std::io::pipe().unwrap();
    launch.stdin = Some(input.into());
    let attempt = start(launch);
    attempt.lines(1);
    typist.write_all(b"one\ntwo\nhalf").unwrap();
    drop(typist);
    let (ended, stdout, _) = attempt.end();
    assert_eq!(ended.exit, Exit::Code(0));
    assert_eq!(String::from_utf8(stdout).unwrap(), "ready\r\none\r\ntwo\r\nhalfend\r\n");
}

#[test]
fn control_c_in_a_terminal_reaches_the_foreground() {
    let mut launch = shell("echo ready; sleep 1000");
    launch.terminal = Some(TerminalSize { rows: 30, columns: 100 });
    let (input, mut typist) = std::io::pipe().unwrap();
    launch.stdin = Some(input.into());
    let attempt = start(launch);
    attempt.lines(1);
    typist.write_all(b"\x03").unwrap();
    assert_eq!(attempt.end().0.exit, Exit::Signal(2));
}

#[test]
fn forwarded_input_ends_where_it_ends_and_none_is_empty() {
    let bytes: Vec<u8> = (0..=255).cycle().take(300_000).collect();
    let mut launch = command(["cat"]);
    let (input, mut writer) = std::io::pipe().unwrap();
    launch.stdin = Some(input.into());
    let attempt = start(launch);
    writer.write_all(&bytes).unwrap();
    drop(writer);
    let (ended, stdout, _) = attempt.end();
    assert_eq!(ended.exit, Exit::Code(0));
    assert!(stdout == bytes);

    let (ended, stdout, _) = run(shell("cat; readlink /proc/self/fd/0"));
    assert_eq!((ended.exit, stdout.as_slice()), (Exit::Code(0), b"/dev/null\n".as_slice()));
}

#[test]
fn processor_time_of_grandchildren_counts() {
    let burn = "i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done";
    let script = format!("times; (bash -c '{burn}'; bash -c '{burn}; times'); times");
    let (ended, stdout, _) = run(shell(&script));
    // The last line is the shell's own account of what it waited for: `0m1.234s 0m0.012s`.
    let stdout = String::from_utf8(stdout).unwrap();
    let seconds: f64 = stdout
        .lines()
        .last()
        .unwrap()
        .split_whitespace()
        .map(|part| part.trim_start_matches("0m").trim_end_matches('s').parse::<f64>().unwrap())
        .sum();
    assert!(seconds > 0.05, "{stdout}");
    let measured = ended.cpu.as_secs_f64();
    assert!(measured >= seconds - 0.01 && measured < seconds + 0.2, "{measured} for {stdout}");
    assert!(ended.duration >= ended.cpu / 2);
}

#[test]
fn peak_memory_is_that_of_all_processes_together() {
    // Each fills 100 MiB and waits until the shell, which waits for both, lets it go.
    let hold =
        r"bash -c 'x=$(head -c 104857600 /dev/zero | tr \\0 x); echo full >&3; read -r go <&4'";
    let script = format!(
        "d=$(mktemp -d); mkfifo $d/a $d/b; exec 3<>$d/a 4<>$d/b; {hold} & {hold} & \
         read -r one <&3; read -r two <&3; sleep 0.5; echo >&4; echo >&4; wait; rm -r $d"
    );
    let (ended, _, stderr) = run(shell(&script));
    assert_eq!(ended.exit, Exit::Code(0), "{}", String::from_utf8_lossy(&stderr));
    let mib = ended.peak_rss_bytes >> 20;
    assert!((200..700).contains(&mib), "{mib} MiB");
}

#[test]
fn a_gigabyte_without_a_newline_comes_in_bounded_pieces() {
    struct Count(u64, Arc<Mutex<u64>>);
    impl OutputSink for Count {
        fn append(&mut self, _: Stream, bytes: &[u8]) {
            assert!(bytes.len() <= 1 << 20);
            self.0 += bytes.len() as u64;
        }
        fn finish(&mut self) {
            *self.1.lock().unwrap() = self.0;
        }
    }
    let total = Arc::new(Mutex::new(0));
    let sink = Box::new(Count(0, Arc::clone(&total)));
    let collector = Collector::default();
    collector.0.0.lock().unwrap().finished = true;
    let launch = command(["head", "-c", "1000000000", "/dev/zero"]);
    let attempt = start_with(launch, sink, collector);
    assert_eq!(attempt.end().0.exit, Exit::Code(0));
    assert_eq!(*total.lock().unwrap(), 1_000_000_000);
}

#[test]
fn an_output_held_open_elsewhere_does_not_hold_up_the_end() {
    // The command gives its stdout to a process that is not below it.
    let dir = tempfile::tempdir().unwrap();
    let fifo = dir.path().join("pid");
    nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let script = format!("echo out; echo $$ > {}; read -r go < {0}", fifo.display());
    let attempt = start(shell(&script));
    attempt.lines(1);
    let pid = std::fs::read_to_string(&fifo).unwrap();
    let held = std::fs::OpenOptions::new().write(true).open(format!("/proc/{}/fd/1", pid.trim()));
    let mut held = held.unwrap();
    std::fs::write(&fifo, "go\n").unwrap();
    let (ended, stdout, _) = attempt.end();
    assert_eq!((ended.exit, stdout.as_slice()), (Exit::Code(0), b"out\n".as_slice()));
    assert!(held.write_all(b"late").is_err(), "nobody reads any more");
}

#[test]
fn a_sink_that_panics_ends_the_attempt() {
    struct Faulty;
    impl OutputSink for Faulty {
        fn append(&mut self, _: Stream, _: &[u8]) {
            panic!("on purpose");
        }
        fn finish(&mut self) {}
    }
    let collector = Collector::default();
    collector.0.0.lock().unwrap().finished = true;
    let attempt = start_with(shell("echo x; sleep 1000"), Box::new(Faulty), collector);
    assert_eq!(attempt.end().0.exit, Exit::SupervisorLost);
}
