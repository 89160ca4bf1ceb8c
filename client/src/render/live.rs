//! Progress on standard error while a build waits or prints nothing: a line that is redrawn on a
//! terminal, a few plain lines elsewhere. Never writes into a line of the output of the command.

use super::paint::{Paint, Style};
use super::text::{command, elapsed_ms, escape_control, millis, whole_seconds};
use super::width::shorten;
use bd_protocol::{Build, BuildState};
use std::io::Write as _;
use std::time::{Duration, Instant};

/// After how long without output the live line appears.
const QUIET: Duration = Duration::from_secs(1);
/// How often it is redrawn.
const REDRAW: Duration = Duration::from_millis(200);
/// After how long in the queue a plain line says so: nobody shall wait without knowing why.
const TELL_WAITING: Duration = Duration::from_secs(2);

/// How progress is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ProgressMode {
    /// A live line, on a terminal.
    Live,
    /// A few plain lines.
    Plain,
    /// The same for a coding agent: it learns the id of what failed, to ask for more.
    Agent,
    /// Not at all.
    Silent,
}

/// Shows the progress of a build.
#[derive(Debug)]
pub(crate) struct Progress {
    mode: ProgressMode,
    paint: Paint,
    began: Instant,
    last_output: Instant,
    /// Whether the live line is on the screen.
    shown: bool,
    /// Whether the last line of output is complete, so that the cursor is at the start of a line.
    line_free: bool,
    /// Whether it was said that it shares with another one, or why not.
    told_joined: bool,
    told_waiting: bool,
}

impl Progress {
    pub(crate) fn new(mode: ProgressMode, paint: Paint) -> Self {
        let now = Instant::now();
        Self {
            mode,
            paint,
            began: now,
            last_output: now,
            shown: false,
            line_free: true,
            told_joined: false,
            told_waiting: false,
        }
    }

    /// When [`Self::tick`] has something to do next, if ever.
    pub(crate) fn next_tick(&self) -> Option<Duration> {
        let until = |at: Instant| Some(at.saturating_duration_since(Instant::now()));
        match self.mode {
            ProgressMode::Live if self.shown => Some(REDRAW),
            ProgressMode::Live if self.line_free => until(self.last_output + QUIET),
            ProgressMode::Plain | ProgressMode::Agent if !self.told_waiting => {
                until(self.began + TELL_WAITING)
            }
            _ => None,
        }
    }

    /// Redraws or reports what is due by now.
    pub(crate) fn tick(&mut self, build: Option<&Build>) {
        let Some(build) = build else { return };
        match self.mode {
            ProgressMode::Live if self.line_free && self.last_output.elapsed() >= QUIET => {
                self.draw(build);
            }
            ProgressMode::Plain | ProgressMode::Agent
                if !self.told_waiting && self.began.elapsed() >= TELL_WAITING =>
            {
                // Reported once; a build that starts soon needs no line.
                self.told_waiting = true;
                if build.state == BuildState::Waiting {
                    eprintln!("bdctl: {} ({})", waiting(build), escape_control(&build.id));
                }
            }
            _ => {}
        }
    }

    /// Reports a change of the build, if it matters.
    pub(crate) fn changed(&mut self, build: &Build) {
        if self.is_plain() && build.joined.is_some() && !self.told_joined {
            self.told_joined = true;
            eprintln!("bdctl: {} ({})", joined(build), escape_control(&build.id));
        }
        if let (false, Some(_), Some(reason)) =
            (self.is_silent() || self.told_joined, &build.apart, &build.join_reason)
        {
            self.told_joined = true;
            self.say(&format!("bdctl: {} ({})", escape_control(reason), build.id));
        }
        if self.shown {
            self.draw(build);
        }
    }

    /// Removes the live line before something else is written.
    pub(crate) fn make_way(&mut self) {
        if std::mem::take(&mut self.shown) {
            let _ = std::io::stderr().write_all(b"\r\x1b[2K");
        }
    }

    /// Notes that the command wrote; `ends_line` if its last line is complete.
    pub(crate) fn wrote(&mut self, ends_line: bool) {
        if self.mode == ProgressMode::Live {
            self.last_output = Instant::now();
            self.line_free = ends_line;
        }
    }

    /// Prints a message of bdctl on its own line.
    pub(crate) fn say(&mut self, line: &str) {
        self.make_way();
        let start = if self.mode == ProgressMode::Live && !self.line_free { "\n" } else { "" };
        self.line_free = true;
        eprintln!("{start}{line}");
    }

    /// Whether a live line is shown.
    pub(crate) fn is_live(&self) -> bool {
        self.mode == ProgressMode::Live
    }

    fn is_plain(&self) -> bool {
        matches!(self.mode, ProgressMode::Plain | ProgressMode::Agent)
    }

    /// Whether a failure of the command itself is named as well. Others have its exit code, and
    /// its standard error byte for byte.
    pub(crate) fn names_failures(&self) -> bool {
        self.mode == ProgressMode::Agent
    }

    /// Whether only errors are shown.
    pub(crate) fn is_silent(&self) -> bool {
        self.mode == ProgressMode::Silent
    }

    fn draw(&mut self, build: &Build) {
        let text = match build.state {
            BuildState::Waiting => waiting(build),
            _ => running(build, millis(self.began.elapsed())),
        };
        // A line that wraps could not be erased.
        let width = super::table::width_of(std::io::stderr()).unwrap_or(80).saturating_sub(1);
        let text = shorten(&format!("{text} · {}", command(&build.command)), width);
        let line = format!("\r\x1b[2K{}", self.paint.apply(Style::Dim, &text));
        let _ = std::io::stderr().write_all(line.as_bytes());
        self.shown = true;
    }
}

fn waiting(build: &Build) -> String {
    let Some(wait) = &build.wait else { return "waiting".to_owned() };
    let mut text = format!("waiting: {}", escape_control(&wait.detail));
    if let Some(position) = wait.position {
        text.push_str(&format!(", position {position}"));
    }
    if let Some(ms) = wait.estimate_ms {
        text.push_str(&format!(", about {} to go", whole_seconds(ms)));
    }
    text
}

fn running(build: &Build, since_asked_ms: u64) -> String {
    let since_start = build.started_at.as_deref().and_then(|at| elapsed_ms(at, None));
    let mut text = format!("running {}", whole_seconds(since_start.unwrap_or(since_asked_ms)));
    if let Some(ms) = build.estimate_ms {
        text.push_str(&format!(" of about {}", whole_seconds(ms)));
    }
    if build.joined.is_some() {
        text.push_str(" · joined");
    }
    text
}

fn joined(build: &Build) -> String {
    let since = build.started_at.as_deref().and_then(|at| elapsed_ms(at, None));
    match since {
        Some(ms) => {
            format!("joined the same command, which has been running for {}", whole_seconds(ms))
        }
        None => "joined the same command, which is about to start".to_owned(),
    }
}
