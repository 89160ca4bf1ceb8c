//! `bdctl watch`: hears from the daemon what it started, and follows one build after the other.
//! Knows nothing of when a build is started; that is the daemon's to decide.

use super::run;
use crate::args::{BuildOptions, CommandContext};
use crate::caller::{Caller, print};
use crate::command_error::CommandError;
use crate::follow::event_loop::{Ended, follow};
use crate::follow::output::Route;
use crate::follow::progress::{FollowedBuild, progress_mode};
use crate::follow::screen::Screen;
use crate::follow::signals::{self, CurrentBuild, Interrupted, Reaction};
use crate::render::builds::summary;
use crate::render::document::{EventLine, event_line};
use crate::render::live::ProgressMode;
use crate::render::paint::{ColorChoice, Paint, Style};
use crate::render::text::escape_control;
use crate::render::watch::{message, trigger};
use crate::render::workspaces::path;
use crate::request;
use bd_client::{Client, ClientError, Control, StartPolicy};
use bd_protocol::OutcomeStatus;
use bd_protocol::events::Subscribe;
use bd_protocol::failure::codes;
use bd_protocol::watch::{News, Triggered, Watch, Watching};
use clap::Args;
use std::ffi::OsString;
use std::io::PipeReader;
use std::os::fd::AsFd as _;
use std::time::{Duration, Instant};

/// Run a command now, and again whenever files change
///
/// What is ignored does not count. A change while the command runs ends that run, and another one
/// starts with the newest files. An argument that is {changed} becomes the paths that changed;
/// BD_CHANGED_FILES names a file that lists them. Ctrl-C ends it all.
#[derive(Debug, Args)]
#[command(
    after_help = "Patterns are lines of a .gitignore in the root: `src/`, `*.rs`, `src/**/*.ts`, `!*.snap`.\n\n\
                  Examples:\n  bdctl watch -- cargo check\n  \
                  bdctl watch --on '*.rs' --on Cargo.toml --clear -- cargo test\n  \
                  bdctl watch --no-initial --on '*.py' -- ruff check {changed}\n  \
                  bdctl watch --notify --quiet -- make\n  \
                  bdctl watch --exit-on-failure -- ./check.sh   # exits with its code"
)]
pub(crate) struct WatchArgs {
    /// Only files that fit this pattern count; may be repeated, `!PATTERN` leaves out
    #[arg(long, value_name = "GLOB")]
    pub(crate) on: Vec<OsString>,
    /// Do not run before something has changed
    #[arg(long)]
    pub(crate) no_initial: bool,
    /// Clear the screen before each run, on a terminal
    #[arg(long, conflicts_with = "events")]
    pub(crate) clear: bool,
    /// Ring the bell and show a notification when a run ends, on a terminal
    #[arg(long)]
    pub(crate) notify: bool,
    /// Exit with the command's code when a run fails
    #[arg(long)]
    pub(crate) exit_on_failure: bool,
    #[command(flatten)]
    pub(crate) context: CommandContext,
    #[command(flatten)]
    pub(crate) options: BuildOptions,
    /// Print what happens as JSON lines
    #[arg(long, visible_alias = "json-lines")]
    pub(crate) events: bool,
    /// Say nothing of our own but warnings and errors
    #[arg(long, short)]
    pub(crate) quiet: bool,
    /// Program and arguments
    #[arg(required = true, trailing_var_arg = true, value_name = "COMMAND")]
    pub(crate) command: Vec<OsString>,
}

/// Between two questions where the daemon does not wait: it must not be asked in circles.
const PAUSE: Duration = Duration::from_millis(20);

pub(super) fn run(mut args: WatchArgs, caller: &Caller) -> Result<u8, CommandError> {
    let client = caller.client(StartPolicy::IfNeeded)?;
    let place = std::mem::take(&mut args.context);
    let submit = request::submit(std::mem::take(&mut args.command), place)?;
    let submit = request::on_terms(submit, &args.options);
    let on = std::mem::take(&mut args.on).into_iter().map(Into::into).collect();
    let request = Watch { submit, on, initial: !args.no_initial };
    let (control, watching) = run::ask(&client, |control| control.watch(request.clone()))?;
    Watcher::new(&client, control, watching, &args, caller)?.run()
}

/// Somebody who sees one run after the other.
struct Watcher<'a> {
    client: &'a Client,
    control: Control,
    watching: Watching,
    args: &'a WatchArgs,
    caller: &'a Caller,
    mode: ProgressMode,
    paint: Paint,
    screen: Screen,
    /// Whether no run has been seen.
    first: bool,
    current: CurrentBuild,
    interrupted: Interrupted,
    stop: PipeReader,
}

impl<'a> Watcher<'a> {
    fn new(
        client: &'a Client,
        control: Control,
        watching: Watching,
        args: &'a WatchArgs,
        caller: &'a Caller,
    ) -> Result<Self, CommandError> {
        let (signalled, stop) = signals::stop_pipe()?;
        let current = CurrentBuild::default();
        let (sender, build) = (control.sender()?, current.clone());
        let reaction = Reaction { sender, build, tty: false, saved: None, stop: Some(signalled) };
        let interrupted = signals::start(reaction)?;
        Ok(Self {
            client,
            control,
            watching,
            args,
            caller,
            mode: progress_mode(client, args.quiet, Some(route(args))),
            paint: Paint::new(caller.color, &std::io::stderr()),
            screen: Screen::new(args.clear, args.notify),
            first: !args.no_initial,
            current,
            interrupted,
            stop,
        })
    }

    fn run(&mut self) -> Result<u8, CommandError> {
        let root = path(&self.watching.root);
        self.say(&format!("watching {root} for changes; Ctrl-C ends"));
        self.line(&EventLine::Watching { root: &self.watching.root })?;
        loop {
            let asked = Instant::now();
            let news = self.control.watched(&self.watching.watch, self.stop.as_fd());
            let code = match news.map_err(|error| gone(error, &root))? {
                Some(triggered) => self.hear(&triggered, &root)?,
                None => {
                    std::thread::sleep(PAUSE.saturating_sub(asked.elapsed()));
                    None
                }
            };
            if let Some(code) = self.interrupted.exit_code().or(code) {
                return Ok(code);
            }
        }
    }

    /// The exit code, where this is the end.
    fn hear(&mut self, triggered: &Triggered, root: &str) -> Result<Option<u8>, CommandError> {
        if triggered.news != News::Unknown {
            self.line(&EventLine::Watched { triggered })?;
        }
        match (triggered.news, &triggered.build) {
            (News::Started, Some(build)) => {
                self.screen.clear();
                let first = std::mem::take(&mut self.first);
                self.say(&trigger(triggered, first));
                let code = self.see(build, root);
                self.current.set(None);
                return code;
            }
            (News::Loop, _) => self.warn(&message(triggered, "its own runs start it again")),
            (News::Refused, _) => self.warn(&message(triggered, "a run could not be started")),
            (News::Ended, _) => {
                let message = message(triggered, "the daemon gave no reason");
                return Err(CommandError::WatchEnded { root: root.to_owned(), message });
            }
            (News::Started | News::Unknown, _) => {}
        }
        Ok(None)
    }

    /// Follows one build to its end.
    fn see(&mut self, build: &str, root: &str) -> Result<Option<u8>, CommandError> {
        self.current.set(Some(build));
        if let Some(code) = self.interrupted.exit_code() {
            // The signal came before there was a build to withdraw.
            self.control.cancel(build)?;
            return Ok(Some(code));
        }
        let subscribe = Subscribe::Build { build: build.to_owned(), from: 0 };
        let mut followed = FollowedBuild::new(self.caller, self.mode, Some(route(self.args)))?;
        let ended = self.client.never_starting().events(subscribe).map_err(Into::into).and_then(
            |mut events| {
                follow(self.client, Some(&mut self.control), &mut events, None, &mut followed)
            },
        );
        match ended {
            Ok(Ended::Enough) => self.conclude(&mut followed),
            Ok(Ended::Gone | Ended::Expired) => {
                followed.leave();
                match self.interrupted.exit_code() {
                    Some(code) => Ok(Some(code)),
                    None => Err(CommandError::WatchGone { root: root.to_owned() }),
                }
            }
            Err(CommandError::Client(ClientError::Failure(failure)))
                if failure.code == codes::NOT_FOUND =>
            {
                // So long ago that nothing of it is kept.
                followed.leave();
                self.warn(&escape_control(&failure.message));
                Ok(None)
            }
            Err(error) => {
                followed.leave();
                match error {
                    CommandError::Client(error) => Err(gone(error, root)),
                    error => Err(error),
                }
            }
        }
    }

    /// Tells how a build ended; the answer is the exit code, where this is the end.
    fn conclude(&self, followed: &mut FollowedBuild) -> Result<Option<u8>, CommandError> {
        let (_, outcome) = followed.ended()?;
        let status = outcome.status;
        if status == OutcomeStatus::Cancelled && self.interrupted.exit_code().is_none() {
            followed.conclude_superseded()?;
            return Ok(None);
        }
        let code = followed.conclude_one()?;
        let (build, outcome) = followed.ended()?;
        let plain = Paint::new(ColorChoice::Never, &std::io::stderr());
        self.screen.notify(&build.command, &summary(outcome, plain));
        // What the daemon's end did to it is not the command's failure; the daemon's end comes next.
        let ended_by_daemon = [OutcomeStatus::Interrupted, OutcomeStatus::NotRun].contains(&status);
        Ok((self.args.exit_on_failure && code != 0 && !ended_by_daemon).then_some(code))
    }

    fn say(&self, text: &str) {
        if self.mode != ProgressMode::Silent {
            eprintln!("{} {text}", self.paint.apply(Style::Dim, "bdctl:"));
        }
    }

    /// Said even to those who want to hear little: nothing will run until something else is done.
    fn warn(&self, text: &str) {
        eprintln!("bdctl: {} {text}", self.paint.apply(Style::Yellow, "warning:"));
    }

    fn line(&self, line: &EventLine<'_>) -> Result<(), CommandError> {
        if self.args.events { print(&event_line(line)) } else { Ok(()) }
    }
}

fn route(args: &WatchArgs) -> Route {
    if args.events { Route::Lines } else { Route::Apart }
}

/// The end of the daemon is told as what it is for a watch.
fn gone(error: ClientError, root: &str) -> CommandError {
    match error {
        ClientError::Closed | ClientError::NotRunning { .. } => {
            CommandError::WatchGone { root: root.to_owned() }
        }
        ClientError::Failure(failure) if failure.code == codes::DRAINING => {
            CommandError::WatchGone { root: root.to_owned() }
        }
        error => error.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Cli;
    use crate::commands::Command;
    use clap::Parser as _;

    fn watch(arguments: &[&str]) -> WatchArgs {
        let cli = Cli::parse_from([&["bdctl", "watch"], arguments].concat());
        let Command::Watch(args) = cli.command else { panic!("not watch") };
        *args
    }

    #[test]
    fn patterns_are_options_and_the_rest_is_the_command() {
        let args = watch(&["--on", "*.rs", "--on", "!gen/", "--", "sh", "-c", "--clear {changed}"]);
        assert_eq!(args.on, ["*.rs", "!gen/"]);
        assert_eq!(args.command, ["sh", "-c", "--clear {changed}"]);
        assert!(!args.clear && !args.no_initial);
    }

    #[test]
    fn options_are_those_of_run_where_both_have_them() {
        let args = watch(&["--timeout", "2s", "--no-join", "-C", "sub", "--env", "A=b", "true"]);
        assert_eq!(args.options.timeout, Some(std::time::Duration::from_secs(2)));
        assert!(args.options.no_join && !args.options.join);
        assert_eq!(args.context.cwd, Some("sub".into()));
        assert!(watch(&["--json-lines", "true"]).events);
        for wrong in [&["--join", "--no-join", "true"][..], &["--clear", "--events", "true"], &[]] {
            assert!(Cli::try_parse_from([&["bdctl", "watch"], wrong].concat()).is_err());
        }
    }
}
