//! Follows one build for `run`, `wait` and `watch`: passes its output on, keeps and shows its state,
//! and reports its end. Knows nothing of how events arrive.

use super::event_loop::{Follower, Next};
use super::output::{Output, Route};
use crate::caller::Caller;
use crate::command_error::CommandError;
use crate::render::builds::{bad_end, elapsed, moved_inputs, summary};
use crate::render::live::{Progress, ProgressMode};
use crate::render::paint::{Paint, Style};
use crate::render::text::{escape_control, size};
use bd_client::{Client, Event};
use bd_protocol::{Build, Outcome, OutcomeStatus, SessionKind};
use std::io::IsTerminal as _;
use std::time::Duration;

/// A build that is followed.
pub(crate) struct FollowedBuild {
    /// The build as last received.
    pub(crate) build: Option<Build>,
    output: Option<Output>,
    progress: Progress,
    paint: Paint,
    missing: u64,
}

/// How progress is shown on standard error.
pub(crate) fn progress_mode(client: &Client, quiet: bool, route: Option<Route>) -> ProgressMode {
    if quiet || route == Some(Route::Lines) {
        return ProgressMode::Silent;
    }
    let person = client.session().kind != SessionKind::Agent;
    let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    match person {
        false => ProgressMode::Agent,
        true if !dumb && std::io::stderr().is_terminal() => ProgressMode::Live,
        true => ProgressMode::Plain,
    }
}

impl FollowedBuild {
    /// A build to follow. Without a route, its output is not wanted.
    pub(crate) fn new(
        caller: &Caller,
        mode: ProgressMode,
        route: Option<Route>,
    ) -> Result<Self, CommandError> {
        let paint = Paint::new(caller.color, &std::io::stderr());
        let open_failed = CommandError::io("open the output");
        Ok(Self {
            build: None,
            output: route
                .map(|route| Output::new(route, caller.shows_colors()))
                .transpose()
                .map_err(open_failed)?,
            progress: Progress::new(mode, paint),
            paint,
            missing: 0,
        })
    }

    /// The build and its outcome, once it has ended.
    pub(crate) fn ended(&self) -> Result<(&Build, &Outcome), CommandError> {
        let build = self.build.as_ref();
        build
            .and_then(|build| Some((build, build.outcome.as_ref()?)))
            .ok_or(CommandError::Broken("the build ended without an outcome"))
    }

    /// Reports how it ended; returns the exit code.
    pub(crate) fn conclude(&mut self) -> Result<u8, CommandError> {
        self.report_end(self.progress.is_live())
    }

    /// The same for one of several runs: each is reported, with a terminal or without.
    pub(crate) fn conclude_one(&mut self) -> Result<u8, CommandError> {
        self.report_end(!self.progress.is_silent())
    }

    /// Reports that it ended because another one takes its place.
    pub(crate) fn conclude_superseded(&mut self) -> Result<(), CommandError> {
        self.report_missing_output();
        let (build, _) = self.ended()?;
        let after = elapsed(build);
        if !self.progress.is_silent() {
            let word = self.paint.apply(Style::Yellow, "superseded");
            let line = format!("{} {word} after {after}", self.paint.apply(Style::Dim, "bdctl:"));
            self.progress.say(&line);
        }
        Ok(())
    }

    fn report_end(&mut self, with_summary: bool) -> Result<u8, CommandError> {
        self.report_missing_output();
        let (build, outcome) = self.ended()?;
        let code = outcome.exit_status();
        let mut lines = Vec::new();
        lines.extend(
            outcome.message.as_ref().map(|message| format!("bdctl: {}", escape_control(message))),
        );
        lines.extend(moved_inputs(outcome).map(|moved| format!("bdctl: {moved}")));
        if with_summary {
            let summary = summary(outcome, self.paint);
            lines.push(format!("{} {summary}", self.paint.apply(Style::Dim, "bdctl:")));
        } else if code != 0 && self.names_its_end(outcome) {
            lines.push(format!("bdctl: {}", bad_end(build, outcome)));
        }
        lines.iter().for_each(|line| self.progress.say(line));
        Ok(code)
    }

    /// Whether an end that is no success is reported where there is no terminal. An end that is not
    /// the command's own would otherwise come without a word.
    fn names_its_end(&self, outcome: &Outcome) -> bool {
        let own = outcome.status == OutcomeStatus::Failed;
        !self.progress.is_silent() && (!own || self.progress.names_failures())
    }

    /// Stops following before the end; reports what is missing.
    pub(crate) fn leave(&mut self) {
        self.report_missing_output();
        self.progress.make_way();
    }

    fn report_missing_output(&mut self) {
        let bytes = std::mem::take(&mut self.missing);
        if bytes > 0 {
            let all = if bytes < 1024 { String::new() } else { format!(" ({bytes} bytes)") };
            let line = format!("bdctl: warning: {}{all} of output are missing", size(bytes));
            self.progress.say(&line);
        }
    }
}

impl Follower for FollowedBuild {
    fn event(&mut self, event: &Event<'_>) -> Result<Next, CommandError> {
        match event {
            Event::Build(build) => {
                self.build = Some((**build).clone());
                self.progress.changed(build);
            }
            Event::Lagged(lagged) => {
                self.missing += lagged.to.saturating_sub(lagged.from);
            }
            Event::Stdout(_) | Event::Stderr(_) | Event::Both(_) => self.progress.make_way(),
            Event::Done | Event::Current => {}
        }
        if let Some(output) = &mut self.output {
            output.take(event)?;
            if matches!(event, Event::Stdout(_) | Event::Stderr(_) | Event::Both(_)) {
                self.progress.wrote(output.line_free());
            }
        }
        Ok(if *event == Event::Done { Next::Enough } else { Next::More })
    }

    fn pause(&mut self) -> Result<(), CommandError> {
        match &mut self.output {
            Some(output) => Ok(output.flush()?),
            None => Ok(()),
        }
    }

    fn next_tick(&self) -> Option<Duration> {
        self.progress.next_tick()
    }

    fn tick(&mut self) -> Result<(), CommandError> {
        self.progress.tick(self.build.as_ref());
        Ok(())
    }
}
