//! `bdctl status`: shows the daemon and its builds, once or as they change.

use crate::caller::{Caller, print};
use crate::command_error::{CommandError, DAEMON_FAILED};
use crate::follow::event_loop::{Ended, Follower, Next, follow};
use crate::render::document::{EventLine, document, event_line};
use crate::render::paint::{Paint, Style};
use crate::render::text::{command, count, duration, escape_control, os, size};
use crate::render::width::cut_line;
use crate::render::{builds, table};
use bd_client::{Event, StartPolicy};
use bd_protocol::events::Subscribe;
use bd_protocol::service::Status;
use bd_protocol::{Build, BuildState};
use clap::Args;
use std::collections::BTreeMap;
use std::io::{IsTerminal as _, stdout};
use std::time::Duration;

/// Show the daemon and the builds that have not ended
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  bdctl status\n  bdctl status --watch\n  bdctl status --json | jq .builds"
)]
pub(crate) struct StatusArgs {
    /// Keep showing changes; as lines if standard output is not a terminal
    #[arg(long, short)]
    pub(crate) watch: bool,
    /// Print JSON; with --watch, JSON lines
    #[arg(long)]
    pub(crate) json: bool,
}

/// How often elapsed times are redrawn.
const REDRAW: Duration = Duration::from_secs(1);

pub(super) fn run(args: &StatusArgs, caller: &Caller) -> Result<u8, CommandError> {
    let client = caller.client(StartPolicy::IfNeeded)?;
    let paint = Paint::new(caller.color, &stdout());
    if !args.watch {
        let status = client.status()?;
        print(&if args.json { document("bd.status/1", &status) } else { page(&status, paint) })?;
        return Ok(0);
    }
    let mut events = client.events(Subscribe::Feed { after: None })?;
    let mut feed = Feed {
        mode: match (args.json, stdout().is_terminal()) {
            (true, _) => FeedMode::Json,
            (_, true) => FeedMode::Screen { drawn: 0 },
            _ => FeedMode::Lines,
        },
        paint,
        builds: BTreeMap::new(),
        current: false,
        lines: String::new(),
    };
    match follow(&client, None, &mut events, None, &mut feed)? {
        Ended::Gone => {
            eprintln!("bdctl: the daemon ended");
            Ok(DAEMON_FAILED)
        }
        Ended::Enough | Ended::Expired => Ok(0),
    }
}

fn page(status: &Status, paint: Paint) -> String {
    let daemon = &status.daemon;
    let mut text = format!(
        "bdd {} · pid {} · up {} · {} · {} at once\n",
        escape_control(&daemon.version),
        daemon.pid,
        duration(daemon.uptime_ms),
        size(daemon.rss_bytes),
        count(daemon.max_executions as usize, "execution"),
    );
    let workspaces = status.workspaces.iter().flat_map(|workspace| &workspace.warnings);
    for warning in daemon.warnings.iter().chain(workspaces) {
        let line = format!("warning: {}", escape_control(warning));
        text.push_str(&paint.apply(Style::Yellow, &line));
        text.push('\n');
    }
    if let Some(store) = status.store.as_ref().filter(|store| store.unsaved_builds > 0) {
        let unsaved = usize::try_from(store.unsaved_builds).unwrap_or(usize::MAX);
        let line = format!("history: {} not saved yet", count(unsaved, "build"));
        text.push_str(&paint.apply(Style::Yellow, &line));
        text.push('\n');
    }
    for workspace in &status.workspaces {
        text.push_str(&format!(
            "workspace {} · {} · {}\n",
            os(&workspace.root),
            count(usize::try_from(workspace.files).unwrap_or(usize::MAX), "file"),
            size(workspace.bytes),
        ));
    }
    text.push_str(&builds::tally(&status.builds));
    text.push('\n');
    if !status.builds.is_empty() {
        text.push_str(&builds::active(&status.builds, paint, table::width_of(stdout())));
    }
    text
}

/// How changes are shown.
enum FeedMode {
    /// A table of so many lines that is redrawn in place.
    Screen { drawn: usize },
    /// One line for each change.
    Lines,
    /// One JSON line for each change.
    Json,
}

struct Feed {
    mode: FeedMode,
    paint: Paint,
    /// Builds that have not ended.
    builds: BTreeMap<String, Build>,
    /// Whether all builds that existed at the start have been received.
    current: bool,
    /// Lines to be written.
    lines: String,
}

impl Feed {
    fn draw(&mut self) -> Result<(), CommandError> {
        let FeedMode::Screen { drawn } = &mut self.mode else { return Ok(()) };
        let shown: Vec<_> = self.builds.values().cloned().collect();
        let width = table::width_of(stdout());
        let mut text = builds::tally(&shown);
        text.push('\n');
        if !shown.is_empty() {
            text.push_str(&builds::active(&shown, self.paint, width));
        }
        // A line that wraps would be counted as one and stay.
        let text: String = match width {
            Some(width) => text.lines().map(|line| cut_line(line, width) + "\n").collect(),
            None => text,
        };
        // What does not fit on the screen cannot be redrawn in place.
        let rows = terminal_size::terminal_size_of(stdout()).map_or(24, |(_, rows)| rows.0.into());
        let text: String = text.split_inclusive('\n').take(usize::max(rows, 2) - 1).collect();
        let up = if *drawn > 0 { format!("\x1b[{drawn}A") } else { String::new() };
        *drawn = text.lines().count();
        print(&format!("{up}\r\x1b[J{text}"))
    }
}

impl Follower for Feed {
    fn event(&mut self, event: &Event<'_>) -> Result<Next, CommandError> {
        match event {
            Event::Build(build) => {
                match self.mode {
                    FeedMode::Json => self.lines.push_str(&event_line(&EventLine::Build { build })),
                    FeedMode::Lines => {
                        let (state, style) = builds::state(build);
                        self.lines.push_str(&format!(
                            "{} {} {} {} {}\n",
                            escape_control(&build.id),
                            self.paint.apply(style, &state),
                            builds::elapsed(build),
                            escape_control(&build.session.to_string()),
                            command(&build.command),
                        ));
                    }
                    FeedMode::Screen { .. } => {}
                }
                if build.state == BuildState::Ended {
                    self.builds.remove(&build.id);
                } else {
                    self.builds.insert(build.id.clone(), (**build).clone());
                }
            }
            Event::Current => self.current = true,
            _ => {}
        }
        Ok(Next::More)
    }

    fn pause(&mut self) -> Result<(), CommandError> {
        if !self.lines.is_empty() {
            print(&std::mem::take(&mut self.lines))?;
        }
        Ok(())
    }

    fn next_tick(&self) -> Option<Duration> {
        matches!(self.mode, FeedMode::Screen { .. }).then_some(REDRAW)
    }

    fn tick(&mut self) -> Result<(), CommandError> {
        if self.current { self.draw() } else { Ok(()) }
    }
}
