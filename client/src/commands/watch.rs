//! `bdctl watch`: hears from the daemon what it started, and follows one build after the other.
//! Knows nothing of when a build is started; that is the daemon's to decide.

use super::follow::{Ended, follow};
use super::output::Route;
use super::progress::{Watched, manner};
use super::screen::Screen;
use super::signals::{self, Current, Interrupted, Reaction};
use super::{Caller, CommandError, print, request, run};
use crate::cli::WatchArgs;
use crate::render::builds::summary;
use crate::render::document::{EventLine, event_line};
use crate::render::live::ProgressMode;
use crate::render::paint::{ColorChoice, Paint, Style};
use crate::render::text::escape_control;
use crate::render::watch::{message, trigger};
use crate::render::workspaces::path;
use bd_client::{Client, ClientError, Control, StartPolicy};
use bd_protocol::OutcomeStatus;
use bd_protocol::events::Subscribe;
use bd_protocol::failure::codes;
use bd_protocol::watch::{News, Triggered, Watch, Watching};
use std::io::PipeReader;
use std::os::fd::AsFd as _;
use std::time::{Duration, Instant};

/// Between two questions where the daemon does not wait: it must not be asked in circles.
const PAUSE: Duration = Duration::from_millis(20);

pub(super) fn watch(mut args: WatchArgs, caller: &Caller) -> Result<u8, CommandError> {
    let client = caller.client(StartPolicy::IfNeeded)?;
    let place = std::mem::take(&mut args.place);
    let submit = request::submit(std::mem::take(&mut args.command), place)?;
    let submit = request::on_terms(submit, &args.terms);
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
    manner: ProgressMode,
    paint: Paint,
    screen: Screen,
    /// Whether no run has been seen.
    first: bool,
    current: Current,
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
        let (bell, stop) = signals::bell()?;
        let current = Current::default();
        let (sender, build) = (control.sender()?, current.clone());
        let reaction = Reaction { sender, build, tty: false, saved: None, bell: Some(bell) };
        let interrupted = signals::watch(reaction)?;
        Ok(Self {
            client,
            control,
            watching,
            args,
            caller,
            manner: manner(client, args.quiet, Some(route(args))),
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
        let mut watched = Watched::new(self.caller, self.manner, Some(route(self.args)))?;
        let ended = self.client.never_starting().events(subscribe).map_err(Into::into).and_then(
            |mut events| {
                follow(self.client, Some(&mut self.control), &mut events, None, &mut watched)
            },
        );
        match ended {
            Ok(Ended::Enough) => self.conclude(&mut watched),
            Ok(Ended::Gone | Ended::Expired) => {
                watched.leave();
                match self.interrupted.exit_code() {
                    Some(code) => Ok(Some(code)),
                    None => Err(CommandError::WatchGone { root: root.to_owned() }),
                }
            }
            Err(CommandError::Client(ClientError::Failure(failure)))
                if failure.code == codes::NOT_FOUND =>
            {
                // So long ago that nothing of it is kept.
                watched.leave();
                self.warn(&escape_control(&failure.message));
                Ok(None)
            }
            Err(error) => {
                watched.leave();
                match error {
                    CommandError::Client(error) => Err(gone(error, root)),
                    error => Err(error),
                }
            }
        }
    }

    /// Tells how a build ended; the answer is the exit code, where this is the end.
    fn conclude(&self, watched: &mut Watched) -> Result<Option<u8>, CommandError> {
        let (_, outcome) = watched.ended()?;
        let status = outcome.status;
        if status == OutcomeStatus::Cancelled && self.interrupted.exit_code().is_none() {
            watched.conclude_superseded()?;
            return Ok(None);
        }
        let code = watched.conclude_one()?;
        let (build, outcome) = watched.ended()?;
        let plain = Paint::new(ColorChoice::Never, &std::io::stderr());
        self.screen.notify(&build.command, &summary(outcome, plain));
        // What the daemon's end did to it is not the command's failure; the daemon's end comes next.
        let ended_by_daemon = [OutcomeStatus::Interrupted, OutcomeStatus::NotRun].contains(&status);
        Ok((self.args.exit_on_failure && code != 0 && !ended_by_daemon).then_some(code))
    }

    fn say(&self, text: &str) {
        if self.manner != ProgressMode::Silent {
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
