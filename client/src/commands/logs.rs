//! `bdctl logs`: shows or follows the output of a build.

use super::history;
use crate::caller::{Caller, print};
use crate::command_error::{CommandError, DAEMON_FAILED};
use crate::follow::event_loop::{Ended, Follower, Next, follow};
use crate::follow::output::{Output, Route};
use crate::follow::plain::Plain;
use crate::render::document::document;
use crate::render::text::{escape_control, size};
use crate::values;
use bd_client::{Event, StartPolicy};
use bd_protocol::events::Subscribe;
use bd_protocol::{Build, OutcomeStatus};
use clap::Args;
use serde::Serialize;
use std::collections::VecDeque;

/// Show the output of a build
///
/// Standard output and standard error of the command go to those of bdctl.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  bdctl logs                          # the newest build of this workspace\n  \
                  bdctl logs --follow b04k2m\n  bdctl logs --tail 20 --stderr\n  bdctl logs --grep '^error'"
)]
pub(crate) struct LogsArgs {
    /// The build: its id, or the first characters of it
    pub(crate) id: Option<String>,
    /// Without an id: the newest build of any workspace
    #[arg(long, conflicts_with = "id")]
    pub(crate) all: bool,
    /// Follow the output until the build ends
    #[arg(long, short, conflicts_with = "json")]
    pub(crate) follow: bool,
    /// Show only the last lines
    #[arg(long, short = 'n', value_name = "LINES")]
    pub(crate) tail: Option<usize>,
    /// Show only lines that match this regular expression
    #[arg(long, value_name = "REGEX", value_parser = values::regex)]
    pub(crate) grep: Option<regex_lite::Regex>,
    /// Show only standard output
    #[arg(long, conflicts_with = "stderr")]
    pub(crate) stdout: bool,
    /// Show only standard error
    #[arg(long)]
    pub(crate) stderr: bool,
    /// Print the build and its output as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Longer lines are handled in pieces, to bound the memory they take.
const LINE_MAX_BYTES: usize = 1024 * 1024;

/// One of a command's streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stream {
    Stdout,
    Stderr,
    /// Both in one, which can be either.
    Both,
}

pub(super) fn run(args: &LogsArgs, caller: &Caller) -> Result<u8, CommandError> {
    let client = caller.client(StartPolicy::IfNeeded)?;
    let build = match &args.id {
        Some(id) => client.build(id)?,
        None => history::newest(&client, args.all)?,
    };
    if let Some(why) = never_ran(&build) {
        eprintln!("bdctl: there is no output of {}: {}", build.id, escape_control(why));
        return Ok(DAEMON_FAILED);
    }
    let id = build.id.clone();
    let mut events = client.events(Subscribe::Build { build: id.clone(), from: 0, both: true })?;
    let open_failed = CommandError::io("open the output");
    let mut reader = Reader {
        args,
        build,
        lines: args.tail.is_some() || args.grep.is_some(),
        partial: Default::default(),
        kept: VecDeque::new(),
        caught_up: false,
        document: [Vec::new(), Vec::new()],
        missing: 0,
        loss: None,
        plain: Default::default(),
        output: Output::new(Route::Apart, caller.shows_colors()).map_err(open_failed)?,
    };
    let ended = follow(&client, None, &mut events, None, &mut reader)?;
    reader.finish()?;
    match ended {
        Ended::Gone => Err(CommandError::DaemonGone { build: id }),
        Ended::Enough | Ended::Expired if reader.loss.is_some() => Ok(DAEMON_FAILED),
        Ended::Enough | Ended::Expired => Ok(0),
    }
}

/// Why a build has no output at all: the daemon could not run it, or its record is lost.
fn never_ran(build: &Build) -> Option<&str> {
    let outcome = build.outcome.as_ref().filter(|_| build.execution.is_none())?;
    (outcome.status == OutcomeStatus::Error).then_some(outcome.message.as_deref()?)
}

/// Selects the part of the output that is wanted.
struct Reader<'a> {
    args: &'a LogsArgs,
    build: Build,
    /// Whether the output is processed line by line; else it passes through as it is.
    lines: bool,
    /// The incomplete last line of each stream.
    partial: [Vec<u8>; 3],
    /// The last lines, until all existing output has been read.
    kept: VecDeque<(Stream, Vec<u8>)>,
    caught_up: bool,
    /// Both streams, for `--json`.
    document: [Vec<u8>; 2],
    missing: u64,
    /// Why the daemon could not give what it should have, where that is so.
    loss: Option<Loss>,
    /// What takes colours out of each stream where they are not for a terminal whatever the output
    /// is: lines that are searched, and a document.
    plain: [Plain; 3],
    output: Output,
}

/// Why output that should be there is not. Output that was left out of a long log, or that a full
/// disk did not take, was missing when the build ended, and is no failure of today.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Loss {
    Damaged,
    Gone,
}

impl Loss {
    fn of(reason: &str) -> Option<Self> {
        match reason {
            "log_damaged" => Some(Self::Damaged),
            "log_gone" => Some(Self::Gone),
            _ => None,
        }
    }

    /// The end of a sentence that says what is missing.
    fn because(self) -> &'static str {
        match self {
            Self::Damaged => "what is on the disk is not what the build wrote",
            Self::Gone => "its log was removed, or is older or more than is kept",
        }
    }
}

impl Reader<'_> {
    fn bytes(&mut self, stream: Stream, bytes: &[u8]) -> Result<(), CommandError> {
        let wanted = match stream {
            Stream::Stdout => !self.args.stderr,
            Stream::Stderr => !self.args.stdout,
            Stream::Both => true,
        };
        if !wanted {
            return Ok(());
        }
        let plain = if self.build.colored && (self.args.grep.is_some() || self.args.json) {
            self.plain[stream as usize].take(bytes)
        } else {
            bytes.into()
        };
        let mut bytes: &[u8] = &plain;
        if !self.lines {
            return self.emit(stream, bytes);
        }
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            let (head, rest) = bytes.split_at(end + 1);
            let mut line = std::mem::take(&mut self.partial[stream as usize]);
            line.extend_from_slice(head);
            self.line(stream, line)?;
            bytes = rest;
        }
        let partial = &mut self.partial[stream as usize];
        partial.extend_from_slice(bytes);
        if partial.len() >= LINE_MAX_BYTES {
            let line = std::mem::take(partial);
            self.line(stream, line)?;
        }
        Ok(())
    }

    fn line(&mut self, stream: Stream, line: Vec<u8>) -> Result<(), CommandError> {
        if let Some(regex) = &self.args.grep {
            let text = String::from_utf8_lossy(&line);
            if !regex.is_match(text.trim_end_matches(['\n', '\r'])) {
                return Ok(());
            }
        }
        match self.args.tail {
            Some(most) if !self.caught_up => {
                self.kept.push_back((stream, line));
                if self.kept.len() > most {
                    self.kept.pop_front();
                }
                Ok(())
            }
            _ => self.emit(stream, &line),
        }
    }

    fn emit(&mut self, stream: Stream, bytes: &[u8]) -> Result<(), CommandError> {
        if self.args.json {
            let document = usize::from(stream == Stream::Stderr);
            self.document[document].extend_from_slice(bytes);
            return Ok(());
        }
        let event = match stream {
            Stream::Stdout => Event::Stdout(bytes),
            Stream::Stderr => Event::Stderr(bytes),
            Stream::Both => Event::Both(bytes),
        };
        Ok(self.output.take(&event)?)
    }

    /// All output that existed at the start has been read.
    fn catch_up(&mut self) -> Result<(), CommandError> {
        self.caught_up = true;
        std::mem::take(&mut self.kept)
            .iter()
            .try_for_each(|(stream, line)| self.emit(*stream, line))
    }

    fn finish(&mut self) -> Result<(), CommandError> {
        for stream in [Stream::Stdout, Stream::Stderr, Stream::Both] {
            let line = std::mem::take(&mut self.partial[stream as usize]);
            if !line.is_empty() {
                self.line(stream, line)?;
            }
        }
        self.catch_up()?;
        self.output.flush()?;
        if self.missing > 0 {
            let missing = size(self.missing);
            match self.loss {
                Some(loss) => {
                    eprintln!("bdctl: {missing} of output are missing: {}", loss.because())
                }
                None => eprintln!("bdctl: warning: {missing} of output are missing"),
            }
        }
        if self.args.json {
            let [stdout, stderr] = &self.document;
            let (stdout, stderr) = (Text::new(stdout), Text::new(stderr));
            print(&document(
                "bd.logs/1",
                &Logs {
                    build: &self.build,
                    stdout: stdout.text,
                    stdout_base64: stdout.base64,
                    stderr: stderr.text,
                    stderr_base64: stderr.base64,
                    left_out_bytes: self.missing,
                },
            ))?;
        }
        Ok(())
    }
}

impl Follower for Reader<'_> {
    fn event(&mut self, event: &Event<'_>) -> Result<Next, CommandError> {
        match event {
            Event::Stdout(bytes) => self.bytes(Stream::Stdout, bytes)?,
            Event::Stderr(bytes) => self.bytes(Stream::Stderr, bytes)?,
            Event::Both(bytes) => self.bytes(Stream::Both, bytes)?,
            Event::Build(build) => {
                self.build = (**build).clone();
                self.output.take(event)?;
            }
            Event::Lagged(lagged) => {
                self.missing += lagged.to.saturating_sub(lagged.from);
                self.loss = self.loss.or(Loss::of(&lagged.reason));
            }
            Event::Done => return Ok(Next::Enough),
            Event::Current if self.args.follow => self.catch_up()?,
            Event::Current => return Ok(Next::Enough),
        }
        Ok(Next::More)
    }

    fn pause(&mut self) -> Result<(), CommandError> {
        Ok(self.output.flush()?)
    }
}

/// Body of `bd.logs/1`.
#[derive(Serialize)]
struct Logs<'a> {
    build: &'a Build,
    /// What was written to standard output; what is not UTF-8 in it is replaced by U+FFFD.
    stdout: String,
    /// The exact bytes, where something was replaced; else `null`.
    stdout_base64: Option<String>,
    stderr: String,
    stderr_base64: Option<String>,
    left_out_bytes: u64,
}

struct Text {
    text: String,
    base64: Option<String>,
}

impl Text {
    fn new(bytes: &[u8]) -> Self {
        use base64::{Engine as _, prelude::BASE64_STANDARD};
        let exact = std::str::from_utf8(bytes).is_ok();
        Self {
            text: String::from_utf8_lossy(bytes).into_owned(),
            base64: (!exact).then(|| BASE64_STANDARD.encode(bytes)),
        }
    }
}
