//! This test program once more, as a child process that answers requests, line by line. Each test
//! binary with such children has one ignored test that is their entry and calls [`serve`].

use crate::sandbox::PATIENCE;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver};

/// Before each answer: the test harness prints to the same place.
const MARK: &str = "answer: ";

/// See the [module](self).
#[derive(Debug)]
pub struct ChildProcess {
    child: Child,
    requests: Option<ChildStdin>,
    answers: Receiver<String>,
}

impl ChildProcess {
    /// Starts the ignored test `entry` through `wrapper`, a command that ends by executing its
    /// last arguments; none starts it directly.
    ///
    /// # Panics
    ///
    /// When it does not start.
    #[must_use]
    pub fn start(entry: &str, wrapper: &[&str], environment: &[(&str, &str)]) -> Self {
        let program = std::env::current_exe().expect("a path of the test");
        let mut command = match wrapper {
            [] => Command::new(program),
            [with, options @ ..] => {
                let mut command = Command::new(with);
                command.args(options).arg(program);
                command
            }
        };
        command
            .args([entry, "--exact", "--ignored", "--nocapture", "--test-threads=1"])
            .envs(environment.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let requests = child.stdin.take();
        let lines = BufReader::new(child.stdout.take().expect("a pipe"));
        let (sender, answers) = mpsc::channel();
        std::thread::spawn(move || {
            for line in lines.lines() {
                let Ok(line) = line else { return };
                if let Some((_, answer)) = line.split_once(MARK)
                    && sender.send(answer.to_owned()).is_err()
                {
                    return;
                }
            }
        });
        Self { child, requests, answers }
    }

    /// Sends a request, and does not wait.
    ///
    /// # Panics
    ///
    /// When it is gone, or the request is more than a line.
    pub fn send(&mut self, request: &str) {
        assert!(!request.contains('\n'), "BUG: {request:?}");
        let to = self.requests.as_mut().expect("BUG: ended");
        writeln!(to, "{request}").and_then(|()| to.flush()).expect("a child that reads");
    }

    /// Waits for its next answer.
    ///
    /// # Panics
    ///
    /// When there is none in time.
    pub fn receive(&mut self) -> String {
        self.answers.recv_timeout(PATIENCE).expect("a child that answers in time")
    }

    /// Sends a request, and waits for its answer.
    pub fn call(&mut self, request: &str) -> String {
        self.send(request);
        self.receive()
    }

    /// Sends it a signal.
    ///
    /// # Panics
    ///
    /// When it is gone.
    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.child.id().try_into().expect("a pid"));
        kill(pid, signal).expect("a child to signal");
    }
}

impl Drop for ChildProcess {
    fn drop(&mut self) {
        // It ends at the end of its requests; if it hangs, the test does not wait for it.
        drop(self.requests.take());
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Answers requests until there are no more.
///
/// # Panics
///
/// When the parent is gone.
pub fn serve(mut answer: impl FnMut(&str) -> String) {
    for line in std::io::stdin().lines() {
        let answer = answer(&line.expect("a request"));
        println!("{MARK}{answer}");
    }
}
