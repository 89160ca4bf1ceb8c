//! Bytes into and out of commands.

use crate::kit::{Collector, command, run, shell, start, start_with};
use bd_daemon::process::{CommandExit, OutputSink, OutputStream};
use std::io::Write as _;
use std::sync::{Arc, Mutex};

#[test]
fn stdout_and_stderr_come_apart_and_byte_for_byte() {
    let all: Vec<u8> = (0..=255).cycle().take(1_000_003).collect();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("bytes");
    std::fs::write(&path, &all).unwrap();
    let script = format!("cat {0}; tac {0} >&2; cat {0}", path.display());
    let (ended, stdout, stderr) = run(shell(&script));
    assert_eq!(ended.exit, CommandExit::Code(0));
    assert!(stdout == [all.as_slice(), &all].concat());
    let reversed = std::process::Command::new("tac").arg(&path).output().unwrap().stdout;
    assert!(stderr == reversed);
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
    assert_eq!(ended.exit, CommandExit::Code(0));
    assert!(stdout == bytes);

    let (ended, stdout, _) = run(shell("cat; readlink /proc/self/fd/0"));
    assert_eq!((ended.exit, stdout.as_slice()), (CommandExit::Code(0), b"/dev/null\n".as_slice()));
}

#[test]
fn a_gigabyte_without_a_newline_comes_in_bounded_pieces() {
    struct Count(u64, Arc<Mutex<u64>>);
    impl OutputSink for Count {
        fn append(&mut self, _: OutputStream, bytes: &[u8]) {
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
    assert_eq!(attempt.end().0.exit, CommandExit::Code(0));
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
    assert_eq!((ended.exit, stdout.as_slice()), (CommandExit::Code(0), b"out\n".as_slice()));
    // The end is reported by the thread that reads, a moment before it lets go of the pipe.
    let patience = std::time::Instant::now() + std::time::Duration::from_secs(30);
    while held.write_all(b"late").is_ok() {
        assert!(std::time::Instant::now() < patience, "somebody reads still");
        std::thread::yield_now();
    }
}

#[test]
fn a_sink_that_panics_ends_the_attempt() {
    struct Faulty;
    impl OutputSink for Faulty {
        fn append(&mut self, _: OutputStream, _: &[u8]) {
            panic!("on purpose");
        }
        fn finish(&mut self) {}
    }
    let collector = Collector::default();
    collector.0.0.lock().unwrap().finished = true;
    let attempt = start_with(shell("echo x; sleep 1000"), Box::new(Faulty), collector);
    assert_eq!(attempt.end().0.exit, CommandExit::SupervisorLost);
}
