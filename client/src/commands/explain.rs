//! `bdctl explain`.

use super::{Caller, CommandError, history, print, request};
use crate::cli::ExplainArgs;
use crate::render::builds::{how, moved_inputs, state, summary};
use crate::render::document::{OneBuild, document};
use crate::render::paint::{Paint, Style};
use crate::render::text::{command, duration, harmless};
use bd_client::StartPolicy;
use bd_protocol::submit::Explanation;
use bd_protocol::{Build, OsText};

pub(super) fn explain(args: ExplainArgs, caller: &Caller) -> Result<u8, CommandError> {
    let client = caller.client(StartPolicy::IfNeeded)?;
    let paint = Paint::new(caller.color, &std::io::stdout());
    if args.command.is_empty() {
        let build = match &args.id {
            Some(id) => client.ask_build(id)?,
            None => history::newest(&client)?,
        };
        let json = || document("bd.explain/1", &OneBuild { build: &build });
        print(&if args.json { json() } else { of_build(&build, paint) })?;
        return Ok(0);
    }
    let explanation = client.ask_explanation(request::submit(args.command, args.place)?)?;
    let json = || document("bd.explain/1", &explanation);
    print(&if args.json { json() } else { of_command(&explanation, paint) })?;
    Ok(0)
}

/// Lines of a name and what is to be said of it.
struct Lines {
    paint: Paint,
    text: String,
}

impl Lines {
    fn add(&mut self, name: &str, value: impl AsRef<str>) {
        // As wide as the longest name.
        let name = format!("{name:<12}");
        self.text.push_str(&self.paint.apply(Style::Dim, &name));
        self.text.push(' ');
        self.text.push_str(value.as_ref());
        self.text.push('\n');
    }

    fn add_some(&mut self, name: &str, value: Option<impl AsRef<str>>) {
        if let Some(value) = value {
            self.add(name, value);
        }
    }
}

fn of_command(explanation: &Explanation, paint: Paint) -> String {
    let mut lines = Lines { paint, text: String::new() };
    let path = |text: &OsText| harmless(&text.0.to_string_lossy());
    let names = |names: &[OsText]| names.iter().map(path).collect::<Vec<_>>().join(" ");
    lines.add("command", command(&explanation.command));
    lines.add("root", path(&explanation.root));
    lines.add(
        "directory",
        match path(&explanation.cwd) {
            here if here.is_empty() => ".".to_owned(),
            below => below,
        },
    );
    lines.add("program", explanation.program.as_ref().map_or("not found".to_owned(), path));
    let shared = if explanation.joins { "yes" } else { "no" };
    lines.add("shared", format!("{shared}: {}", harmless(&explanation.reason)));
    lines.add_some("tree", explanation.tree_digest.as_ref());
    lines.add_some("action", explanation.action_digest.as_ref());
    lines.add("variables", names(&explanation.environment));
    lines.add("ignored", names(&explanation.ignored_environment));
    lines.text
}

fn of_build(build: &Build, paint: Paint) -> String {
    let mut lines = Lines { paint, text: String::new() };
    let (word, style) = state(build);
    lines.add("build", format!("{} · {}", build.id, paint.apply(style, &word)));
    lines.add("command", command(&build.command));
    lines.add("directory", harmless(&build.cwd.0.to_string_lossy()));
    lines.add("session", format!("{} · priority {}", build.session, build.priority.name()));
    lines.add("submitted", &build.submitted_at);
    lines.add_some("started", build.started_at.as_ref());
    lines.add_some("ended", build.ended_at.as_ref());
    lines.add_some("waits", build.wait.as_ref().map(|wait| harmless(&wait.detail)));
    let execution = build.joined.as_ref().or(build.execution.as_ref());
    lines.add_some("execution", execution.map(|execution| format!("{execution} · {}", how(build))));
    lines.add_some("shared", build.join_reason.as_ref().map(|reason| harmless(reason)));
    lines.add_some("estimate", build.estimate_ms.map(duration));
    if let Some(outcome) = &build.outcome {
        lines.add("outcome", summary(outcome, paint));
        lines.add_some("note", moved_inputs(outcome));
        lines.add_some("message", outcome.message.as_ref().map(|message| harmless(message)));
    }
    lines.text
}
