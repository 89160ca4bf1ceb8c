//! This test program once more, as another process that does as it is told, line by line. Each
//! binary that wants twins has one ignored test that is their entry and calls [`serve`].

use crate::sandbox::PATIENCE;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver};

/// Before each answer: the test harness prints to the same place.
const MARK: &str = "twin: ";

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
        let (send, answers) = mpsc::channel();
        std::thread::spawn(move || {
            for line in lines.lines() {
                let Ok(line) = line else { return };
                if let Some((_, answer)) = line.split_once(MARK)
                    && send.send(answer.to_owned()).is_err()
                {
                    return;
                }
            }
        });
        Self { child, requests, answers }
    }

    /// Tells it to do something, and does not wait.
    ///
    /// # Panics
    ///
    /// When it is gone, or the request is more than a line.
    pub fn tell(&mut self, request: &str) {
        assert!(!request.contains('\n'), "BUG: {request:?}");
        let to = self.requests.as_mut().expect("BUG: ended");
        writeln!(to, "{request}").and_then(|()| to.flush()).expect("a twin that reads");
    }

    /// Waits for what it says next.
    ///
    /// # Panics
    ///
    /// When it says nothing.
    pub fn hear(&mut self) -> String {
        self.answers.recv_timeout(PATIENCE).expect("a twin that answers in time")
    }

    /// Tells it to do something, and waits for what it says.
    pub fn ask(&mut self, request: &str) -> String {
        self.tell(request);
        self.hear()
    }

    /// Sends it a signal.
    ///
    /// # Panics
    ///
    /// When it is gone.
    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.child.id().try_into().expect("a pid"));
        kill(pid, signal).expect("a twin to signal");
    }
}

impl Drop for ChildProcess {
    fn drop(&mut self) {
        // It ends at the end of its requests; one that hangs is no reason to hang as well.
        drop(self.requests.take());
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Answers requests until there are no more.
///
/// # Panics
///
/// When the other one is gone.
pub fn serve(mut answer: impl FnMut(&str) -> String) {
    for line in std::io::stdin().lines() {
        let answer = answer(&line.expect("a request"));
        println!("{MARK}{answer}");
    }
}
