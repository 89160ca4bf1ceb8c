//! `bdctl watch`: learns from the daemon which builds it started, and follows one after the other.
//! When a build is started, the daemon decides.

use super::run;
use crate::args::{BuildOptions, CommandContext};
use crate::caller::{Caller, print};
use crate::command_error::CommandError;
use crate::follow::event_loop::{Ended, follow};
use crate::follow::output::Route;
use crate::follow::progress::{FollowedBuild, progress_mode};
use crate::follow::screen::Screen;
use crate::follow::shape::with_output;
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
/// Ignored files do not count. A change while the command runs stops that run and starts another
/// one with the newest files. An argument {changed} is replaced by the paths that changed;
/// BD_CHANGED_FILES names a file that lists them. Ctrl-C stops the run and exits.
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
    /// Only files that match this pattern count; may be repeated, `!PATTERN` excludes
    #[arg(long, value_name = "GLOB")]
    pub(crate) on: Vec<OsString>,
    /// Do not run before something changes
    #[arg(long)]
    pub(crate) no_initial: bool,
    /// Clear the screen before each run, on a terminal
    #[arg(long, conflicts_with = "events")]
    pub(crate) clear: bool,
    /// Ring the terminal bell and show a notification when a run ends
    #[arg(long)]
    pub(crate) notify: bool,
    /// Exit with the code of the command when a run fails
    #[arg(long)]
    pub(crate) exit_on_failure: bool,
    #[command(flatten)]
    pub(crate) context: CommandContext,
    #[command(flatten)]
    pub(crate) options: BuildOptions,
    /// Print events as JSON lines
    #[arg(long, visible_alias = "json-lines")]
    pub(crate) events: bool,
    /// Print no messages of bdctl except warnings and errors
    #[arg(long, short)]
    pub(crate) quiet: bool,
    /// Program and arguments
    #[arg(required = true, trailing_var_arg = true, value_name = "COMMAND")]
    pub(crate) command: Vec<OsString>,
}

/// Least time between two requests, should the daemon not wait: a bound on how often it is asked.
const PAUSE: Duration = Duration::from_millis(20);

pub(super) fn run(mut args: WatchArgs, caller: &Caller) -> Result<u8, CommandError> {
    let client = caller.client(StartPolicy::IfNeeded)?;
    let place = std::mem::take(&mut args.context);
    let submit = request::submit(std::mem::take(&mut args.command), place)?;
    let submit = request::with_build_options(submit, &args.options);
    let submit = if args.events { submit } else { with_output(submit, caller) };
    let on = std::mem::take(&mut args.on).into_iter().map(Into::into).collect();
    let request = Watch { submit, on, initial: !args.no_initial };
    let (control, watching) = run::ask(&client, |control| control.watch(request.clone()))?;
    Watcher::new(&client, control, watching, &args, caller)?.run()
}

/// Follows one run after the other.
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
                Some(triggered) => self.react(&triggered, &root)?,
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

    /// Reacts to what a trigger did; returns the exit code if this is the end.
    fn react(&mut self, triggered: &Triggered, root: &str) -> Result<Option<u8>, CommandError> {
        if triggered.news != News::Unknown {
            self.line(&EventLine::Watched { triggered })?;
        }
        match (triggered.news, &triggered.build) {
            (News::Started, Some(build)) => {
                self.screen.clear();
                let first = std::mem::take(&mut self.first);
                self.say(&trigger(triggered, first));
                let code = self.follow(build, root);
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
    fn follow(&mut self, build: &str, root: &str) -> Result<Option<u8>, CommandError> {
        self.current.set(Some(build));
        if let Some(code) = self.interrupted.exit_code() {
            // The signal came before there was a build to withdraw.
            self.control.cancel(build)?;
            return Ok(Some(code));
        }
        let subscribe = Subscribe::Build { build: build.to_owned(), from: 0, both: true };
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
                // It ended so long ago that nothing of it is kept.
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

    /// Shows how a build ended; returns the exit code if this is the end.
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
        // A run that the end of the daemon stopped is no failure of the command.
        let ended_by_daemon = [OutcomeStatus::Interrupted, OutcomeStatus::NotRun].contains(&status);
        Ok((self.args.exit_on_failure && code != 0 && !ended_by_daemon).then_some(code))
    }

    fn say(&self, text: &str) {
        if self.mode != ProgressMode::Silent {
            eprintln!("{} {text}", self.paint.apply(Style::Dim, "bdctl:"));
        }
    }

    /// Shown with --quiet as well: nothing runs until the user does something.
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

/// For a watch, every way in which the daemon can end is the same.
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
