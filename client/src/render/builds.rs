//! Builds as text: a word for their state, a line for their outcome, rows of a table. Knows nothing
//! of where they come from.

use super::paint::{Paint, Style};
use super::table::{Cell, table};
use super::text::{command, count, duration, elapsed_ms, escape_control, os, size};
use super::width::shorten;
use bd_protocol::{Build, BuildState, Outcome, OutcomeSource, OutcomeStatus};
use nix::sys::signal::Signal;
use std::path::{Path, PathBuf};

/// Moved inputs that are named; the rest is counted.
const MOVED_SHOWN: usize = 2;

/// The state of a build in one or two words.
pub(crate) fn state(build: &Build) -> Cell {
    let (text, style) = match (build.state, &build.outcome) {
        (BuildState::Waiting, _) => ("waiting".to_owned(), Style::Yellow),
        (BuildState::Running, _) => ("running".to_owned(), Style::Cyan),
        (_, Some(outcome)) => return ending(outcome),
        (BuildState::Ended, None) => ("ended".to_owned(), Style::Plain),
        (BuildState::Unknown, None) => ("unknown".to_owned(), Style::Dim),
    };
    (text, style)
}

fn ending(outcome: &Outcome) -> Cell {
    let red = |text: &str| (text.to_owned(), Style::Red);
    match (outcome.status, outcome.exit_code, outcome.signal) {
        (OutcomeStatus::Ok, ..) => ("ok".to_owned(), Style::Green),
        (OutcomeStatus::Failed, _, Some(signal)) => (signal_name(signal), Style::Red),
        (OutcomeStatus::Failed, Some(code), _) => (format!("exit {code}"), Style::Red),
        (OutcomeStatus::Failed, None, None) => red("failed"),
        (OutcomeStatus::Cancelled, ..) => ("cancelled".to_owned(), Style::Yellow),
        (OutcomeStatus::TimedOut, ..) => red("timed out"),
        (OutcomeStatus::Interrupted, ..) => red("interrupted"),
        (OutcomeStatus::NotRun, ..) => ("not run".to_owned(), Style::Yellow),
        (OutcomeStatus::Error, ..) => red("error"),
        (OutcomeStatus::Unknown, ..) => ("unknown".to_owned(), Style::Dim),
    }
}

fn signal_name(number: i32) -> String {
    Signal::try_from(number)
        .map_or_else(|_| format!("signal {number}"), |signal| signal.as_str().to_owned())
}

/// How a build ended, in one line: "ok in 1.2 s · joined · cpu 3.0 s · peak 80.0 MiB".
pub(crate) fn summary(outcome: &Outcome, paint: Paint) -> String {
    let (word, style) = ending(outcome);
    let mut text = paint.apply(style, &word);
    if let Some(ms) = outcome.duration_ms {
        text.push_str(&format!(" in {}", duration(ms)));
    }
    match outcome.source {
        OutcomeSource::Joined => text.push_str(" · joined"),
        OutcomeSource::Restored => text.push_str(" · restored from the cache"),
        OutcomeSource::Replayed => text.push_str(" · replayed"),
        OutcomeSource::Executed | OutcomeSource::Unknown => {}
    }
    if let Some(ms) = outcome.cpu_ms {
        text.push_str(&format!(" · cpu {}", duration(ms)));
    }
    if let Some(bytes) = outcome.peak_rss_bytes {
        text.push_str(&format!(" · peak {}", size(bytes)));
    }
    text
}

/// How a build that did not succeed ended, in a line that names it.
pub(crate) fn bad_end(build: &Build, outcome: &Outcome) -> String {
    let (word, _) = ending(outcome);
    let more = match outcome.status {
        OutcomeStatus::TimedOut => ": its --timeout expired, and its processes are gone",
        OutcomeStatus::Cancelled => ": it was withdrawn before its end",
        OutcomeStatus::Interrupted | OutcomeStatus::NotRun => ": the daemon stopped",
        _ => "",
    };
    format!("build {}: {word} after {}{more}", escape_control(&build.id), elapsed(build))
}

/// A note that inputs changed while the command ran, if they did.
pub(crate) fn moved_inputs(outcome: &Outcome) -> Option<String> {
    let moved = outcome.inputs_moved.as_ref().filter(|moved| !moved.is_empty())?;
    let named: Vec<_> = moved.iter().take(MOVED_SHOWN).map(os).collect();
    let more = moved.len().saturating_sub(MOVED_SHOWN);
    let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
    Some(format!(
        "inputs moved while it ran: {}{rest}; the outcome may belong to neither state, run it again",
        named.join(", ")
    ))
}

/// How long it runs or ran, or for how long it has been waiting.
pub(crate) fn elapsed(build: &Build) -> String {
    let from = build.started_at.as_deref().filter(|_| build.state != BuildState::Waiting);
    let own = build.outcome.as_ref().and_then(|outcome| outcome.duration_ms);
    let ms =
        own.or_else(|| elapsed_ms(from.unwrap_or(&build.submitted_at), build.ended_at.as_deref()));
    ms.map(duration).unwrap_or_default()
}

/// Builds that have not ended, as a table with a heading.
pub(crate) fn active(builds: &[Build], paint: Paint, width: Option<usize>) -> String {
    let heading = ["BUILD", "STATE", "ELAPSED", "ESTIMATE", "SESSION", "DIR", "COMMAND"];
    let mut rows = vec![heading.map(|text| (text.to_owned(), Style::Dim)).to_vec()];
    for build in builds {
        let estimate = match &build.wait {
            Some(wait) => {
                let position = wait.position.map(|position| format!("#{position}"));
                let start = wait.estimate_ms.map(|ms| format!("starts in {}", duration(ms)));
                [position, start].into_iter().flatten().collect::<Vec<_>>().join(" ")
            }
            None => build.estimate_ms.map(|ms| format!("of {}", duration(ms))).unwrap_or_default(),
        };
        let session = build.session.to_string();
        rows.push(row(
            build,
            [
                (elapsed(build), Style::Plain),
                (estimate, Style::Dim),
                (session, Style::Plain),
                (place(build), Style::Plain),
            ],
        ));
    }
    let waits = builds.iter().map(|build| build.wait.as_ref().map(|wait| wait.detail.as_str()));
    with_notes(&table(&rows, paint, width), waits, paint, width)
}

/// Builds of the past, as a table with a heading; below each, why it was shared or not.
pub(crate) fn past(builds: &[Build], paint: Paint, width: Option<usize>) -> String {
    let heading = ["BUILD", "ENDED", "AGE", "TOOK", "HOW", "SESSION", "DIR", "COMMAND"];
    let mut rows = vec![heading.map(|text| (text.to_owned(), Style::Dim)).to_vec()];
    for build in builds {
        let age = elapsed_ms(&build.submitted_at, None).map(duration).unwrap_or_default();
        let cells = [
            (age, Style::Dim),
            (elapsed(build), Style::Plain),
            (how(build).to_owned(), Style::Plain),
            (build.session.to_string(), Style::Plain),
            (place(build), Style::Plain),
        ];
        rows.push(row(build, cells));
    }
    let reasons = builds.iter().map(|build| build.join_reason.as_deref());
    with_notes(&table(&rows, paint, width), reasons, paint, width)
}

/// A table with a heading, and below each row a note on it, if there is one.
fn with_notes<'a>(
    table: &str,
    notes: impl Iterator<Item = Option<&'a str>>,
    paint: Paint,
    width: Option<usize>,
) -> String {
    const INDENT: &str = "    ";
    let mut text = String::new();
    // The first line is the heading.
    for (line, note) in table.split_inclusive('\n').zip(std::iter::once(None).chain(notes)) {
        text.push_str(line);
        if let Some(note) = note {
            let note = format!("{INDENT}{}", escape_control(note));
            let note = width.map_or_else(|| note.clone(), |width| shorten(&note, width));
            text.push_str(&paint.apply(Style::Dim, &note));
            text.push('\n');
        }
    }
    text
}

/// The directory a build runs in: from here where it is here or below, else from home, and of a long
/// one its end.
fn place(build: &Build) -> String {
    const LONGEST: usize = 32;
    let dir = build.cwd.as_path();
    let here = std::env::current_dir().ok();
    let home = std::env::var_os("HOME").filter(|home| !home.is_empty()).map(PathBuf::from);
    let below = |base: &Option<PathBuf>| {
        base.as_deref().and_then(|base| dir.strip_prefix(base).ok()).map(Path::to_path_buf)
    };
    let path = match (below(&here), below(&home)) {
        (Some(rest), _) if rest.as_os_str().is_empty() => PathBuf::from("."),
        (Some(rest), _) => Path::new(".").join(rest),
        (None, Some(rest)) => Path::new("~").join(rest),
        (None, None) => dir.to_path_buf(),
    };
    let text = escape_control(&path.to_string_lossy());
    match text.chars().count() {
        length if length > LONGEST => {
            let end: String = text.chars().skip(length + 1 - LONGEST).collect();
            format!("…{end}")
        }
        _ => text,
    }
}

/// Whether it ran, joined or came from the cache, in one word.
pub(crate) fn how(build: &Build) -> &'static str {
    match build.outcome.as_ref().map(|outcome| outcome.source) {
        _ if build.joined.is_some() => "joined",
        Some(OutcomeSource::Joined) => "joined",
        Some(OutcomeSource::Restored) => "restored",
        Some(OutcomeSource::Replayed) => "replayed",
        Some(OutcomeSource::Executed) if build.started_at.is_none() => "-",
        Some(OutcomeSource::Executed) | None => "ran",
        Some(OutcomeSource::Unknown) => "?",
    }
}

fn row<const N: usize>(build: &Build, middle: [Cell; N]) -> Vec<Cell> {
    let mut row = vec![(build.id.clone(), Style::Bold), state(build)];
    row.extend(middle);
    row.push((command(&build.command), Style::Plain));
    row
}

/// "3 builds: 1 running, 2 waiting".
pub(crate) fn tally(builds: &[Build]) -> String {
    let of = |state| builds.iter().filter(|build| build.state == state).count();
    let (running, waiting) = (of(BuildState::Running), of(BuildState::Waiting));
    match builds.len() {
        0 => "no builds".to_owned(),
        all => format!("{}: {running} running, {waiting} waiting", count(all, "build")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::paint::ColorChoice;

    fn outcome(status: OutcomeStatus, exit_code: Option<i32>, signal: Option<i32>) -> Outcome {
        Outcome {
            status,
            exit_code,
            signal,
            inputs_moved: None,
            duration_ms: Some(1200),
            cpu_ms: None,
            peak_rss_bytes: Some(1 << 20),
            source: OutcomeSource::Joined,
            message: None,
        }
    }

    #[test]
    fn an_outcome_is_one_line() {
        let paint = Paint::new(ColorChoice::Never, &std::io::stdout());
        for (status, exit_code, signal, word) in [
            (OutcomeStatus::Ok, Some(0), None, "ok"),
            (OutcomeStatus::Failed, Some(3), None, "exit 3"),
            (OutcomeStatus::Failed, None, Some(9), "SIGKILL"),
            (OutcomeStatus::Failed, None, Some(99), "signal 99"),
            (OutcomeStatus::TimedOut, None, Some(15), "timed out"),
        ] {
            assert_eq!(
                summary(&outcome(status, exit_code, signal), paint),
                format!("{word} in 1.2 s · joined · peak 1.0 MiB")
            );
        }
    }

    #[test]
    fn moved_inputs_are_named_and_counted() {
        let mut outcome = outcome(OutcomeStatus::Ok, Some(0), None);
        assert_eq!(moved_inputs(&outcome), None);
        outcome.inputs_moved = Some(["a", "b", "c", "d"].map(Into::into).to_vec());
        let text = moved_inputs(&outcome).expect("inputs moved");
        assert!(text.starts_with("inputs moved while it ran: a, b and 2 more; "), "{text}");
    }
}
